import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Registry } from '../kinds/registry.ts';
import type { Objects } from '../objects/objects.ts';
import type { Store } from '../storage/store.ts';
import { systemClock, type Clock } from './clock.ts';
import { Context, type Controller, type SharedInside } from './context.ts';
import { EventRecorder } from './events.ts';
import { EveryKind } from './every-kind.ts';
import { Informers, storeSource } from './informer.ts';
import { StoreClient } from './store-client.ts';

/** Each is loaded when a server runs it: most run one. */
const ALL: Readonly<Record<string, () => Promise<Controller<SharedInside>>>> = {
  'deployment-controller': async () => (await import('./deployment/deployment.ts')).deploymentController,
  'replicaset-controller': async () => (await import('./replicaset.ts')).replicaSetController,
  'statefulset-controller': async () => (await import('./statefulset/statefulset.ts')).statefulSetController,
  'daemonset-controller': async () => (await import('./daemonset/daemonset.ts')).daemonSetController,
  'job-controller': async () => (await import('./job/job.ts')).jobController,
  'cronjob-controller': async () => (await import('./job/cronjob.ts')).cronJobController,
  'ttl-after-finished-controller': async () => (await import('./job/ttl.ts')).ttlAfterFinished,
  'endpoints-controller': async () => (await import('./endpoints/endpoints.ts')).endpointsController,
  'endpointslice-controller': async () => (await import('./endpoints/endpointslice.ts')).endpointSliceController,
  'endpointslice-mirroring-controller': async () => (await import('./endpoints/mirroring.ts')).endpointSliceMirroringController,
  'serviceaccount-controller': async () => (await import('./service-account.ts')).serviceAccountController,
  'root-ca-certificate-publisher-controller': async () => (await import('./service-account.ts')).rootCaPublisher,
  'namespace-controller': async () => (await import('./namespace.ts')).namespaceController,
  'garbage-collector-controller': async () => (await import('./garbage-collector.ts')).garbageCollector,
  'node-lifecycle-controller': async () => (await import('./node/lifecycle.ts')).nodeLifecycleController,
  'taint-eviction-controller': async () => (await import('./node/taint-eviction.ts')).taintEvictionController,
  'pod-garbage-collector-controller': async () => (await import('./pod-garbage.ts')).podGarbageCollector,
  'disruption-controller': async () => (await import('./disruption.ts')).disruptionController,
  'persistentvolume-binder-controller': async () => (await import('./volumes/binder.ts')).volumeBinder,
  'host-path-provisioner': async () => (await import('./volumes/provisioner.ts')).hostPathProvisioner,
  'ephemeral-volume-controller': async () => (await import('./volumes/ephemeral.ts')).ephemeralVolumeController,
  'persistentvolumeclaim-protection-controller': async () => (await import('./volumes/protection.ts')).claimProtection,
  'persistentvolume-protection-controller': async () => (await import('./volumes/protection.ts')).volumeProtection,
  'resourcequota-controller': async () => (await import('./resource-quota.ts')).resourceQuotaController,
  scheduler: async () => (await import('./scheduler/scheduler.ts')).scheduler,
};

/** What a server runs that is asked for nothing: deleted namespaces go. */
export const DEFAULT_CONTROLLERS: readonly string[] = ['namespace-controller'];

export const controllerNames: readonly string[] = Object.keys(ALL);

/**
 * The names of the controllers that a list means, as `--controllers` of kube-controller-manager does: `*` is all, `-name` all but that one.
 * @throws TypeError that names what is unknown
 */
export function chosen(list: readonly string[]): string[] {
  const unknown = list.map((n) => n.replace(/^-/, '')).filter((n) => n !== '*' && !controllerNames.includes(n));
  if (unknown.length > 0)
    throw new TypeError(
      `controllers: ${unknown.map((u) => JSON.stringify(u)).join(', ')}: expected *, or names out of ${controllerNames.join(', ')}, each with - in front to leave it out`,
    );
  return controllerNames.filter((name) => !list.includes(`-${name}`) && (list.includes('*') || list.includes(name)));
}

export interface ControllersOptions {
  store: Store;
  registry: Registry;
  objects: Objects;
  /** Names out of `controllerNames`. */
  controllers: readonly string[];
  /** The cluster's CA certificate, PEM. */
  ca: string;
  clock?: Clock | undefined;
  /** Where volumes of the class `standard` are made; a temporary directory without it. */
  volumesDir?: string | undefined;
  report: (error: unknown) => void;
}

/** Starts controllers over a store; the result stops them. They take up what they find. */
export async function startControllers(options: ControllersOptions): Promise<() => Promise<void>> {
  const { store, registry, objects, ca, clock = systemClock, report } = options;
  const controllers = await Promise.all(options.controllers.map((name) => ALL[name]!()));
  const informers = new Informers(storeSource(store, registry), report);
  let temporary: Promise<string> | undefined;
  const volumesDir = (): Promise<string> =>
    options.volumesDir === undefined ? (temporary ??= mkdtemp(join(tmpdir(), 'kosmos-volumes-'))) : Promise.resolve(options.volumesDir);
  const everyKind = new EveryKind(store, registry, report);
  const written = { store, registry, objects };
  const client = new StoreClient(written);
  const events = new EventRecorder(client, clock);
  const shared: SharedInside = { store, registry, client, clock, informers, everyKind, events, ca, volumesDir, report };
  const contexts = controllers.map((controller) => {
    const writer = controller.writer === undefined ? client : new StoreClient(written, controller.writer);
    const context = new Context(shared, controller.component ?? controller.name, writer);
    controller.start(context);
    return context;
  });
  return async () => {
    await Promise.all(contexts.map((context) => context.stop()));
    everyKind.stop();
    informers.stop();
    if (temporary) await rm(await temporary, { recursive: true, force: true });
  };
}

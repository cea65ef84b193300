import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Registry } from '../kinds/registry.ts';
import type { Objects } from '../objects/objects.ts';
import type { Store } from '../storage/store.ts';
import { systemClock, type Clock } from './clock.ts';
import { Context, type Controller, type SharedInside } from './context.ts';
import { daemonSetController } from './daemonset/daemonset.ts';
import { deploymentController } from './deployment/deployment.ts';
import { disruptionController } from './disruption.ts';
import { endpointsController } from './endpoints/endpoints.ts';
import { endpointSliceController } from './endpoints/endpointslice.ts';
import { endpointSliceMirroringController } from './endpoints/mirroring.ts';
import { EventRecorder } from './events.ts';
import { EveryKind } from './every-kind.ts';
import { garbageCollector } from './garbage-collector.ts';
import { Informers, storeSource } from './informer.ts';
import { cronJobController } from './job/cronjob.ts';
import { jobController } from './job/job.ts';
import { ttlAfterFinished } from './job/ttl.ts';
import { namespaceController } from './namespace.ts';
import { nodeLifecycleController } from './node/lifecycle.ts';
import { taintEvictionController } from './node/taint-eviction.ts';
import { podGarbageCollector } from './pod-garbage.ts';
import { replicaSetController } from './replicaset.ts';
import { resourceQuotaController } from './resource-quota.ts';
import { scheduler } from './scheduler/scheduler.ts';
import { StoreClient } from './store-client.ts';
import { statefulSetController } from './statefulset/statefulset.ts';
import { volumeBinder } from './volumes/binder.ts';
import { ephemeralVolumeController } from './volumes/ephemeral.ts';
import { claimProtection, volumeProtection } from './volumes/protection.ts';
import { hostPathProvisioner } from './volumes/provisioner.ts';
import { rootCaPublisher, serviceAccountController } from './service-account.ts';

const ALL: readonly Controller<SharedInside>[] = [
  deploymentController,
  replicaSetController,
  statefulSetController,
  daemonSetController,
  jobController,
  cronJobController,
  ttlAfterFinished,
  endpointsController,
  endpointSliceController,
  endpointSliceMirroringController,
  serviceAccountController,
  rootCaPublisher,
  namespaceController,
  garbageCollector,
  nodeLifecycleController,
  taintEvictionController,
  podGarbageCollector,
  disruptionController,
  volumeBinder,
  hostPathProvisioner,
  ephemeralVolumeController,
  claimProtection,
  volumeProtection,
  resourceQuotaController,
  scheduler,
];

/** What a server runs that is asked for nothing: deleted namespaces go. */
export const DEFAULT_CONTROLLERS: readonly string[] = ['namespace-controller'];

export const controllerNames: readonly string[] = ALL.map((c) => c.name);

/**
 * The controllers that a list means, as `--controllers` of kube-controller-manager does: `*` is all, `-name` all but that one.
 * @throws TypeError that names what is unknown
 */
export function chosen(list: readonly string[]): Controller<SharedInside>[] {
  const unknown = list.map((n) => n.replace(/^-/, '')).filter((n) => n !== '*' && !controllerNames.includes(n));
  if (unknown.length > 0)
    throw new TypeError(
      `controllers: ${unknown.map((u) => JSON.stringify(u)).join(', ')}: expected *, or names out of ${controllerNames.join(', ')}, each with - in front to leave it out`,
    );
  return ALL.filter(({ name }) => !list.includes(`-${name}`) && (list.includes('*') || list.includes(name)));
}

export interface ControllersOptions {
  store: Store;
  registry: Registry;
  objects: Objects;
  controllers: readonly Controller<SharedInside>[];
  /** The cluster's CA certificate, PEM. */
  ca: string;
  clock?: Clock | undefined;
  /** Where volumes of the class `standard` are made; a temporary directory without it. */
  volumesDir?: string | undefined;
  report: (error: unknown) => void;
}

/** Starts controllers over a store; the result stops them. They take up what they find. */
export function startControllers(options: ControllersOptions): () => Promise<void> {
  const { store, registry, objects, controllers, ca, clock = systemClock, report } = options;
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

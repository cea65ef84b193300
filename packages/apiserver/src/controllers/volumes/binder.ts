import { equal } from '../../schema/schema.ts';
import type { Context, Controller } from '../context.ts';
import { apiVersionOf, Claims, keyOf, splitKey, StorageClasses, Volumes, type Claim, type StorageClass, type Volume } from '../kube.ts';
import { isTerminating } from '../pods.ts';
import type { WorkQueue } from '../queue.ts';
import {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  classOf,
  isBound,
  isDelayed,
  isFor,
  match,
  NO_PROVISIONER,
  satisfies,
  SELECTED_NODE,
} from './matching.ts';

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
const PROVISIONERS = ['volume.kubernetes.io/storage-provisioner', 'volume.beta.kubernetes.io/storage-provisioner'];

/** Brings claims and volumes together, and tells volumes whose claims went. */
export const volumeBinder: Controller = {
  name: 'persistentvolume-binder-controller',
  component: 'persistentvolume-controller',
  start(c) {
    // One at a time: two claims must not choose the same volume.
    const queue: WorkQueue = c.queue((key) => (key.startsWith('claim ') ? syncClaim(c, key.slice(6)) : syncVolume(c, key.slice(7))), 1);
    const claim = (o: Claim): void => queue.add(`claim ${keyOf(o)}`);
    const open = (): void => {
      for (const o of c.informer(Claims).list()) if (!isBound(o)) claim(o);
    };
    c.informer(Claims).on((now, before) => {
      claim((now ?? before)!);
      const { volumeName } = (now ?? before)!.spec;
      if (volumeName) queue.add(`volume ${volumeName}`);
      if (!now) for (const v of c.informer(Volumes).list()) if (isFor(v, before!)) queue.add(`volume ${v.metadata.name}`);
    });
    c.informer(Volumes).on((now, before) => {
      queue.add(`volume ${(now ?? before)!.metadata.name}`);
      const ref = (now ?? before)!.spec.claimRef;
      if (ref) queue.add(`claim ${ref.namespace}/${ref.name}`);
      else open();
    });
    c.informer(StorageClasses).on(open);
  },
};

async function syncClaim(c: Context, key: string): Promise<void> {
  const claim = c.informer(Claims).get(...splitKey(key));
  if (!claim) return;
  const volume = claim.spec.volumeName ? c.informer(Volumes).get('', claim.spec.volumeName) : undefined;
  if (isBound(claim)) {
    if (volume && isFor(volume, claim)) return bind(c, claim, volume);
    if (claim.status?.phase === 'Lost') return;
    await c.client.updateStatus(Claims, claim, (o) => {
      o.status = { ...o.status, phase: 'Lost' };
    });
    const message = volume
      ? 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!'
      : 'Bound claim has lost its PersistentVolume. Data on the volume is lost!';
    return c.event(Claims, claim, 'Warning', 'ClaimLost', message);
  }
  if (isTerminating(claim)) return;
  if (claim.spec.volumeName) {
    if (!volume) return;
    if (volume.spec.claimRef ? isFor(volume, claim) : satisfies(volume, claim)) return bind(c, claim, volume);
    return c.event(Claims, claim, 'Warning', 'FailedBinding', `volume "${volume.metadata.name}" already bound to a different claim.`);
  }
  if (claim.spec.storageClassName === undefined && (await adoptDefaultClass(c, claim))) return;
  const delayed = isDelayed(c, claim) && !claim.metadata.annotations?.[SELECTED_NODE];
  const found = match(c, claim, { onlyMeant: delayed });
  if (found) return bind(c, claim, found);
  const storageClass = classOf(c, claim);
  if (delayed) {
    c.event(Claims, claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
  } else if (storageClass && storageClass.provisioner !== NO_PROVISIONER) await askProvisioner(c, claim, storageClass);
  else if (claim.spec.storageClassName && !storageClass) {
    c.event(Claims, claim, 'Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${claim.spec.storageClassName}" not found`);
  } else {
    c.event(Claims, claim, 'Normal', 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set');
  }
}

/** A claim that names no class gets the default one, the newest if there are several; whether there is one. */
async function adoptDefaultClass(c: Context, claim: Claim): Promise<boolean> {
  const [found] = c
    .informer(StorageClasses)
    .list()
    .filter((s) => s.metadata.annotations?.[DEFAULT_CLASS] === 'true')
    .sort((a, b) => (a.metadata.creationTimestamp > b.metadata.creationTimestamp ? -1 : 1));
  if (!found) return false;
  await c.client.update(Claims, claim, (o) => {
    o.spec.storageClassName = found.metadata.name;
  });
  return true;
}

async function askProvisioner(c: Context, claim: Claim, { provisioner }: StorageClass): Promise<void> {
  const wanted = Object.fromEntries(PROVISIONERS.map((a) => [a, provisioner]));
  if (!PROVISIONERS.every((a) => claim.metadata.annotations?.[a] === provisioner))
    await c.client.modify(Claims, claim, (o) => {
      o.metadata.annotations = { ...o.metadata.annotations, ...wanted };
    });
  const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
  c.event(Claims, claim, 'Normal', 'ExternalProvisioning', message);
}

/** Writes both sides of a binding, volume first: whoever finds it half done goes on. */
async function bind(c: Context, claim: Claim, volume: Volume): Promise<void> {
  const { name, namespace = '', uid, resourceVersion } = claim.metadata;
  let v = volume;
  if (v.spec.claimRef?.uid !== uid) {
    const isOurs = !v.spec.claimRef;
    v = await c.client.update(Volumes, v, (o) => {
      o.spec.claimRef = { kind: Claims.kind, apiVersion: apiVersionOf(Claims), namespace, name, uid, resourceVersion };
      if (isOurs) o.metadata.annotations = { ...o.metadata.annotations, [BOUND_BY_CONTROLLER]: 'yes' };
    });
  }
  if (v.status?.phase !== 'Bound') await setPhase(c, v, 'Bound');
  let bound = claim;
  if (!isBound(claim)) {
    const isOurs = !claim.spec.volumeName;
    bound = await c.client.update(Claims, claim, (o) => {
      o.spec.volumeName = v.metadata.name;
      o.metadata.annotations = { ...o.metadata.annotations, [BIND_COMPLETED]: 'yes', ...(isOurs && { [BOUND_BY_CONTROLLER]: 'yes' }) };
    });
  }
  const status = { ...bound.status, phase: 'Bound', accessModes: v.spec.accessModes, capacity: v.spec.capacity };
  if (equal(status, bound.status)) return;
  await c.client.updateStatus(Claims, bound, (o) => {
    o.status = status;
  });
}

async function setPhase(c: Context, volume: Volume, phase: string): Promise<void> {
  if (volume.status?.phase === phase) return;
  await c.client.updateStatus(Volumes, volume, (o) => {
    o.status = { ...o.status, phase };
  });
}

async function syncVolume(c: Context, name: string): Promise<void> {
  const volume = c.informer(Volumes).get('', name);
  if (!volume) return;
  const { claimRef } = volume.spec;
  if (!claimRef?.uid) return setPhase(c, volume, 'Available');
  const claim = c.informer(Claims).get(claimRef.namespace, claimRef.name);
  if (claim?.metadata.uid !== claimRef.uid) {
    if (volume.status?.phase !== 'Failed') await setPhase(c, volume, 'Released');
    return;
  }
  // The claim's own look binds it; one that has another volume by now does not need this one.
  if (!claim.spec.volumeName || claim.spec.volumeName === name) return;
  await c.client.update(Volumes, volume, (o) => {
    delete o.spec.claimRef;
    const { [BOUND_BY_CONTROLLER]: _b, ...rest } = o.metadata.annotations ?? {};
    o.metadata.annotations = rest;
  });
}

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../../http/errors.ts';
import type { Context, Controller } from '../context.ts';
import { apiVersionOf, Claims, keyOf, Nodes, splitKey, StorageClasses, Volumes, type Claim, type Volume } from '../kube.ts';
import { isTerminating } from '../pods.ts';
import { classOf, isDelayed, SELECTED_NODE } from './matching.ts';

const PROVISIONER = 'apiserver.kosmos.io/host-path';
const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
const WANTED_BY = 'volume.kubernetes.io/storage-provisioner';

/** Makes volumes of directories of this machine, and the default class `standard` that has them. */
export const hostPathProvisioner: Controller = {
  name: 'host-path-provisioner',
  component: PROVISIONER,
  start(c) {
    const queue = c.queue(
      (key) => (key.startsWith('claim ') ? provision(c, key.slice(6)) : key === 'class' ? makeClass(c) : reclaim(c, key.slice(7))),
      4,
    );
    queue.add('class');
    c.informer(Claims).on((now) => {
      if (now && !now.spec.volumeName && now.metadata.annotations?.[WANTED_BY] === PROVISIONER) queue.add(`claim ${keyOf(now)}`);
    });
    c.informer(Volumes).on((now) => {
      if (now?.status?.phase === 'Released' && now.metadata.annotations?.[PROVISIONED_BY] === PROVISIONER)
        queue.add(`volume ${now.metadata.name}`);
    });
  },
};

async function makeClass(c: Context): Promise<void> {
  if (c.informer(StorageClasses).list().length > 0) return;
  await c.client
    .create(StorageClasses, {
      metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: PROVISIONER,
      reclaimPolicy: 'Delete',
      volumeBindingMode: 'WaitForFirstConsumer',
    })
    .catch(ignoreExisting);
}

const ignoreExisting = (error: unknown): void => {
  if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
};

async function provision(c: Context, key: string): Promise<void> {
  const claim = c.informer(Claims).get(...splitKey(key));
  const storageClass = claim && classOf(c, claim);
  if (!claim || !storageClass || storageClass.provisioner !== PROVISIONER || claim.spec.volumeName || isTerminating(claim)) return;
  const node = claim.metadata.annotations?.[SELECTED_NODE];
  if (isDelayed(c, claim) && !node) return;
  const name = `pvc-${claim.metadata.uid}`;
  if (c.informer(Volumes).get('', name)) return;
  c.event(Claims, claim, 'Normal', 'Provisioning', `External provisioner is provisioning volume for claim "${key}"`);
  const path = join(await c.shared.volumesDir(), name);
  await mkdir(path, { recursive: true });
  await c.client.create(Volumes, draftOf(c, claim, { name, path, node, storageClass })).catch(ignoreExisting);
  c.event(Claims, claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${name}`);
}

interface Place {
  name: string;
  path: string;
  node: string | undefined;
  storageClass: { metadata: { name: string }; reclaimPolicy: string; mountOptions?: string[] };
}

function draftOf(
  c: Context,
  claim: Claim,
  { name, path, node, storageClass }: Place,
): Omit<Volume, 'metadata'> & { metadata: { name: string; annotations: Record<string, string> } } {
  const { namespace = '', uid, resourceVersion } = claim.metadata;
  const hostname = node ? (c.informer(Nodes).get('', node)?.metadata.labels?.['kubernetes.io/hostname'] ?? node) : undefined;
  const term = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [hostname ?? ''] }] };
  return {
    metadata: { name, annotations: { [PROVISIONED_BY]: PROVISIONER } },
    spec: {
      accessModes: claim.spec.accessModes,
      capacity: { storage: claim.spec.resources?.requests?.storage ?? '0' },
      claimRef: { kind: Claims.kind, apiVersion: apiVersionOf(Claims), namespace, name: claim.metadata.name, uid, resourceVersion },
      hostPath: { path, type: 'DirectoryOrCreate' },
      ...(hostname !== undefined && { nodeAffinity: { required: { nodeSelectorTerms: [term] } } }),
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy,
      storageClassName: storageClass.metadata.name,
      volumeMode: claim.spec.volumeMode ?? 'Filesystem',
    },
  };
}

/** Removes what a released volume held, where its policy says so. */
async function reclaim(c: Context, name: string): Promise<void> {
  const volume = c.informer(Volumes).get('', name);
  if (volume?.status?.phase !== 'Released' || volume.spec.persistentVolumeReclaimPolicy !== 'Delete' || isTerminating(volume)) return;
  const path = join(await c.shared.volumesDir(), name);
  // A path that is not where this provisioner puts a volume of this name was written by somebody else: it stays.
  if (volume.spec.hostPath?.path === path) await rm(path, { recursive: true, force: true });
  await c.client.delete(Volumes, volume);
}

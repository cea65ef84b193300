import { field, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { quantityValue } from '../quantity.ts';
import type { Strategy } from '../resource.ts';
import { nodeSelectorProblems } from './affinity.ts';
import { oneOf, subdomain, wanted } from './checks.ts';
import { noBacksteps } from './mounts.ts';
import { persistentWarnings } from './pod-warnings.ts';
import { modeProblems, pendingStatus } from './storage.ts';
import { csiDriverName, sourceDefaults, sourceProblems } from './volumes.ts';

/** Sources in the order in which Kubernetes looks at them: the first one counts. */
const SOURCES =
  `hostPath gcePersistentDisk awsElasticBlockStore glusterfs flocker nfs rbd quobyte cephfs iscsi cinder fc flexVolume azureFile
   vsphereVolume photonPersistentDisk portworxVolume azureDisk scaleIO local storageos csi`.split(/\s+/);
/** Names under which a source that is one too many is told of. */
const FORBIDDEN: Record<string, string> = { cephfs: 'cephFS' };
/** Names under which Kubernetes tells of what is in a source. */
const CALLED: Record<string, string> = { gcePersistentDisk: 'persistentDisk' };

function problemsOf(source: string, spec: JsonObject): Cause[] {
  const of: JsonObject = spec[source];
  const at = `spec.${CALLED[source] ?? source}`;
  switch (source) {
    case 'local':
      return [
        ...(of['path'] ? noBacksteps(of['path'], `${at}.path`) : [field.required(`${at}.path`)]),
        ...(spec['nodeAffinity']?.required ? [] : [field.required('spec.nodeAffinity', 'Local volume requires node affinity')]),
      ];
    case 'csi':
      return [
        ...csiDriverName(of['driver'], `${at}.driver`),
        ...wanted(of, at, 'volumeHandle'),
        ...['controllerPublishSecretRef', 'controllerExpandSecretRef', 'nodePublishSecretRef', 'nodeExpandSecretRef'].flatMap((ref) =>
          of[ref] ? wanted(of[ref], `${at}.${ref}`, 'name', 'namespace') : [],
        ),
      ];
    default:
      return sourceProblems(source, of, at);
  }
}

function volumeProblems({ spec }: JsonObject): Cause[] {
  const causes: Cause[] = [
    ...(spec.accessModes?.length ? modeProblems(spec.accessModes, 'spec.accessModes') : [field.required('spec.accessModes')]),
    ...(Object.keys(spec.capacity ?? {}).length ? [] : [field.required('spec.capacity')]),
  ];
  if (!spec.capacity?.storage || Object.keys(spec.capacity).length > 1)
    causes.push(field.notSupported('spec.capacity', spec.capacity ?? null, ['storage']));
  for (const [key, value] of Object.entries(spec.capacity ?? {}))
    if (!(quantityValue(value) > 0)) causes.push(field.invalid(`spec.capacity[${key}]`, value, 'must be greater than zero'));
  const sources = SOURCES.filter((k) => spec[k] !== undefined);
  if (!sources.length) causes.push(field.required('spec', 'must specify a volume type'));
  for (const [i, source] of sources.entries()) {
    const at = `spec.${FORBIDDEN[source] ?? source}`;
    if (i && source !== 'flexVolume') causes.push(field.forbidden(at, 'may not specify more than 1 volume type'));
    else causes.push(...problemsOf(source, spec));
  }
  causes.push(
    ...(spec.nodeAffinity && !spec.nodeAffinity.required
      ? [field.required('spec.nodeAffinity.required', 'must specify required node constraints')]
      : []),
    ...nodeSelectorProblems(spec.nodeAffinity?.required, 'spec.nodeAffinity.required'),
    ...oneOf(spec.persistentVolumeReclaimPolicy, 'spec.persistentVolumeReclaimPolicy', ['Delete', 'Recycle', 'Retain']),
    ...oneOf(spec.volumeMode, 'spec.volumeMode', ['Block', 'Filesystem']),
    ...subdomain(spec.storageClassName, 'spec.storageClassName'),
  );
  const attributes: unknown = spec.volumeAttributesClassName;
  if (attributes !== undefined) {
    const at = 'spec.volumeAttributesClassName';
    causes.push(...(attributes === '' ? [field.required(at, 'an empty string is disallowed')] : subdomain(attributes, at)));
    if (!spec.csi) causes.push(field.required('spec.csi', 'has to be specified when using volumeAttributesClassName'));
  }
  if (spec.hostPath?.path === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle')
    causes.push(field.forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"));
  return causes;
}

export const volume: Strategy = {
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    spec['persistentVolumeReclaimPolicy'] ||= 'Retain';
    spec['volumeMode'] ??= 'Filesystem';
    sourceDefaults(spec);
    pendingStatus(object);
  },
  create(object, { now }) {
    object['metadata'].finalizers = [...new Set([...(object['metadata'].finalizers ?? []), 'kubernetes.io/pv-protection'])];
    object['status'] = { phase: 'Pending', lastPhaseTransitionTime: now };
  },
  warnings: persistentWarnings,
  updateStatus(object, old, { now }) {
    if (old['status']?.lastPhaseTransitionTime && !object['status']?.lastPhaseTransitionTime)
      object['status'] = { ...object['status'], lastPhaseTransitionTime: old['status'].lastPhaseTransitionTime };
    if (object['status']?.phase !== old['status']?.phase) object['status'] = { ...object['status'], lastPhaseTransitionTime: now };
  },
  validate: volumeProblems,
  validateUpdate(object, old) {
    const source = (o: JsonObject): JsonObject => Object.fromEntries(SOURCES.map((k) => [k, o['spec'][k]]));
    // All of it once more.
    const causes = volumeProblems(object);
    if (!equal(source(object), source(old)))
      causes.push(field.forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'));
    if (object['spec'].volumeMode !== old['spec'].volumeMode)
      causes.push(field.invalid('volumeMode', object['spec'].volumeMode, 'field is immutable'));
    if (old['spec'].nodeAffinity && !equal(object['spec'].nodeAffinity, old['spec'].nodeAffinity))
      causes.push(field.invalid('nodeAffinity', object['spec'].nodeAffinity ?? null, 'field is immutable'));
    return causes;
  },
};

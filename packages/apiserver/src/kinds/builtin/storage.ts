import { field, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { quantityValue } from '../quantity.ts';
import type { Strategy } from '../resource.ts';
import { nodeTermProblems } from './pod-spec.ts';
import { oneOf, selectorProblems, subdomain } from './checks.ts';

const MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];

function modeProblems(modes: string[]): Cause[] {
  const causes = modes.flatMap((m, i) => oneOf(m, `spec.accessModes[${i}]`, MODES).map((c) => ({ ...c, field: 'spec.accessModes' })));
  if (modes.includes('ReadWriteOncePod') && modes.length > 1)
    causes.push(field.forbidden('spec.accessModes', 'may not use ReadWriteOncePod with other access modes'));
  return causes;
}

export function claimDefaults(object: JsonObject): void {
  const spec: JsonObject = (object['spec'] ??= {});
  spec['volumeMode'] ??= 'Filesystem';
  spec['resources'] ??= {};
}

/** The class of claims that name none: of those that are marked, the newest. */
function defaultClass(classes: JsonObject[]): string | undefined {
  const marked = classes
    .map((c) => c['metadata'] as JsonObject)
    .filter((m) =>
      ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'].some(
        (a) => m['annotations']?.[a] === 'true',
      ),
    )
    .sort((a, b) =>
      a['creationTimestamp'] > b['creationTimestamp'] || (a['creationTimestamp'] === b['creationTimestamp'] && a['name'] < b['name'])
        ? -1
        : 1,
    );
  return marked[0]?.['name'] as string | undefined;
}

export const claim: Strategy = {
  defaults: claimDefaults,
  create(object, { list }) {
    const meta: JsonObject = object['metadata'];
    const spec: JsonObject = object['spec'];
    meta['finalizers'] = [...new Set([...(meta['finalizers'] ?? []), 'kubernetes.io/pvc-protection'])];
    object['status'] = { phase: 'Pending' };
    // One is the older name of the other.
    if (!spec['dataSourceRef']?.namespace) {
      if (spec['dataSource']) spec['dataSourceRef'] ??= { ...spec['dataSource'] };
      if (spec['dataSourceRef']) spec['dataSource'] ??= { ...spec['dataSourceRef'] };
    }
    if (spec['storageClassName'] === undefined && meta['annotations']?.['volume.beta.kubernetes.io/storage-class'] === undefined) {
      const preferred = defaultClass(list('storageclasses.storage.k8s.io'));
      if (preferred) spec['storageClassName'] = preferred;
    }
  },
  validate: ({ spec }) => [
    ...(spec.accessModes?.length ? [] : [field.required('spec.accessModes', 'at least 1 access mode is required')]),
    ...modeProblems(spec.accessModes ?? []),
    ...(spec.resources.requests?.storage
      ? quantityValue(spec.resources.requests.storage) > 0
        ? []
        : [field.invalid('spec.resources[storage]', spec.resources.requests.storage, 'must be greater than zero')]
      : [field.required('spec.resources[storage]')]),
    ...selectorProblems(spec.selector, 'spec.selector'),
    ...subdomain(spec.storageClassName, 'spec.storageClassName'),
    ...oneOf(spec.volumeMode, 'spec.volumeMode', ['Block', 'Filesystem']),
  ],
  validateUpdate(object, old) {
    const fixed = (o: JsonObject): JsonObject => {
      const { resources: _r, volumeAttributesClassName: _v, ...rest } = o['spec'];
      // One without a class may get the default class later.
      const free = old['spec'].storageClassName === undefined ? { storageClassName: undefined } : {};
      return { ...rest, ...free, ...(old['spec'].volumeName ? {} : { volumeName: undefined }) };
    };
    const size = (o: JsonObject): number => quantityValue(o['spec'].resources?.requests?.storage ?? 0);
    const causes: Cause[] = [];
    if (equal(fixed(object), fixed(old)) && size(object) < size(old))
      causes.push(field.forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'));
    else if (equal(fixed(object), fixed(old)) && size(object) > size(old) && old['status']?.phase !== 'Bound')
      causes.push(
        field.forbidden(
          'spec',
          'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
        ),
      );
    return equal(fixed(object), fixed(old))
      ? causes
      : [
          field.forbidden(
            'spec',
            'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
          ),
        ];
  },
};

export const volume: Strategy = {
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    spec['persistentVolumeReclaimPolicy'] ||= 'Retain';
    spec['volumeMode'] ??= 'Filesystem';
    if (spec['hostPath']) spec['hostPath'].type ??= '';
  },
  create(object, { now }) {
    object['metadata'].finalizers = [...new Set([...(object['metadata'].finalizers ?? []), 'kubernetes.io/pv-protection'])];
    object['status'] = { phase: 'Pending', lastPhaseTransitionTime: now };
  },
  updateStatus(object, old, { now }) {
    if (object['status']?.phase !== old['status']?.phase) object['status'] = { ...object['status'], lastPhaseTransitionTime: now };
  },
  validate({ spec }) {
    const causes: Cause[] = [
      ...(spec.accessModes?.length ? modeProblems(spec.accessModes) : [field.required('spec.accessModes')]),
      ...(Object.keys(spec.capacity ?? {}).length ? [] : [field.required('spec.capacity')]),
    ];
    if (spec.capacity && (!spec.capacity.storage || Object.keys(spec.capacity).length > 1))
      causes.push(field.notSupported('spec.capacity', spec.capacity, ['storage']));
    for (const [key, value] of Object.entries(spec.capacity ?? {}))
      if (!(quantityValue(value) > 0)) causes.push(field.invalid(`spec.capacity[${key}]`, value, 'must be greater than zero'));
    const sources = Object.keys(spec).filter((k) => !COMMON.has(k));
    if (!sources.length) causes.push(field.required('spec', 'must specify a volume type'));
    for (const more of sources.slice(1)) causes.push(field.forbidden(`spec.${more}`, 'may not specify more than 1 volume type'));
    if (spec.hostPath && !spec.hostPath.path) causes.push(field.required('spec.hostPath.path'));
    if (spec.nfs) for (const key of ['server', 'path']) if (!spec.nfs[key]) causes.push(field.required(`spec.nfs.${key}`));
    if (spec.csi) for (const key of ['driver', 'volumeHandle']) if (!spec.csi[key]) causes.push(field.required(`spec.csi.${key}`));
    if (spec.local) {
      if (!spec.local.path) causes.push(field.required('spec.local.path'));
      if (!spec.nodeAffinity) causes.push(field.required('spec.nodeAffinity', 'Local volume requires node affinity'));
    }
    causes.push(
      ...nodeTermProblems(spec.nodeAffinity?.required?.nodeSelectorTerms, 'spec.nodeAffinity.required.nodeSelectorTerms'),
      ...oneOf(spec.persistentVolumeReclaimPolicy, 'spec.persistentVolumeReclaimPolicy', ['Delete', 'Recycle', 'Retain']),
      ...oneOf(spec.volumeMode, 'spec.volumeMode', ['Block', 'Filesystem']),
      ...subdomain(spec.storageClassName, 'spec.storageClassName'),
    );
    if (spec.hostPath?.path === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle')
      causes.push(field.forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"));
    return causes;
  },
  validateUpdate(object, old) {
    const source = (o: JsonObject): JsonObject => Object.fromEntries(Object.entries(o['spec']).filter(([k]) => !COMMON.has(k)));
    const causes: Cause[] = [];
    if (!equal(source(object), source(old)))
      causes.push(field.forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'));
    if (object['spec'].volumeMode !== old['spec'].volumeMode)
      causes.push(field.invalid('spec.volumeMode', object['spec'].volumeMode, 'field is immutable'));
    if (old['spec'].nodeAffinity && !equal(object['spec'].nodeAffinity, old['spec'].nodeAffinity))
      causes.push(field.invalid('spec.nodeAffinity', object['spec'].nodeAffinity ?? null, 'field is immutable'));
    return causes;
  },
};

/** What a volume's spec has beside its source. */
const COMMON = new Set([
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
]);

export const storageClass: Strategy = {
  defaults(object) {
    object['reclaimPolicy'] ??= 'Delete';
    object['volumeBindingMode'] ??= 'Immediate';
  },
  validate: (object) => [
    ...(object['provisioner'] ? [] : [field.required('provisioner')]),
    ...oneOf(object['reclaimPolicy'], 'reclaimPolicy', ['Delete', 'Retain']),
    ...oneOf(object['volumeBindingMode'], 'volumeBindingMode', ['Immediate', 'WaitForFirstConsumer']),
  ],
  validateUpdate: (object, old) => [
    ...['parameters', 'provisioner', 'reclaimPolicy']
      .filter((k) => !equal(object[k], old[k]))
      .map((k) => field.forbidden(k, `updates to ${k} are forbidden.`)),
    ...(object['volumeBindingMode'] === old['volumeBindingMode']
      ? []
      : [field.invalid('volumeBindingMode', object['volumeBindingMode'], 'field is immutable')]),
  ],
};

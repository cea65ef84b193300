import { field, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { quantityValue } from '../quantity.ts';
import type { Strategy } from '../resource.ts';
import { dnsLabel, dnsSubdomain, labelKey } from '../names.ts';
import { checked, named, oneOf, selectorProblems, subdomain } from './checks.ts';
import { claimWarnings } from './pod-warnings.ts';

const MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];

export function modeProblems(modes: string[], path: string): Cause[] {
  const causes = modes.flatMap((m) => oneOf(m, path, MODES));
  if (modes.includes('ReadWriteOncePod') && modes.some((m) => m !== 'ReadWriteOncePod' && MODES.includes(m)))
    causes.push(field.forbidden(path, 'may not use ReadWriteOncePod with other access modes'));
  return causes;
}

export function claimDefaults(object: JsonObject): void {
  const spec: JsonObject = (object['spec'] ??= {});
  spec['volumeMode'] ??= 'Filesystem';
  spec['resources'] ??= {};
}

export const pendingStatus = (object: JsonObject): void => {
  object['status'] = { ...object['status'], phase: object['status']?.phase || 'Pending' };
};

/** One of a claim's sources is the older name of the other, and what the older never allowed is left out without a word. */
function normaliseSources(spec: JsonObject, old?: JsonObject): void {
  const { dataSource: source, dataSourceRef: ref } = spec as { dataSource?: JsonObject; dataSourceRef?: JsonObject };
  if (ref?.['namespace'] && !old?.['dataSourceRef']) delete spec['dataSourceRef'];
  if (source && !old?.['dataSource'] && !spec['dataSourceRef']) {
    const { kind, apiGroup } = source;
    const known = kind === 'VolumeSnapshot' ? apiGroup === 'snapshot.storage.k8s.io' : kind === 'PersistentVolumeClaim' && !apiGroup;
    if (!known) delete spec['dataSource'];
  }
  if (spec['dataSourceRef']?.namespace) return;
  if (spec['dataSource']) spec['dataSourceRef'] ??= { ...spec['dataSource'] };
  if (spec['dataSourceRef']) spec['dataSource'] ??= { ...spec['dataSourceRef'] };
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
  warnings: ({ spec = {} }) => claimWarnings(spec, 'spec'),
  defaults(object) {
    claimDefaults(object);
    pendingStatus(object);
  },
  update: (object, old) => normaliseSources(object['spec'], old['spec']),
  create(object, { list }) {
    const meta: JsonObject = object['metadata'];
    const spec: JsonObject = object['spec'];
    meta['finalizers'] = [...new Set([...(meta['finalizers'] ?? []), 'kubernetes.io/pvc-protection'])];
    object['status'] = { phase: 'Pending' };
    normaliseSources(spec);
    if (spec['storageClassName'] === undefined && meta['annotations']?.['volume.beta.kubernetes.io/storage-class'] === undefined) {
      const preferred = defaultClass(list('storageclasses.storage.k8s.io'));
      if (preferred) spec['storageClassName'] = preferred;
    }
  },
  validate: ({ spec }) => claimSpecProblems(spec, 'spec'),
  validateUpdate: claimUpdateProblems,
};

function sourceProblems(source: JsonObject | undefined, path: string): Cause[] {
  if (!source) return [];
  const causes: Cause[] = ['name', 'kind'].filter((k) => !source[k]).map((k) => field.required(`${path}.${k}`));
  if (!source['apiGroup']) {
    if (source['kind'] !== 'PersistentVolumeClaim')
      causes.push(field.invalid(path, source['kind'] ?? '', "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  } else causes.push(...checked(source['apiGroup'], `${path}.apiGroup`, dnsSubdomain));
  return [...causes, ...named(source['namespace'], `${path}.namespace`, dnsLabel)];
}

/** What is wrong with the spec of a claim, also in a template. */
export function claimSpecProblems(spec: JsonObject, path: string): Cause[] {
  const storage: unknown = spec['resources']?.requests?.storage;
  const { dataSource, dataSourceRef } = spec as { dataSource?: JsonObject; dataSourceRef?: JsonObject };
  const causes = [
    ...(spec['accessModes']?.length ? [] : [field.required(`${path}.accessModes`, 'at least 1 access mode is required')]),
    ...selectorProblems(spec['selector'], `${path}.selector`),
    ...modeProblems(spec['accessModes'] ?? [], `${path}.accessModes`),
    ...(storage === undefined
      ? [field.required(`${path}.resources[storage]`)]
      : quantityValue(storage) > 0
        ? []
        : [field.invalid(`${path}.resources[storage]`, storage, 'must be greater than zero')]),
    ...subdomain(spec['storageClassName'], `${path}.storageClassName`),
    ...oneOf(spec['volumeMode'], `${path}.volumeMode`, ['Block', 'Filesystem']),
    ...sourceProblems(dataSource, `${path}.dataSource`),
    ...sourceProblems(dataSourceRef, `${path}.dataSourceRef`),
    ...subdomain(spec['volumeAttributesClassName'], `${path}.volumeAttributesClassName`),
  ];
  if (dataSourceRef?.['namespace']) {
    if (dataSource) causes.push(field.invalid(path, 'dataSource', 'may not be specified when dataSourceRef.namespace is specified'));
  } else if (
    dataSource &&
    dataSourceRef &&
    ['apiGroup', 'kind', 'name'].some((k) => (dataSource[k] ?? null) !== (dataSourceRef[k] ?? null))
  )
    causes.push(field.invalid(path, 'dataSource', 'must match dataSourceRef'));
  return causes;
}

function claimUpdateProblems({ spec, status }: JsonObject, old: JsonObject): Cause[] {
  const was: JsonObject = old['spec'];
  const bound = status?.phase === 'Bound';
  const comparable = ({ resources = {}, ...rest }: JsonObject): JsonObject => ({
    ...rest,
    // The volume is found once, and one without a class may get the default class later.
    ...(was['volumeName'] ? {} : { volumeName: undefined }),
    ...(was['storageClassName'] === undefined ? { storageClassName: undefined } : {}),
    ...(bound ? { volumeAttributesClassName: undefined } : {}),
    resources: bound ? { ...resources, requests: { ...resources.requests, storage: undefined } } : resources,
  });
  const causes: Cause[] = [];
  if (!equal(comparable(spec), comparable(was)))
    causes.push(
      field.forbidden('spec', 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'),
    );
  const size = ({ resources }: JsonObject): number => quantityValue(resources?.requests?.storage ?? 0);
  if (size(spec) < size(was) && size(spec) <= quantityValue(old['status']?.capacity?.storage ?? 0))
    causes.push(field.forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'));
  // Kubernetes says that it is at the top.
  if (spec.volumeMode !== was['volumeMode']) causes.push(field.invalid('volumeMode', spec.volumeMode, 'field is immutable'));
  return causes;
}

/** Topologies without anything in them are told of as said twice, as often as there are topologies. */
function topologyProblems(terms: JsonObject[]): Cause[] {
  const seen: JsonObject[] = terms.map(() => ({}));
  return terms.flatMap((term, i) => {
    const causes: Cause[] = [];
    const known: JsonObject = {};
    for (const [j, { key = '', ...rest }] of ((term['matchLabelExpressions'] ?? []) as JsonObject[]).entries()) {
      const values: string[] = rest['values'] ?? [];
      const at = `allowedTopologies[${i}].matchLabelExpressions[${j}]`;
      if (!values.length) causes.push(field.required(`${at}.values`));
      for (const [n, v] of values.entries()) if (values.indexOf(v) < n) causes.push(field.duplicate(`${at}.values[${n}]`, v));
      causes.push(...checked(key, `${at}.key`, labelKey));
      if (known[key]) causes.push(field.duplicate(`${at}.key`, key));
      known[key] = [...values].sort();
    }
    const same = seen.filter((other) => equal(other, known));
    causes.push(...same.map(() => field.duplicate(`allowedTopologies[${i}].matchLabelExpressions`, '')));
    seen.push(known);
    return causes;
  });
}

export const storageClass: Strategy = {
  defaults(object) {
    object['reclaimPolicy'] ??= 'Delete';
    object['volumeBindingMode'] ??= 'Immediate';
  },
  validate: (object) => [
    ...(object['provisioner'] ? checked(object['provisioner'].toLowerCase(), 'provisioner', labelKey) : [field.required('provisioner')]),
    ...oneOf(object['reclaimPolicy'], 'reclaimPolicy', ['Delete', 'Retain']),
    ...oneOf(object['volumeBindingMode'], 'volumeBindingMode', ['Immediate', 'WaitForFirstConsumer']),
    ...topologyProblems(object['allowedTopologies'] ?? []),
  ],
  validateUpdate: (object, old) =>
    ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode']
      .filter((k) => !equal(object[k], old[k]))
      .map((k) => field.invalid(k, object[k] ?? null, 'field is immutable')),
};

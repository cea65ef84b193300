import { field, type Cause } from '../http/errors.ts';
import type { Resource } from '../kinds/resource.ts';
import { dnsSubdomain, labelKey, labelValue } from '../kinds/names.ts';
import { equal, type JsonObject } from '../schema/schema.ts';

/** Finalizers that need no domain. */
export const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/** What is wrong with an object's metadata (k8s.io/apimachinery/pkg/api/validation ValidateObjectMeta). */
export function metadataProblems(resource: Resource, meta: JsonObject): Cause[] {
  const causes: Cause[] = [];
  const { name, generateName, labels, annotations, finalizers, ownerReferences } = meta;
  const check = resource.name ?? dnsSubdomain;
  if (!name && !generateName) causes.push(field.required('metadata.name', 'name or generateName is required'));
  const all = (path: string, value: unknown, problems: string[]): void => {
    causes.push(...problems.map((problem) => field.invalid(path, value, problem)));
  };
  // Something comes behind it.
  if (generateName) all('metadata.generateName', generateName, check(generateName.replace(/-$/, 'a')));
  if (name) all('metadata.name', name, check(name));
  for (const [key, value] of Object.entries(labels ?? {})) {
    all('metadata.labels', key, labelKey(key));
    all('metadata.labels', value, labelValue(String(value)));
  }
  let size = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    all('metadata.annotations', key, labelKey(key.toLowerCase()));
    size += key.length + String(value).length;
  }
  if (size > 256 * 1024)
    causes.push({ reason: 'FieldValueTooLong', message: 'Too long: may not be more than 262144 bytes', field: 'metadata.annotations' });
  for (const [i, f] of ((finalizers ?? []) as string[]).entries()) {
    all('metadata.finalizers', f, labelKey(f));
    if (!resource.freeFinalizers && !f.includes('/') && !STANDARD_FINALIZERS.has(f))
      causes.push(field.invalid(`metadata.finalizers[${i}]`, f, 'name is neither a standard finalizer name nor is it fully qualified'));
  }
  if (finalizers?.includes('orphan') && finalizers.includes('foregroundDeletion'))
    causes.push(field.invalid('metadata.finalizers', finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  const owners: string[] = [];
  for (const o of ownerReferences ?? []) {
    for (const key of ['apiVersion', 'kind', 'name', 'uid'])
      if (!o[key] || (key === 'apiVersion' && o[key].split('/').length > 2))
        causes.push(
          field.invalid(
            `metadata.ownerReferences.${key}`,
            o[key] ?? '',
            key === 'apiVersion' ? 'version must not be empty' : 'must not be empty',
          ),
        );
    if (o.apiVersion === 'v1' && o.kind === 'Event')
      causes.push(field.invalid('metadata.ownerReferences', o, '/v1, Kind=Event is disallowed from being an owner'));
    if (o.controller) owners.push(`${o.kind}/${o.name}`);
  }
  if (owners.length > 1)
    causes.push(
      field.invalid(
        'metadata.ownerReferences',
        ownerReferences,
        `Only one reference can have Controller set to true. Found "true" in references for ${owners.join(' and ')}`,
      ),
    );
  return causes;
}

/** Kinds whose own checks of an update look at all of its metadata once more, and those that do not look at it. */
const CHECKED_AGAIN = new Set([
  'configmaps',
  'endpoints',
  'persistentvolumeclaims',
  'pods',
  'secrets',
  'serviceaccounts',
  'jobs.batch',
  'ingresses.networking.k8s.io',
  'roles.rbac.authorization.k8s.io',
  'rolebindings.rbac.authorization.k8s.io',
  'clusterroles.rbac.authorization.k8s.io',
  'clusterrolebindings.rbac.authorization.k8s.io',
]);
const CHECKED_ONCE = new Set([
  'events',
  'limitranges',
  'persistentvolumes',
  'poddisruptionbudgets.policy',
  'endpointslices.discovery.k8s.io',
  'csinodes.storage.k8s.io',
  'volumeattachments.storage.k8s.io',
  ...[
    'mutatingadmissionpolicies',
    'mutatingadmissionpolicybindings',
    'mutatingwebhookconfigurations',
    'validatingadmissionpolicies',
    'validatingadmissionpolicybindings',
    'validatingwebhookconfigurations',
  ].map((plural) => `${plural}.admissionregistration.k8s.io`),
]);

/** What is wrong with the metadata of an update: all of it as often as Kubernetes says it, first of every kind, then of this one. */
export function updatedMetadataProblems(resource: Resource, meta: JsonObject, old: JsonObject): Cause[] {
  const all = metadataProblems(resource, meta);
  const update = [...metadataUpdateProblems(meta, old), ...all.filter((c) => !/^metadata\.(finalizers|generateName)/.test(c.field))];
  const own = CHECKED_ONCE.has(resource.storage) ? [] : update;
  return [
    ...all.filter((c) => c.field !== 'metadata.generateName'),
    ...update,
    ...own,
    ...(CHECKED_AGAIN.has(resource.storage) ? all : []),
  ];
}

/** What an update may not do to metadata. */
function metadataUpdateProblems(meta: JsonObject, old: JsonObject): Cause[] {
  const causes: Cause[] = [];
  if (old['deletionTimestamp']) {
    const before = new Set(old['finalizers'] ?? []);
    const more = (meta['finalizers'] ?? []).filter((f: string) => !before.has(f));
    if (more.length)
      causes.push(
        field.forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${more.map((m: string) => JSON.stringify(m)).join(', ')}}`,
        ),
      );
  }
  for (const key of ['uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'name', 'namespace'] as const) {
    if (!equal(meta[key], old[key])) causes.push(field.invalid(`metadata.${key}`, meta[key] ?? null, 'field is immutable'));
  }
  return causes;
}

/** Gives the metadata of an update what no update changes. */
export function keepIdentity(meta: JsonObject, old: JsonObject): void {
  meta['uid'] ||= old['uid'];
  for (const key of ['creationTimestamp', 'generation', 'namespace']) {
    if (old[key] === undefined) delete meta[key];
    else meta[key] = old[key];
  }
  if (old['deletionTimestamp'] !== undefined) meta['deletionTimestamp'] = old['deletionTimestamp'];
  if (old['deletionGracePeriodSeconds'] !== undefined) meta['deletionGracePeriodSeconds'] ??= old['deletionGracePeriodSeconds'];
  delete meta['selfLink'];
}

/** Takes owner references out that are there twice; gives what to warn of. */
export function withoutTwins(meta: JsonObject): string[] {
  const references: JsonObject[] = meta['ownerReferences'] ?? [];
  const twins = references.filter((r, i) => references.findIndex((o) => equal(o, r)) < i);
  if (!twins.length) return [];
  meta['ownerReferences'] = references.filter((r) => !twins.includes(r));
  return [
    `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${twins.map((t) => t['uid']).join(', ')}`,
  ];
}

const ORDER = [
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
];

/** Metadata in the order in which Kubernetes writes it, without what is empty. */
export function orderedMetadata(meta: JsonObject): JsonObject {
  const out: JsonObject = {};
  for (const key of ORDER) {
    const value = meta[key];
    if (value === undefined || value === null || value === '') continue;
    if (typeof value === 'object' && Object.keys(value).length === 0) continue;
    out[key] = value;
  }
  return out;
}

/** What is unwise in the finalizers that a writer adds. */
export function finalizerWarnings(resource: Resource, meta: JsonObject, old: JsonObject): string[] {
  if (!resource.custom) return [];
  return ((meta['finalizers'] ?? []) as string[])
    .filter((f) => !STANDARD_FINALIZERS.has(f) && !f.includes('/') && !old['finalizers']?.includes(f))
    .map(
      (f) =>
        `metadata.finalizers: ${JSON.stringify(f)}: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers`,
    );
}

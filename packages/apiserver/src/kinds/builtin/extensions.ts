import { field, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { dns1035Label, dnsLabel, dnsSubdomain, labelKey } from '../names.ts';
import type { Strategy } from '../resource.ts';
import { tolerationProblems } from './affinity.ts';
import { checked, matchConditionProblems, numbers, oneOf, selectorProblems, wanted } from './checks.ts';
import { csiDriverName } from './volumes.ts';

/** A name of three segments or more. */
function fullName(name: unknown, path: string): Cause[] {
  const text = String(name ?? '');
  if (!text) return [field.required(path)];
  const causes = checked(text, path, dnsSubdomain);
  return causes.length || text.split('.').length > 2
    ? causes
    : [field.invalid(path, text, 'should be a domain with at least three segments separated by dots')];
}

const SAID: Record<string, string> = { operations: 'operations', apiGroups: 'API groups', apiVersions: 'API versions' };

/** What is wrong with a rule of a webhook or a policy: what is asked of it for which requests. */
export function ruleProblems(rule: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  for (const key of ['operations', 'apiGroups', 'apiVersions', 'resources']) {
    const values: string[] = rule[key] ?? [];
    if (!values.length) causes.push(field.required(`${path}.${key}`));
    if (key !== 'resources' && values.length > 1 && values.includes('*'))
      causes.push(field.invalid(`${path}.${key}`, values, `if '*' is present, must not specify other ${SAID[key]}`));
  }
  for (const [i, o] of (rule['operations'] ?? []).entries())
    causes.push(...oneOf(o, `${path}.operations[${i}]`, ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']));
  for (const key of ['apiVersions', 'resources'])
    for (const [i, v] of (rule[key] ?? []).entries()) if (!v) causes.push(field.required(`${path}.${key}[${i}]`));
  return [...causes, ...oneOf(rule['scope'], `${path}.scope`, ['*', 'Cluster', 'Namespaced'])];
}

function clientProblems(client: JsonObject, path: string): Cause[] {
  const { url, service } = client;
  if ((url !== undefined) === Boolean(service)) return [field.required(path, 'exactly one of url or service is required')];
  if (url !== undefined) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    const why = !parsed
      ? 'url must be a valid URL'
      : parsed.protocol !== 'https:'
        ? `'https' is the only allowed URL scheme; desired format: https://host[/path]`
        : parsed.search || parsed.hash || parsed.username
          ? 'user information, query parameters and fragments are not permitted in the URL'
          : undefined;
    return why ? [field.invalid(`${path}.url`, url, why)] : [];
  }
  // Kubernetes takes one for the other.
  const swapped = { name: service.namespace, namespace: service.name };
  return [
    ...wanted(swapped, `${path}.service`, 'name', 'namespace'),
    ...numbers.port(service.port, `${path}.service.port`),
    ...servicePath(service.path, `${path}.service.path`),
  ];
}

function servicePath(path: string | undefined, at: string): Cause[] {
  if (!path || path === '/') return [];
  const wrong = (why: string): Cause => field.invalid(at, path, why);
  if (path === '//') return [wrong('segment[0] may not be empty')];
  const causes = path.startsWith('/') ? [] : [wrong("must start with a '/'")];
  for (const [i, step] of path.slice(1).replace(/\/$/, '').split('/').entries())
    causes.push(...(step ? dnsSubdomain(step).map((why) => wrong(`segment[${i}]: ${why}`)) : [wrong(`segment[${i}] may not be empty`)]));
  return causes;
}

function webhookProblems(w: JsonObject, path: string, mutating: boolean): Cause[] {
  const causes = [
    ...fullName(w['name'], `${path}.name`),
    ...((w['rules'] ?? []) as JsonObject[]).flatMap((r, i) => ruleProblems(r, `${path}.rules[${i}]`)),
    ...oneOf(w['failurePolicy'], `${path}.failurePolicy`, ['Fail', 'Ignore']),
    ...oneOf(w['matchPolicy'], `${path}.matchPolicy`, ['Equivalent', 'Exact']),
    ...((w['sideEffects'] ?? undefined) === undefined
      ? [field.required(`${path}.sideEffects`, 'must specify one of None, NoneOnDryRun')]
      : oneOf(w['sideEffects'], `${path}.sideEffects`, ['None', 'NoneOnDryRun'])),
    ...selectorProblems(w['namespaceSelector'], `${path}.namespaceSelector`),
    ...selectorProblems(w['objectSelector'], `${path}.objectSelector`),
    ...clientProblems(w['clientConfig'] ?? {}, `${path}.clientConfig`),
    ...matchConditionProblems(w['matchConditions'], `${path}.matchConditions`),
    ...(mutating ? oneOf(w['reinvocationPolicy'], `${path}.reinvocationPolicy`, ['IfNeeded', 'Never']) : []),
  ];
  const seconds: unknown = w['timeoutSeconds'];
  const versions: string[] = w['admissionReviewVersions'] ?? [];
  if (!(Number(seconds) > 0 && Number(seconds) <= 30))
    causes.push(field.invalid(`${path}.timeoutSeconds`, seconds, 'the timeout value must be between 1 and 30 seconds'));
  const at = `${path}.admissionReviewVersions`;
  if (!versions.length) causes.push(field.required(at, 'must specify one of v1, v1beta1'));
  for (const [i, v] of versions.entries()) {
    causes.push(...checked(v, `${at}[${i}]`, dns1035Label));
    if (versions.indexOf(v) < i) causes.push(field.invalid(`${at}[${i}]`, v, 'duplicate version'));
  }
  if (versions.length && !versions.some((v) => v === 'v1' || v === 'v1beta1'))
    causes.push(field.invalid(at, versions, 'must include at least one of v1, v1beta1'));
  return causes;
}

const webhooks = (mutating: boolean): Strategy => ({
  defaults(object) {
    for (const w of (object['webhooks'] ?? []) as JsonObject[]) {
      w['failurePolicy'] ??= 'Fail';
      w['matchPolicy'] ??= 'Equivalent';
      w['namespaceSelector'] ??= {};
      w['objectSelector'] ??= {};
      w['timeoutSeconds'] ??= 10;
      if (mutating) w['reinvocationPolicy'] ??= 'Never';
      if (w['clientConfig']?.service) w['clientConfig'].service.port ??= 443;
      for (const rule of w['rules'] ?? []) rule.scope ??= '*';
    }
  },
  validate(object) {
    const hooks: JsonObject[] = object['webhooks'] ?? [];
    return hooks.flatMap((w, i) => [
      ...webhookProblems(w, `webhooks[${i}]`, mutating),
      ...(w['name'] && hooks.findIndex((o) => o['name'] === w['name']) < i ? [field.duplicate(`webhooks[${i}].name`, w['name'])] : []),
    ]);
  },
});

export const mutatingWebhooks = webhooks(true);
export const validatingWebhooks = webhooks(false);

export const apiService: Strategy = {
  defaults(object) {
    const service: JsonObject | undefined = object['spec']?.service;
    if (service) service['port'] ??= 443;
  },
  name: (name) => (name.includes('.') ? [] : ['must be `spec.version+"."+spec.group`']),
  validate({ metadata, spec = {} }) {
    const causes: Cause[] = [];
    if (metadata.name && metadata.name !== `${spec.version ?? ''}.${spec.group ?? ''}`)
      causes.push(field.invalid('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\``));
    if (spec.group) causes.push(...checked(spec.group, 'spec.group', dnsSubdomain));
    causes.push(...checked(spec.version, 'spec.version', dns1035Label));
    const { groupPriorityMinimum: group = 0, versionPriority: version = 0 } = spec;
    if (group <= 0 || group > 20_000)
      causes.push(field.invalid('spec.groupPriorityMinimum', group, 'must be positive and less than 20000'));
    if (version <= 0 || version > 1000) causes.push(field.invalid('spec.versionPriority', version, 'must be positive and less than 1000'));
    if (spec.service) {
      causes.push(...wanted(spec.service, 'spec.service', 'namespace', 'name'));
      if (spec.insecureSkipTLSVerify && spec.caBundle)
        causes.push(field.invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present'));
    } else {
      if (spec.caBundle) causes.push(field.invalid('spec.caBundle', '', 'local APIServices may not have a caBundle'));
      if (spec.insecureSkipTLSVerify)
        causes.push(field.invalid('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify'));
    }
    return causes;
  },
};

export const runtimeClass: Strategy = {
  validate: (object) => [
    ...(object['handler'] ? checked(object['handler'], 'handler', dnsLabel) : [field.required('handler')]),
    ...((object['scheduling']?.tolerations ?? []) as JsonObject[]).flatMap((t, i) => tolerationProblems(t, `scheduling.tolerations[${i}]`)),
  ],
  validateUpdate: (object, old) =>
    object['handler'] === old['handler'] ? [] : [field.invalid('handler', object['handler'] ?? '', 'field is immutable')],
};

export const csiDriver: Strategy = {
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    spec['attachRequired'] ??= true;
    spec['fsGroupPolicy'] ??= 'ReadWriteOnceWithFSType';
    spec['podInfoOnMount'] ??= false;
    spec['requiresRepublish'] ??= false;
    spec['seLinuxMount'] ??= false;
    spec['storageCapacity'] ??= false;
    spec['volumeLifecycleModes'] ??= ['Persistent'];
  },
  // Counted from its first change on.
  update(object, old) {
    if (!equal(object['spec'], old['spec'])) object['metadata'].generation = (old['metadata'].generation ?? 0) + 1;
  },
  warnings: ({ spec }, old) =>
    !(old && equal(spec.tokenRequests, old['spec'].tokenRequests)) &&
    spec.tokenRequests?.length &&
    spec.serviceAccountTokenInSecrets === undefined
      ? [
          'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes',
        ]
      : [],
  validateUpdate: ({ spec }, old) =>
    [
      ['attachRequired', 'attachedRequired'],
      ['volumeLifecycleModes', 'volumeLifecycleModes'],
    ].flatMap(([key, said]) =>
      equal(spec[key!], old['spec'][key!]) ? [] : [field.invalid(`spec.${said}`, spec[key!] ?? null, 'field is immutable')],
    ),
  validate({ spec }) {
    const causes = oneOf(spec.fsGroupPolicy, 'spec.fsGroupPolicy', ['File', 'None', 'ReadWriteOnceWithFSType']);
    for (const mode of spec.volumeLifecycleModes) causes.push(...oneOf(mode, 'spec.volumeLifecycleModes', ['Ephemeral', 'Persistent']));
    const requests: JsonObject[] = spec.tokenRequests ?? [];
    for (const [i, r] of requests.entries()) {
      const at = `spec.tokenRequests[${i}]`;
      if (requests.findIndex((o) => o['audience'] === r['audience']) < i) causes.push(field.duplicate(`${at}.audience`, r['audience']));
      if (r['expirationSeconds'] < 600)
        causes.push(field.invalid(`${at}.expirationSeconds`, r['expirationSeconds'], 'may not specify a duration less than 10 minutes'));
      if (r['expirationSeconds'] > 2 ** 32)
        causes.push(
          field.invalid(`${at}.expirationSeconds`, r['expirationSeconds'], 'may not specify a duration larger than 2^32 seconds'),
        );
    }
    const period: unknown = spec.nodeAllocatableUpdatePeriodSeconds;
    if (Number(period) < 10)
      causes.push(field.invalid('spec.nodeAllocatableUpdatePeriodSeconds', period, 'must be greater than or equal to 10 seconds'));
    return causes;
  },
};

export const csiNode: Strategy = {
  validate({ spec = {} }) {
    const causes: Cause[] = [];
    const drivers: JsonObject[] = spec.drivers ?? [];
    for (const [i, d] of drivers.entries()) {
      const at = `spec.drivers[${i}]`;
      if (d['name'] && drivers.findIndex((o) => o['name'] === d['name']) < i) causes.push(field.duplicate(`${at}.name`, d['name']));
      causes.push(...csiDriverName(d['name'], `${at}.name`), ...wanted(d, at, 'nodeID'));
      if (d['nodeID']?.length > 256) causes.push(field.invalid(`${at}.nodeID`, d['nodeID'], 'must be 256 characters or less'));
      causes.push(...numbers.notNegative(d['allocatable'], `${at}.allocatable`, 'count'));
      const keys: string[] = d['topologyKeys'] ?? [];
      for (const [j, key] of keys.entries()) {
        if (!key) causes.push(field.required(at));
        if (keys.indexOf(key) < j) causes.push(field.duplicate(at, key));
        causes.push(...checked(key, at, labelKey));
      }
    }
    return causes;
  },
  // Drivers come and go as they are.
  validateUpdate: ({ spec = {} }, old) =>
    ((old['spec']?.drivers ?? []) as JsonObject[]).flatMap((was) => {
      const now = (spec.drivers ?? []).find((d: JsonObject) => d['name'] === was['name']);
      return !now || equal({ ...now, allocatable: 0 }, { ...was, allocatable: 0 })
        ? []
        : [field.invalid('spec.drivers', now, 'field is immutable')];
    }),
};

function attachmentProblems({ spec = {} }: JsonObject): Cause[] {
  const { attacher, nodeName, source = {} } = spec;
  const { inlineVolumeSpec: inline, persistentVolumeName: name } = source;
  const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  const causes = [...csiDriverName(attacher, 'spec.attacher'), ...checked(nodeName, 'spec.nodeName', dnsSubdomain)];
  if (inline && name !== undefined) causes.push(field.forbidden('spec.source', one));
  else if (!inline && name === undefined) causes.push(field.required('spec.source', one));
  else if (name === '') causes.push(field.required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName'));
  if (name !== undefined) causes.push(...checked(name, 'spec.source.persistentVolumeName', dnsSubdomain));
  return causes;
}

export const volumeAttachment: Strategy = {
  validate: attachmentProblems,
  validateUpdate: (object, old) =>
    equal(object['spec'], old['spec']) ? [] : [field.invalid('spec', object['spec'], 'field is immutable')],
};

/** A finalizer holds it as long as volumes use it. */
export const volumeAttributesClass: Strategy = {
  validate: ({ driverName, parameters }) => [
    ...(driverName ? checked(driverName.toLowerCase(), 'driverName', labelKey) : [field.required('driverName')]),
    ...(Object.keys(parameters ?? {}).length ? [] : [field.required('parameters', 'must contain at least one key/value pair')]),
  ],
  validateUpdate: (object, old) =>
    ['driverName', 'parameters']
      .filter((key) => !equal(object[key], old[key]))
      .map((key) => field.forbidden(key, `updates to ${key} are forbidden.`)),
  create(object) {
    object['metadata'].finalizers = [...new Set([...(object['metadata'].finalizers ?? []), 'kubernetes.io/vac-protection'])];
  },
};

export const capacity: Strategy = {
  validate: (object) => [
    ...selectorProblems(object['nodeTopology'], 'nodeTopology'),
    ...checked(object['storageClassName'], 'storageClassName', dnsSubdomain),
  ],
  validateUpdate: (object, old) =>
    ['nodeTopology', 'storageClassName']
      .filter((key) => !equal(object[key], old[key]))
      .map((key) => field.invalid(key, object[key] ?? null, 'field is immutable')),
};

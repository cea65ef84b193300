import { field, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { dnsLabel, labelKey, labelValue } from '../names.ts';
import type { Strategy } from '../resource.ts';
import { checked, cidr, dataKey, firstOf, oneOf } from './checks.ts';
import { amountProblems } from './resources.ts';

function labelWithName(meta: JsonObject): void {
  if (meta['name']) meta['labels'] = { ...meta['labels'], 'kubernetes.io/metadata.name': meta['name'] };
}

export const namespace: Strategy = {
  name: dnsLabel,
  defaults(object) {
    const meta: JsonObject = object['metadata'];
    labelWithName(meta);
    object['status'] = { ...object['status'], phase: object['status']?.phase || 'Active' };
  },
  create(object) {
    labelWithName(object['metadata']);
    object['spec'] = { finalizers: ['kubernetes'] };
    object['status'] = { phase: 'Active' };
  },
  update(object, old, _context, subresource) {
    // Only its subresource writes them.
    if (subresource !== 'finalize') object['spec'] = old['spec'];
  },
  parts: { finalize: (object) => object },
  emptied: {
    mark: (object) => {
      object['status'] = { ...object['status'], phase: 'Terminating' };
    },
  },
  validateStatus({ metadata, status }) {
    const wanted = metadata.deletionTimestamp ? 'Terminating' : 'Active';
    if (status.phase === wanted) return [];
    const when = metadata.deletionTimestamp ? 'is not empty' : 'is empty';
    return [field.invalid('status.Phase', status.phase, `may only be '${wanted}' if \`deletionTimestamp\` ${when}`)];
  },
  fields: ({ status = {} }) => ({ 'status.phase': status.phase ?? '' }),
  immortal: (name) => (['default', 'kube-system', 'kube-public'].includes(name) ? 'this namespace may not be deleted' : undefined),
  returnsDeleted: true,
};

const amounts = (status: JsonObject): Cause[] =>
  ['capacity', 'allocatable'].flatMap((part) =>
    Object.entries(status[part] ?? {}).flatMap(([name, amount]) => amountProblems(name, amount, `status.${part}.${name}`)),
  );

function nodeProblems({ spec = {}, status = {} }: JsonObject): Cause[] {
  const cidrs: string[] = spec.podCIDRs ?? [];
  const causes = cidrs.flatMap((c, i) => checked(c, `spec.podCIDRs[${i}]`, cidr));
  if (cidrs.length > 2 || (cidrs.length === 2 && cidrs[0]!.includes(':') === cidrs[1]!.includes(':')))
    causes.push(field.invalid('spec.podCIDRs', cidrs, 'may specify no more than one CIDR for each IP family'));
  for (const [i, c] of cidrs.entries()) if (cidrs.indexOf(c) < i) causes.push(field.duplicate(`spec.podCIDRs[${i}]`, c));
  return [...causes, ...taintProblems(spec.taints ?? []), ...amounts(status)];
}

function taintProblems(taints: JsonObject[]): Cause[] {
  const causes: Cause[] = [];
  const seen = new Set<string>();
  for (const [i, t] of taints.entries()) {
    // Kubernetes says that they are in the metadata.
    const at = `metadata.taints[${i}]`;
    causes.push(...checked(t['key'], `${at}.key`, labelKey));
    const bad = labelValue(String(t['value'] ?? ''));
    if (bad.length) causes.push(field.invalid(`${at}.value`, t['value'], bad.join(';')));
    if (!t['effect']) causes.push(field.required(`${at}.effect`));
    else causes.push(...oneOf(t['effect'], `${at}.effect`, ['NoExecute', 'NoSchedule', 'PreferNoSchedule']));
    const id = `${t['key']}:${t['effect']}`;
    if (seen.has(id))
      causes.push({
        ...field.duplicate(at, t),
        message: `Duplicate value: ${JSON.stringify(t)}: taints must be unique by key and effect pair`,
      });
    seen.add(id);
  }
  return causes;
}

/** Leaves out the fields of a feature that is no more. */
function withoutConfig({ spec, status }: JsonObject): void {
  delete spec?.configSource;
  delete status?.config;
}

/** A new node is not ready until something says so. Its status is taken from its creation on. */
export const node: Strategy = {
  defaults({ spec = {}, status = {} }) {
    firstOf(spec, 'podCIDR', 'podCIDRs');
    if (status.capacity) status.allocatable ??= { ...status.capacity };
  },
  warnings: ({ spec = {} }) => (spec.externalID ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes'] : []),
  createsStatus: true,
  update: withoutConfig,
  updateStatus: withoutConfig,
  create(object) {
    withoutConfig(object);
    const spec: JsonObject = object['spec'];
    const taints: JsonObject[] = spec['taints'] ?? [];
    if (!taints.some((t) => t['key'] === 'node.kubernetes.io/not-ready'))
      taints.push({ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' });
    spec['taints'] = taints;
  },
  validate: nodeProblems,
  validateUpdate(object, old) {
    const before: unknown = old['spec']?.podCIDRs;
    const provider: unknown = old['spec']?.providerID;
    return [
      // Once more.
      ...taintProblems(object['spec'].taints ?? []),
      ...(object['spec'].externalID === old['spec'].externalID ? [] : [field.forbidden('spec.externalID', 'may not be updated')]),
      ...(before && !equal(object['spec'].podCIDRs, before)
        ? [field.forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid')]
        : []),
      ...(provider && object['spec'].providerID !== provider
        ? [field.forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid')]
        : []),
    ];
  },
  validateStatus: ({ status = {} }) => [
    ...amounts(status),
    ...(status.addresses ?? []).flatMap((a: JsonObject, i: number) =>
      (status.addresses as JsonObject[]).findIndex((o) => equal(o, a)) < i ? [field.duplicate(`status.addresses[${i}]`, a)] : [],
    ),
  ],
  fields: ({ spec = {} }) => ({ 'spec.unschedulable': String(spec.unschedulable ?? false) }),
};

/** Most bytes that a ConfigMap or a Secret may hold. */
const MAX_DATA = 1024 * 1024;

const bytes = (data: JsonObject | undefined, encoding: 'utf8' | 'base64' = 'utf8'): number =>
  Object.values(data ?? {}).reduce<number>((n, v) => n + Buffer.byteLength(String(v), encoding), 0);

export const configMap: Strategy = {
  validate(object) {
    const causes: Cause[] = [];
    for (const part of ['data', 'binaryData']) {
      for (const key of Object.keys(object[part] ?? {})) {
        causes.push(...checked(key, `${part}[${key}]`, dataKey));
        if (part === 'binaryData' && object['data']?.[key] !== undefined)
          causes.push(field.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
      }
    }
    if (bytes(object['data']) + bytes(object['binaryData'], 'base64') > MAX_DATA)
      causes.push({ reason: 'FieldValueTooLong', message: `Too long: may not be more than ${MAX_DATA} bytes`, field: '' });
    return causes;
  },
  validateUpdate: immutable(['data', 'binaryData']),
};

function immutable(parts: readonly string[]): (object: JsonObject, old: JsonObject) => Cause[] {
  return (object, old) => {
    if (old['immutable'] !== true) return [];
    const causes = parts
      .filter((p) => !equal(object[p], old[p]))
      .map((p) => field.forbidden(p, 'field is immutable when `immutable` is set'));
    return object['immutable'] === true ? causes : [field.forbidden('immutable', 'field is immutable when `immutable` is set'), ...causes];
  };
}

export const secret: Strategy = {
  defaults(object) {
    object['type'] ||= 'Opaque';
    if (object['stringData']) {
      object['data'] = {
        ...object['data'],
        ...Object.fromEntries(Object.entries(object['stringData']).map(([k, v]) => [k, Buffer.from(String(v)).toString('base64')])),
      };
      delete object['stringData'];
    }
  },
  validate(object) {
    const data: JsonObject = object['data'] ?? {};
    const causes = Object.keys(data).flatMap((key) => checked(key, `data[${key}]`, dataKey));
    if (bytes(data, 'base64') > MAX_DATA)
      causes.push({ reason: 'FieldValueTooLong', message: `Too long: may not be more than ${MAX_DATA} bytes`, field: 'data' });
    const has = (key: string): boolean => data[key] !== undefined;
    const needs = (...keys: string[]): void => {
      for (const key of keys) if (!has(key)) causes.push(field.required(`data[${key}]`));
    };
    const json = (key: string): void => {
      if (!has(key)) return needs(key);
      try {
        const found: unknown = JSON.parse(Buffer.from(data[key], 'base64').toString());
        if (typeof found !== 'object' || Array.isArray(found)) throw new TypeError();
      } catch {
        causes.push(field.invalid(`data[${key}]`, '<secret contents redacted>', 'invalid character in JSON'));
      }
    };
    switch (object['type']) {
      case 'kubernetes.io/service-account-token':
        if (!object['metadata'].annotations?.['kubernetes.io/service-account.name'])
          causes.push(field.required('metadata.annotations[kubernetes.io/service-account.name]'));
        break;
      case 'kubernetes.io/dockercfg':
        json('.dockercfg');
        break;
      case 'kubernetes.io/dockerconfigjson':
        json('.dockerconfigjson');
        break;
      case 'kubernetes.io/basic-auth':
        if (!has('username') && !has('password')) needs('username', 'password');
        break;
      case 'kubernetes.io/ssh-auth':
        if (!data['ssh-privatekey']) causes.push(field.required('data[ssh-privatekey]'));
        break;
      case 'kubernetes.io/tls':
        needs('tls.crt', 'tls.key');
        break;
    }
    return causes;
  },
  validateUpdate: (object, old) => [
    ...(object['type'] === old['type'] ? [] : [field.invalid('type', object['type'], 'field is immutable')]),
    ...immutable(['data'])(object, old),
  ],
  warnings({ type, data = {} }) {
    if (type !== 'kubernetes.io/tls') return [];
    const without = Object.entries({ 'tls.crt': 'certificate', 'tls.key': 'key' }).find(
      ([key]) => !Buffer.from(data[key] ?? '', 'base64').includes('-----BEGIN '),
    );
    return without ? [`tls: failed to find any PEM data in ${without[1]} input`] : [];
  },
  fields: ({ type = '' }) => ({ type }),
};

/** Of the secrets that an account names only their names are kept. */
const secretNames = (object: JsonObject): void => {
  if (object['secrets']) object['secrets'] = (object['secrets'] as JsonObject[]).map(({ name }) => (name ? { name } : {}));
};

export const serviceAccount: Strategy = { returnsDeleted: true, create: secretNames, update: secretNames };

/** Of a feature that is off. */
const withoutElection = ({ spec }: JsonObject): void => {
  delete spec?.preferredHolder;
  delete spec?.strategy;
};

export const lease: Strategy = {
  create: withoutElection,
  update: withoutElection,
  validate: ({ spec = {} }) => [
    ...(spec.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0
      ? [field.invalid('spec.leaseDurationSeconds', spec.leaseDurationSeconds, 'must be greater than 0')]
      : []),
    ...(spec.leaseTransitions < 0
      ? [field.invalid('spec.leaseTransitions', spec.leaseTransitions, 'must be greater than or equal to 0')]
      : []),
  ],
};

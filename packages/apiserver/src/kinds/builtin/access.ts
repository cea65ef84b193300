import { PRIORITIES } from '../../auth/bootstrap.ts';
import { field, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { dnsLabel, dnsSubdomain, pathSegment } from '../names.ts';
import type { Strategy } from '../resource.ts';
import { named, oneOf, selectorProblems } from './checks.ts';

const GROUP = 'rbac.authorization.k8s.io';

function ruleProblems(object: JsonObject, namespaced: boolean): Cause[] {
  const causes: Cause[] = [];
  for (const [i, r] of (object['rules'] ?? []).entries()) {
    const at = `rules[${i}]`;
    if (!r.verbs?.length) causes.push(field.required(`${at}.verbs`, 'verbs must contain at least one value'));
    if (r.nonResourceURLs?.length) {
      if (namespaced)
        causes.push(field.invalid(`${at}.nonResourceURLs`, r.nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'));
      if (r.apiGroups?.length || r.resources?.length || r.resourceNames?.length)
        causes.push(
          field.invalid(`${at}.nonResourceURLs`, r.nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'),
        );
      continue;
    }
    if (!r.apiGroups?.length) causes.push(field.required(`${at}.apiGroups`, 'resource rules must supply at least one api group'));
    if (!r.resources?.length) causes.push(field.required(`${at}.resources`, 'resource rules must supply at least one resource'));
  }
  return causes;
}

/** What a certificate may be for (KeyUsage). */
const USAGES =
  'any,cert sign,client auth,code signing,content commitment,crl sign,data encipherment,decipher only,digital signature,email protection,encipher only,ipsec end system,ipsec tunnel,ipsec user,key agreement,key encipherment,microsoft sgc,netscape sgc,ocsp signing,s/mime,server auth,signing,timestamping'.split(
    ',',
  );

function signerProblems(name: string, at: string): Cause[] {
  if (!name) return [field.required(at)];
  const parts = name.split('/');
  if (parts.length !== 2)
    return [field.invalid(at, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")];
  const [domain, path] = parts as [string, string];
  const labels = (text: string): Cause[] =>
    text.split('.').flatMap((l) => dnsLabel(l).map((why) => field.invalid(at, text, `validating label ${JSON.stringify(l)}: ${why}`)));
  return [
    ...(domain.length > 253 ? [field.tooLong(at, 253)] : []),
    ...labels(domain),
    ...(domain.includes('.') ? [] : [field.invalid(at, domain, 'should be a domain with at least two segments separated by dots')]),
    ...(path.length > 253 ? [field.tooLong(at, 253)] : []),
    ...labels(path),
  ];
}

const isPem = (text: string, label: string): boolean => text.includes(`-----BEGIN ${label}-----`);

function requestProblems({ spec = {} }: JsonObject): Cause[] {
  const causes: Cause[] = [];
  const request: string | undefined = spec.request;
  if (!isPem(Buffer.from(request ?? '', 'base64').toString('latin1'), 'CERTIFICATE REQUEST'))
    causes.push(field.invalid('spec.request', request ?? null, 'PEM block type must be CERTIFICATE REQUEST'));
  const usages: string[] = spec.usages ?? [];
  if (!usages.length) causes.push(field.required('spec.usages'));
  for (const [i, u] of usages.entries()) causes.push(...oneOf(u, `spec.usages[${i}]`, USAGES));
  for (const [i, u] of usages.entries()) if (usages.indexOf(u) < i) causes.push(field.duplicate(`spec.usages[${i}]`, u));
  causes.push(...signerProblems(spec.signerName ?? '', 'spec.signerName'));
  if (spec.expirationSeconds < 600)
    causes.push(
      field.invalid('spec.expirationSeconds', spec.expirationSeconds, 'may not specify a duration less than 600 seconds (10 minutes)'),
    );
  return causes;
}

/** A request for a certificate says who made it, whatever they write. */
export const signingRequest: Strategy = {
  create({ spec }, { user }) {
    for (const key of ['username', 'uid', 'groups', 'extra']) delete spec[key];
    if (!user) return;
    spec.username = user.name;
    if (user.uid) spec.uid = user.uid;
    spec.groups = user.groups;
    if (user.extra) spec.extra = user.extra;
  },
  update(object, old) {
    object['spec'] = old['spec'];
  },
  unowned: ['f:spec'],
  name: () => [],
  validateCreate: requestProblems,
  validateStatus: ({ status = {} }) =>
    ((status.conditions ?? []) as JsonObject[]).flatMap((c, i) => {
      const at = `status.conditions[${i}]`;
      const known = oneOf(c['status'], `${at}.status`, ['False', 'True', 'Unknown']);
      return [...(c['type'] ? [] : [field.required(`${at}.type`)]), ...(c['status'] ? known : [field.required(`${at}.status`)])];
    }),
  fields: ({ spec = {} }) => ({ 'spec.signerName': spec.signerName ?? '' }),
};

export const role: Strategy = {
  name: pathSegment,
  validate: (object) => ruleProblems(object, true),
};

export const clusterRole: Strategy = {
  name: pathSegment,
  validate(object) {
    const causes = ruleProblems(object, false);
    const aggregation: JsonObject | undefined = object['aggregationRule'];
    if (aggregation && !aggregation['clusterRoleSelectors']?.length)
      causes.push(
        field.required('aggregationRule.clusterRoleSelectors', 'at least one clusterRoleSelector required if aggregationRule is non-nil'),
      );
    for (const [i, s] of (aggregation?.['clusterRoleSelectors'] ?? []).entries()) {
      const at = `aggregationRule.clusterRoleSelectors[${i}]`;
      const wrong = selectorProblems(s, at);
      causes.push(...wrong, ...(wrong.length ? [field.invalid(at, s, 'invalid label selector.')] : []));
    }
    return causes;
  },
};

const binding = (kinds: readonly string[], namespaced: boolean): Strategy => ({
  name: pathSegment,
  defaults(object) {
    const ref: JsonObject | undefined = object['roleRef'];
    if (ref) ref['apiGroup'] ||= GROUP;
    for (const s of object['subjects'] ?? []) {
      if (s.kind === 'User' || s.kind === 'Group') s.apiGroup ??= GROUP;
    }
  },
  validate(object) {
    const ref: JsonObject = object['roleRef'] ?? {};
    const causes = [...oneOf(ref['apiGroup'] ?? '', 'roleRef.apiGroup', [GROUP]), ...oneOf(ref['kind'] ?? '', 'roleRef.kind', kinds)];
    if (!ref['name']) causes.push(field.required('roleRef.name'));
    else causes.push(...named(ref['name'], 'roleRef.name', pathSegment));
    for (const [i, s] of (object['subjects'] ?? []).entries()) {
      const at = `subjects[${i}]`;
      if (!s.name) causes.push(field.required(`${at}.name`));
      switch (s.kind) {
        case 'ServiceAccount':
          causes.push(...named(s.name, `${at}.name`, dnsSubdomain), ...oneOf(s.apiGroup, `${at}.apiGroup`, ['']));
          // In a binding of one namespace it is that one.
          if (!s.namespace && !namespaced) causes.push(field.required(`${at}.namespace`));
          break;
        case 'User':
        case 'Group':
          causes.push(...oneOf(s.apiGroup, `${at}.apiGroup`, [GROUP]));
          break;
        default:
          causes.push(field.notSupported(`${at}.kind`, s.kind ?? '', ['Group', 'ServiceAccount', 'User']));
      }
    }
    return causes;
  },
  validateUpdate: (object, old) =>
    equal(object['roleRef'], old['roleRef']) ? [] : [field.invalid('roleRef', object['roleRef'], 'cannot change roleRef')],
});

export const roleBinding = binding(['ClusterRole', 'Role'], true);
export const clusterRoleBinding = binding(['ClusterRole'], false);

const SYSTEM = 'system-';
const HIGHEST = 1_000_000_000;

export const priorityClass: Strategy = {
  defaults: (object) => {
    object['preemptionPolicy'] ??= 'PreemptLowerPriority';
    object['value'] ??= 0;
  },
  create(object) {
    // It counts nothing.
    object['metadata'].generation = 1;
  },
  validate(object) {
    const causes: Cause[] = [];
    const name = String(object['metadata'].name ?? '');
    if (name.startsWith(SYSTEM)) {
      const known = PRIORITIES[name];
      const why = !known
        ? `${name} is not a known system priority class`
        : known[0] !== object['value']
          ? `value of ${name} PriorityClass must be ${known[0]}`
          : undefined;
      if (why)
        causes.push(
          field.forbidden('metadata.name', `priority class names with 'system-' prefix are reserved for system use only. error: ${why}`),
        );
    } else if (object['value'] > HIGHEST)
      causes.push(field.forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST}`));
    return causes;
  },
  validateCreate: ({ preemptionPolicy }) =>
    preemptionPolicy === ''
      ? [field.required('preemptionPolicy')]
      : oneOf(preemptionPolicy, 'preemptionPolicy', ['Never', 'PreemptLowerPriority']),
  validateUpdate: (object, old) => [
    ...(object['value'] === old['value'] ? [] : [field.forbidden('value', 'may not be changed in an update.')]),
    ...(object['preemptionPolicy'] === old['preemptionPolicy']
      ? []
      : [field.invalid('preemptionPolicy', object['preemptionPolicy'], 'field is immutable')]),
  ],
};

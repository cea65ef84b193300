import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { field, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { dnsLabel, dnsSubdomain, labelKey, labelValue, pathSegment } from '../names.ts';
import type { Strategy } from '../resource.ts';
import { checked, cidr, conditionProblems, ip, named, numbers, oneOf, portName, selectorProblems, subdomain } from './checks.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

function backendProblems(b: JsonObject, path: string): Cause[] {
  const { service, resource } = b;
  if (service && resource) return [field.invalid(path, '', 'cannot set both resource and service backends')];
  if (resource)
    return [
      ...((resource.apiGroup ?? undefined) === undefined ? [] : checked(resource.apiGroup, `${path}.resource.apiGroup`, dnsSubdomain)),
      ...['kind', 'name'].filter((k) => !resource[k]).map((k) => field.required(`${path}.resource.${k}`)),
    ];
  if (!service) return [field.invalid(path, '', 'resource or service backend is required')];
  const causes = service.name ? named(service.name, `${path}.service.name`, dnsLabel) : [field.required(`${path}.service.name`)];
  const { name, number } = service.port ?? {};
  if (name && number) causes.push(field.invalid(path, '', 'cannot set both port name & port number'));
  else if (name) causes.push(...named(name, `${path}.service.port.name`, portName));
  else if (number) causes.push(...numbers.port(number, `${path}.service.port.number`));
  else causes.push(field.required(path, 'port name or number is required'));
  return causes;
}

function pathProblems({ pathType, path = '' }: JsonObject, at: string): Cause[] {
  if (!pathType) return [field.required(`${at}.pathType`, 'pathType must be specified')];
  const absolute = path.startsWith('/');
  const wrong = (why: string): Cause => field.invalid(`${at}.path`, path, why);
  if (pathType === 'ImplementationSpecific') return path && !absolute ? [wrong('must be an absolute path')] : [];
  if (pathType !== 'Exact' && pathType !== 'Prefix')
    return [field.notSupported(`${at}.pathType`, pathType, ['Exact', 'ImplementationSpecific', 'Prefix'])];
  return [
    ...(absolute ? [] : [wrong('must be an absolute path')]),
    ...['//', '/./', '/../', '%2f', '%2F'].filter((bad) => path.includes(bad)).map((bad) => wrong(`must not contain '${bad}'`)),
    ...['/..', '/.'].filter((bad) => path.endsWith(bad)).map((bad) => wrong(`cannot end with '${bad}'`)),
  ];
}

export const ingress: Strategy = {
  validate(object) {
    const spec: JsonObject = object['spec'] ?? {};
    const causes: Cause[] = [];
    if (!spec['rules']?.length && !spec['defaultBackend'])
      causes.push(field.invalid('spec', [], 'either `defaultBackend` or `rules` must be specified'));
    if (spec['defaultBackend']) causes.push(...backendProblems(spec['defaultBackend'], 'spec.defaultBackend'));
    const host = (value: string, at: string, mayBeAddress = false): void => {
      if (!mayBeAddress && isIP(value)) causes.push(field.invalid(at, value, 'must be a DNS name, not an IP address'));
      if (value.includes('*') ? !value.startsWith('*.') || dnsSubdomain(value.slice(2)).length > 0 : dnsSubdomain(value).length > 0)
        causes.push(
          field.invalid(at, value, value.includes('*') ? 'a wildcard DNS-1123 subdomain must start with "*."' : dnsSubdomain(value)[0]!),
        );
    };
    for (const [i, rule] of (spec['rules'] ?? []).entries()) {
      const at = `spec.rules[${i}]`;
      if (rule.host) host(rule.host, `${at}.host`);
      if (rule.http && !rule.http.paths?.length) causes.push(field.required(`${at}.http.paths`));
      for (const [j, p] of (rule.http?.paths ?? []).entries()) {
        const below = `${at}.http.paths[${j}]`;
        causes.push(...pathProblems(p, below));
        if (!p.pathType) continue;
        causes.push(...backendProblems(p.backend ?? {}, `${below}.backend`));
      }
    }
    for (const [i, tls] of (spec['tls'] ?? []).entries())
      for (const [j, h] of (tls.hosts ?? []).entries()) host(h, `spec.tls[${i}].hosts[${j}]`, true);
    for (const [i, tls] of (spec['tls'] ?? []).entries()) causes.push(...subdomain(tls.secretName, `spec.tls[${i}].secretName`));
    const name: unknown = spec['ingressClassName'];
    return [...causes, ...(name === undefined ? [] : checked(name, 'spec.ingressClassName', dnsSubdomain))];
  },
  validateStatus: ({ status = {} }) =>
    ((status.loadBalancer?.ingress ?? []) as JsonObject[]).flatMap(({ ip: address, hostname }, i) => {
      const at = `status.loadBalancer.ingress[${i}]`;
      const causes = [...named(address, `${at}.ip`, ip), ...named(hostname, `${at}.hostname`, dnsSubdomain)];
      return isIP(hostname ?? '')
        ? [...causes, field.invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address')]
        : causes;
    }),
};

function peerProblems(peer: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  const count = ['podSelector', 'namespaceSelector', 'ipBlock'].filter((k) => peer[k]).length;
  for (const key of ['podSelector', 'namespaceSelector']) causes.push(...selectorProblems(peer[key], `${path}.${key}`));
  const block: JsonObject | undefined = peer['ipBlock'];
  if (block) {
    if (!block['cidr']) causes.push(field.required(`${path}.ipBlock.cidr`));
    else causes.push(...named(block['cidr'], `${path}.ipBlock.cidr`, cidr));
    for (const [i, except] of (block['except'] ?? []).entries()) {
      const at = `${path}.ipBlock.except[${i}]`;
      const bad = checked(except, at, cidr);
      const bits = (c: string): number => Number(c.split('/')[1]);
      if (bad.length) causes.push(...bad);
      else if (block['cidr'] && !cidr(block['cidr']).length && !(bits(except) > bits(block['cidr']) && within(except, block['cidr'])))
        causes.push(field.invalid(at, except, 'must be a strict subset of `cidr`'));
    }
  }
  if (count === 0) causes.push(field.required(path, 'must specify a peer'));
  else if (block && count > 1) causes.push(field.forbidden(path, 'may not specify both ipBlock and another peer'));
  return causes;
}

function within(inner: string, outer: string): boolean {
  const [net, bits] = outer.split('/') as [string, string];
  const [ip] = inner.split('/') as [string];
  if (isIPv4(ip) !== isIPv4(net)) return false;
  const list = new BlockList();
  list.addSubnet(net, Number(bits), isIPv4(net) ? 'ipv4' : 'ipv6');
  return list.check(ip, isIPv4(ip) ? 'ipv4' : 'ipv6');
}

export const networkPolicy: Strategy = {
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    for (const rule of [...(spec['ingress'] ?? []), ...(spec['egress'] ?? [])]) for (const p of rule.ports ?? []) p.protocol ??= 'TCP';
    spec['policyTypes'] ??= spec['egress']?.length ? ['Ingress', 'Egress'] : ['Ingress'];
  },
  validate(object) {
    const spec: JsonObject = object['spec'];
    const causes = selectorProblems(spec['podSelector'], 'spec.podSelector');
    for (const [direction, side] of [
      ['ingress', 'from'],
      ['egress', 'to'],
    ] as const) {
      for (const [i, rule] of (spec[direction] ?? []).entries()) {
        const at = `spec.${direction}[${i}]`;
        for (const [j, p] of (rule.ports ?? []).entries()) {
          const below = `${at}.ports[${j}]`;
          causes.push(...oneOf(p.protocol, `${below}.protocol`, PROTOCOLS));
          if (typeof p.port === 'number') causes.push(...numbers.port(p.port, `${below}.port`));
          else if (p.port !== undefined) causes.push(...checked(p.port, `${below}.port`, portName));
          if (p.endPort === undefined) continue;
          if (p.port === undefined)
            causes.push(field.invalid(`${below}.endPort`, p.endPort, 'may not be specified when `port` is not specified'));
          else if (typeof p.port === 'string')
            causes.push(field.invalid(`${below}.endPort`, p.endPort, 'may not be specified when `port` is non-numeric'));
          else {
            if (p.endPort < p.port) causes.push(field.invalid(`${below}.endPort`, p.endPort, 'must be greater than or equal to `port`'));
            causes.push(...numbers.port(p.endPort, `${below}.endPort`));
          }
        }
        for (const [j, peer] of (rule[side] ?? []).entries()) causes.push(...peerProblems(peer, `${at}.${side}[${j}]`));
      }
    }
    if (spec['policyTypes'].length > 2)
      causes.push(field.invalid('spec.policyTypes', spec['policyTypes'], 'may not specify more than two policyTypes'));
    else for (const [i, t] of spec['policyTypes'].entries()) causes.push(...oneOf(t, `spec.policyTypes[${i}]`, ['Egress', 'Ingress']));
    return causes;
  },
};

/** Metadata whose changes count, too. */
const counted = ({ metadata }: JsonObject): JsonObject => {
  const { generation: _g, resourceVersion: _r, managedFields: _m, ...rest } = metadata;
  return rest;
};

export const endpointSlice: Strategy = {
  warnings: ({ addressType }, old) => (!old && addressType === 'FQDN' ? ['spec.addressType: FQDN endpoints are deprecated'] : []),
  update(object, old) {
    if (!equal(counted(object), counted(old))) object['metadata'].generation = (old['metadata'].generation ?? 0) + 1;
  },
  defaults(object) {
    for (const p of object['ports'] ?? []) {
      p.name ??= '';
      p.protocol ??= 'TCP';
    }
  },
  validate(object) {
    const type: unknown = object['addressType'];
    const types = ['FQDN', 'IPv4', 'IPv6'];
    const known = types.includes(String(type));
    const causes: Cause[] = known ? [] : [type ? field.notSupported('addressType', type, types) : field.required('addressType')];
    const list: JsonObject[] = object['endpoints'] ?? [];
    if (list.length > 1000) causes.push(field.tooMany('endpoints', list.length, 1000));
    for (const [i, e] of list.entries()) {
      if (!e['addresses']?.length) causes.push(field.required(`endpoints[${i}].addresses`, 'must contain at least 1 item'));
      if (e['addresses']?.length > 100) causes.push(field.tooMany(`endpoints[${i}].addresses`, e['addresses'].length, 100));
      for (const [j, a] of (e['addresses'] ?? []).entries()) {
        const at = `endpoints[${i}].addresses[${j}]`;
        if (!known) continue;
        if (type === 'FQDN') causes.push(...named(a, at, dnsSubdomain));
        else if (!isIP(a)) causes.push(...checked(a, at, ip));
        else if (type === 'IPv4' ? !isIPv4(a) : !isIPv6(a))
          causes.push(field.invalid(`endpoints[${i}].addresses`, a, `must be an ${String(type)} address`));
        else if (FORBIDDEN_ADDRESS.some(([pattern]) => pattern.test(a)))
          causes.push(field.invalid(at, a, FORBIDDEN_ADDRESS.find(([pattern]) => pattern.test(a))![1]));
      }
      if (e['nodeName'] !== undefined) causes.push(...checked(e['nodeName'], `endpoints[${i}].nodeName`, dnsSubdomain));
      if (e['hostname'] !== undefined) causes.push(...checked(e['hostname'], `endpoints[${i}].hostname`, dnsLabel));
      for (const [key, check] of [
        ['forZones', labelValue],
        ['forNodes', dnsSubdomain],
      ] as const) {
        const hints: string[] = (e['hints']?.[key] ?? []).map((h: JsonObject) => h['name'] ?? '');
        for (const [j, name] of hints.entries()) {
          const at = `endpoints[${i}].hints.${key}[${j}].name`;
          causes.push(...(hints.indexOf(name) < j ? [field.duplicate(at, name)] : []), ...checked(name, at, check));
        }
      }
    }
    const names = new Set<string>();
    for (const [i, p] of (object['ports'] ?? []).entries()) {
      if (names.has(p.name)) causes.push(field.duplicate(`ports[${i}].name`, p.name));
      names.add(p.name);
      causes.push(
        ...named(p.name, `ports[${i}].name`, dnsLabel),
        ...oneOf(p.protocol, `ports[${i}].protocol`, PROTOCOLS),
        ...(p.appProtocol === undefined ? [] : checked(p.appProtocol, `ports[${i}].appProtocol`, labelKey)),
      );
    }
    return causes;
  },
  validateUpdate: (object, old) =>
    object['addressType'] === old['addressType'] ? [] : [field.invalid('addressType', object['addressType'], 'field is immutable')],
};

const FORBIDDEN_ADDRESS: [pattern: RegExp, why: string][] = [
  [/^(0\.0\.0\.0|::)$/, 'may not be unspecified (0.0.0.0 or ::)'],
  [/^(127\.|::1$)/, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  [/^(169\.254\.|fe[89ab])/i, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  [/^(224\.0\.0\.|ff02:)/i, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
];

export const serviceCidr: Strategy = {
  create(object) {
    object['status'] ??= {};
  },
  validateCreate(object) {
    const cidrs: string[] = object['spec']?.cidrs ?? [];
    if (!cidrs.length) return [field.required('spec.cidrs', 'at least one CIDR required')];
    if (cidrs.length > 2) return [field.invalid('spec.cidrs', cidrs, 'may only hold up to 2 values')];
    const causes = cidrs.flatMap((c, i) => checked(c, `spec.cidrs[${i}]`, cidr));
    if (!causes.length && cidrs.length === 2 && cidrs[0]!.includes(':') === cidrs[1]!.includes(':'))
      causes.push(
        field.invalid('spec.cidrs', cidrs, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'),
      );
    return causes;
  },
  validateUpdate: (object, old) =>
    equal(object['spec'], old['spec']) ? [] : [field.invalid('spec.cidrs', object['spec']?.cidrs ?? null, 'field is immutable')],
};

export const ipAddress: Strategy = {
  name: (name) => (isIP(name) ? [] : ['must be a valid IP address in canonical form']),
  validate(object) {
    const ref: JsonObject | undefined = object['spec']?.parentRef;
    if (!ref) return [field.required('spec.parentRef')];
    return ['resource', 'name'].filter((k) => !ref[k]).map((k) => field.required(`spec.parentRef.${k}`));
  },
  validateUpdate: (object, old) =>
    equal(object['spec'], old['spec']) ? [] : [field.invalid('spec.parentRef', object['spec']?.parentRef ?? null, 'field is immutable')],
};

export const ingressClass: Strategy = {
  defaults({ spec }) {
    if (spec?.parameters) spec.parameters.scope ??= 'Cluster';
  },
  validate({ spec = {} }) {
    const causes: Cause[] = [];
    if (!spec.controller) causes.push(field.required('spec.controller'));
    else {
      if (spec.controller.length > 250) causes.push(field.tooLong('spec.controller', 250));
      if (!/^[^/]+\/.+$/.test(spec.controller))
        causes.push(field.invalid('spec.controller', spec.controller, 'must be a domain-prefixed path (such as "acme.io/foo")'));
    }
    const at = 'spec.parameters';
    const p: JsonObject | undefined = spec.parameters;
    if (!p) return causes;
    if (p['apiGroup'] !== undefined) causes.push(...checked(p['apiGroup'], `${at}.apiGroup`, dnsSubdomain));
    for (const key of ['kind', 'name'])
      causes.push(...(p[key] ? checked(p[key], `${at}.${key}`, pathSegment) : [field.required(`${at}.${key}`)]));
    causes.push(...oneOf(p['scope'], `${at}.scope`, ['Cluster', 'Namespace']));
    if (p['scope'] === 'Cluster' && p['namespace'] !== undefined)
      causes.push(field.forbidden(`${at}.namespace`, "`parameters.scope` is set to 'Cluster'"));
    if (p['scope'] === 'Namespace')
      causes.push(
        ...(p['namespace']
          ? checked(p['namespace'], `${at}.namespace`, dnsLabel)
          : [field.required(`${at}.namespace`, "`parameters.scope` is set to 'Namespace'")]),
      );
    return causes;
  },
  validateUpdate: ({ spec = {} }, old) =>
    spec.controller === old['spec']?.controller ? [] : [field.invalid('spec.controller', spec.controller ?? '', 'field is immutable')],
};

export const endpoints: Strategy = {
  defaults: (object) => {
    for (const s of object['subsets'] ?? []) for (const p of s.ports ?? []) p.protocol ||= 'TCP';
  },
  validate(object) {
    const causes: Cause[] = [];
    for (const [i, s] of (object['subsets'] ?? []).entries()) {
      const at = `subsets[${i}]`;
      if (!s.addresses?.length && !s.notReadyAddresses?.length)
        causes.push(field.required(at, 'must specify `addresses` or `notReadyAddresses`'));
      for (const key of ['addresses', 'notReadyAddresses']) {
        for (const [j, a] of (s[key] ?? []).entries()) {
          const below = `${at}.${key}[${j}].ip`;
          causes.push(
            ...named(a.hostname, `${at}.${key}[${j}].hostname`, dnsLabel),
            ...(a.nodeName === undefined ? [] : checked(a.nodeName, `${at}.${key}[${j}].nodeName`, dnsSubdomain)),
          );
          // Kubernetes asks twice: whether it is an address, and whether it is one of those that may not be.
          if (!isIP(a.ip ?? ''))
            causes.push(
              field.invalid(below, a.ip ?? '', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
              field.invalid(below, a.ip ?? '', 'must be a valid IP address'),
            );
          else for (const [pattern, why] of FORBIDDEN_ADDRESS) if (pattern.test(a.ip)) causes.push(field.invalid(below, a.ip, why));
        }
      }
      for (const [j, p] of (s.ports ?? []).entries()) {
        if (s.ports.length > 1 && !p.name) causes.push(field.required(`${at}.ports[${j}].name`));
        causes.push(...named(p.name, `${at}.ports[${j}].name`, dnsLabel));
        causes.push(...numbers.port(p.port ?? 0, `${at}.ports[${j}].port`), ...oneOf(p.protocol, `${at}.ports[${j}].protocol`, PROTOCOLS));
        if (p.appProtocol !== undefined) causes.push(...checked(p.appProtocol, `${at}.ports[${j}].appProtocol`, labelKey));
      }
    }
    return causes;
  },
};

export const disruptionBudget: Strategy = {
  validate({ spec = {} }) {
    const causes: Cause[] = [];
    if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined)
      causes.push(field.invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
    for (const key of ['minAvailable', 'maxUnavailable']) {
      const value: unknown = spec[key];
      if (typeof value === 'number' && value < 0) causes.push(field.invalid(`spec.${key}`, value, 'must be greater than or equal to 0'));
      if (typeof value === 'string' && (!/^\d+%$/.test(value) || Number.parseInt(value, 10) > 100))
        causes.push(
          field.invalid(
            `spec.${key}`,
            value,
            /^\d+%$/.test(value)
              ? 'must not be greater than 100%'
              : "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
          ),
        );
    }
    causes.push(...selectorProblems(spec.selector, 'spec.selector'));
    causes.push(...oneOf(spec.unhealthyPodEvictionPolicy, 'spec.unhealthyPodEvictionPolicy', ['AlwaysAllow', 'IfHealthyBudget']));
    return causes;
  },
  validateStatus: ({ status = {} }) => [
    ...conditionProblems(status.conditions, 'status.conditions'),
    ...numbers.notNegative(status, 'status', 'disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'),
  ],
};

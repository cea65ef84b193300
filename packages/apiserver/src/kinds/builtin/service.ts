import { ApiError, field, invalid, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { dnsLabel, labelKey } from '../names.ts';
import { checked, cidr, ip as address, labelProblems, named, oneOf, portOrName, subdomain } from './checks.ts';
import type { Strategy, WriteContext } from '../resource.ts';

const wantsIp = (spec: JsonObject): boolean => spec['type'] !== 'ExternalName';
const wantsPorts = (spec: JsonObject): boolean =>
  spec['type'] === 'NodePort' || (spec['type'] === 'LoadBalancer' && spec['allocateLoadBalancerNodePorts'] !== false);

type Family = WriteContext['ipFamilies'][number];

function families(spec: JsonObject, ofCluster: readonly Family[]): void {
  if (!wantsIp(spec)) return;
  // Who selects no pods and has no address may list endpoints of both families.
  if (spec['clusterIP'] === 'None' && !Object.keys(spec['selector'] ?? {}).length && spec['ipFamilyPolicy'] !== 'SingleStack') {
    spec['ipFamilyPolicy'] ??= 'RequireDualStack';
    spec['ipFamilies'] = [...new Set([...(spec['ipFamilies'] ?? []), ...ofCluster, 'IPv4', 'IPv6'])];
    return;
  }
  const wanted: string[] = (spec['clusterIPs'] ?? []).filter((ip: string) => ip !== 'None');
  if (!spec['ipFamilies']?.length) spec['ipFamilies'] = wanted.length ? wanted.map(familyOf) : [ofCluster[0]];
  spec['ipFamilyPolicy'] ??= spec['ipFamilies'].length > 1 || wanted.length > 1 ? 'RequireDualStack' : 'SingleStack';
  if (spec['ipFamilyPolicy'] !== 'SingleStack' && ofCluster.length > 1)
    spec['ipFamilies'] = [...new Set([...spec['ipFamilies'], ...ofCluster])];
}

const familyOf = (ip: string): Family => (ip.includes(':') ? 'IPv6' : 'IPv4');

/** What a service asks for that this cluster does not have. */
function missing(spec: JsonObject, ofCluster: readonly Family[]): Cause[] {
  if (!wantsIp(spec) || spec['clusterIP'] === 'None') return [];
  const causes = (spec['ipFamilies'] ?? []).flatMap((f: Family, i: number) =>
    ofCluster.includes(f) ? [] : [field.invalid(`spec.ipFamilies[${i}]`, f, 'not configured on this cluster')],
  );
  if (spec['ipFamilyPolicy'] === 'RequireDualStack' && ofCluster.length < 2)
    causes.push(field.invalid('spec.ipFamilyPolicy', 'RequireDualStack', 'this cluster is not configured for dual-stack services'));
  return causes;
}

const SERVICE = { group: '', plural: 'services', kind: 'Service' };

interface Had {
  ips: readonly string[];
  ports: ReadonlySet<number>;
}

/** Gives the service what it needs. @throws a 422 that names it */
function allocate(object: JsonObject, context: WriteContext, had: Had): void {
  try {
    allocateAll(object, context, had);
  } catch (error) {
    const causes = error instanceof ApiError ? error.details?.['causes'] : undefined;
    throw causes ? invalid(SERVICE, object['metadata']?.name ?? '', causes as Cause[]) : error;
  }
}

function allocateAll(object: JsonObject, context: WriteContext, had: Had): void {
  const spec: JsonObject = object['spec'];
  if (problems({ spec }).length) return;
  const causes = missing(spec, context.ipFamilies);
  if (causes.length) throw invalid(SERVICE, '', causes);
  if (wantsIp(spec)) {
    const wanted: string[] = spec['clusterIPs'] ?? (spec['clusterIP'] ? [spec['clusterIP']] : []);
    const ips =
      wanted[0] === 'None'
        ? ['None']
        : (spec['ipFamilies'] as Family[]).map((f, i) => {
            const ip = wanted[i] || undefined;
            return ip && had.ips.includes(ip) ? ip : context.allocateClusterIP(f, ip);
          });
    spec['clusterIP'] = ips[0];
    spec['clusterIPs'] = ips;
  }
  if (wantsPorts(spec)) {
    for (const port of spec['ports'] ?? [])
      if (!port.nodePort || !had.ports.has(port.nodePort)) port.nodePort = context.allocateNodePort(port.nodePort);
  }
  if (spec['type'] === 'LoadBalancer' && spec['externalTrafficPolicy'] === 'Local') {
    const wanted: number | undefined = spec['healthCheckNodePort'];
    if (!wanted || !had.ports.has(wanted)) spec['healthCheckNodePort'] = context.allocateNodePort(wanted);
  }
}

/** Whether it can be reached from outside of the cluster. */
const isExternal = (spec: JsonObject): boolean =>
  ['LoadBalancer', 'NodePort'].includes(spec['type']) || (spec['type'] === 'ClusterIP' && spec['externalIPs']?.length > 0);

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];

function portProblems(spec: JsonObject): Cause[] {
  const causes: Cause[] = [];
  const ports: JsonObject[] = spec['ports'] ?? [];
  if (!ports.length && spec['type'] !== 'ExternalName' && spec['clusterIP'] !== 'None') causes.push(field.required('spec.ports'));
  const names = new Set<string>();
  const numbersSeen = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [i, p] of ports.entries()) {
    const at = `spec.ports[${i}]`;
    if (ports.length > 1 && !p['name']) causes.push(field.required(`${at}.name`));
    causes.push(...named(p['name'], `${at}.name`, dnsLabel));
    if (p['name'] && names.has(p['name'])) causes.push(field.duplicate(`${at}.name`, p['name']));
    names.add(p['name']);
    if (!(p['port'] >= 1 && p['port'] <= 65535))
      causes.push(field.invalid(`${at}.port`, p['port'] ?? 0, 'must be between 1 and 65535, inclusive'));
    causes.push(...oneOf(p['protocol'], `${at}.protocol`, ['SCTP', 'TCP', 'UDP']));
    causes.push(...portOrName(p['targetPort'], `${at}.targetPort`));
    if (p['appProtocol'] !== undefined) causes.push(...checked(p['appProtocol'], `${at}.appProtocol`, labelKey));
    if (p['nodePort'] && spec['type'] === 'ClusterIP')
      causes.push(field.forbidden(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
    const id = `${p['protocol']}/${p['port']}`;
    if (numbersSeen.has(id)) causes.push(field.duplicate(at, { port: p['port'], protocol: p['protocol'] }));
    numbersSeen.add(id);
    const node = `${p['protocol']}/${p['nodePort']}`;
    if (p['nodePort'] && nodePorts.has(node)) causes.push(field.duplicate(`${at}.nodePort`, p['nodePort']));
    nodePorts.add(node);
  }
  return causes;
}

function addressProblems(spec: JsonObject): Cause[] {
  const causes: Cause[] = [];
  const { type, clusterIP, clusterIPs = [] } = spec as { type: string; clusterIP?: string; clusterIPs?: string[] };
  if (type === 'ExternalName') {
    if (clusterIP || clusterIPs.length) causes.push(field.forbidden('spec.clusterIPs', 'may not be set for ExternalName services'));
    for (const key of ['ipFamilies', 'ipFamilyPolicy'])
      if (spec[key] !== undefined) causes.push(field.forbidden(`spec.${key}`, 'may not be set for ExternalName services'));
    return causes;
  }
  if (clusterIP && clusterIPs.length && clusterIPs[0] !== clusterIP)
    causes.push(field.invalid('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`'));
  if (clusterIPs.includes('None') && clusterIPs.length > 1)
    causes.push(field.invalid('spec.clusterIPs[0]', clusterIPs[0], "'None' must be the first and only value"));
  else for (const [i, ip] of clusterIPs.entries()) if (ip !== 'None') causes.push(...checked(ip, `spec.clusterIPs[${i}]`, address));
  if (clusterIP === 'None' && ['LoadBalancer', 'NodePort'].includes(type))
    causes.push(field.invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`));
  const families: string[] = spec['ipFamilies'] ?? [];
  for (const [i, f] of families.entries()) {
    causes.push(...oneOf(f, `spec.ipFamilies[${i}]`, ['IPv4', 'IPv6']));
    if (families.indexOf(f) !== i) causes.push(field.duplicate(`spec.ipFamilies[${i}]`, f));
  }
  causes.push(...oneOf(spec['ipFamilyPolicy'], 'spec.ipFamilyPolicy', ['PreferDualStack', 'RequireDualStack', 'SingleStack']));
  if (families.length > 1 && spec['ipFamilyPolicy'] === 'SingleStack')
    causes.push(
      field.invalid(
        'spec.ipFamilyPolicy',
        'SingleStack',
        "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
      ),
    );
  for (const [i, ip] of clusterIPs.entries())
    if (ip !== 'None' && families[i] && !address(ip).length && familyOf(ip) !== families[i])
      causes.push(field.invalid(`spec.clusterIPs[${i}]`, ip, `expected an ${families[i]} value as indicated by \`ipFamilies[${i}]\``));
  return causes;
}

function trafficProblems(spec: JsonObject): Cause[] {
  const causes: Cause[] = [];
  const balanced = spec['type'] === 'LoadBalancer';
  causes.push(...oneOf(spec['sessionAffinity'], 'spec.sessionAffinity', ['ClientIP', 'None']));
  const seconds: unknown = spec['sessionAffinityConfig']?.clientIP?.timeoutSeconds;
  if (spec['sessionAffinity'] === 'ClientIP' && seconds === undefined)
    causes.push(
      field.required(
        `spec.sessionAffinityConfig.clientIP${spec['sessionAffinityConfig'].clientIP ? '.timeoutSeconds' : ''}`,
        'when session affinity type is ClientIP',
      ),
    );
  if (spec['sessionAffinity'] === 'None' && spec['sessionAffinityConfig'])
    causes.push(field.forbidden('spec.sessionAffinityConfig', 'must not be set when session affinity is None'));
  if (spec['sessionAffinity'] === 'ClientIP' && typeof seconds === 'number' && (seconds <= 0 || seconds > 86400))
    causes.push(field.invalid('spec.sessionAffinityConfig.clientIP.timeoutSeconds', seconds, 'must be greater than 0 and less than 86400'));
  const outside: unknown = spec['externalTrafficPolicy'];
  if (outside !== undefined && !isExternal(spec))
    causes.push(field.invalid('spec.externalTrafficPolicy', outside, 'may only be set for externally-accessible services'));
  else causes.push(...oneOf(outside, 'spec.externalTrafficPolicy', ['Cluster', 'Local']));
  if (spec['healthCheckNodePort'] && !(balanced && outside === 'Local'))
    causes.push(
      field.invalid(
        'spec.healthCheckNodePort',
        spec['healthCheckNodePort'],
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    );
  causes.push(
    ...oneOf(spec['internalTrafficPolicy'], 'spec.internalTrafficPolicy', ['Cluster', 'Local']),
    ...oneOf(spec['trafficDistribution'], 'spec.trafficDistribution', ['PreferClose', 'PreferSameNode', 'PreferSameZone']),
  );
  const only = "may only be used when `type` is 'LoadBalancer'";
  for (const key of ['allocateLoadBalancerNodePorts', 'loadBalancerClass'])
    if (spec[key] !== undefined && !balanced) causes.push(field.forbidden(`spec.${key}`, only));
  if (balanced) causes.push(...named(spec['loadBalancerClass'], 'spec.loadBalancerClass', labelKey));
  const ranges: string[] = spec['loadBalancerSourceRanges'] ?? [];
  if (ranges.length && !balanced) causes.push(field.forbidden('spec.LoadBalancerSourceRanges', only));
  for (const [i, range] of ranges.entries()) causes.push(...checked(range.trim(), `spec.LoadBalancerSourceRanges[${i}]`, cidr));
  for (const [i, ip] of (spec['externalIPs'] ?? []).entries()) {
    causes.push(...checked(ip, `spec.externalIPs[${i}]`, address));
    if (/^(127\.|::1$)/.test(ip))
      causes.push(field.invalid(`spec.externalIPs[${i}]`, ip, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'));
    if (/^(0\.0\.0\.0|::)$/.test(ip)) causes.push(field.invalid(`spec.externalIPs[${i}]`, ip, 'may not be unspecified (0.0.0.0 or ::)'));
  }
  return causes;
}

/** What is wrong with the addresses that a load balancer is said to have. */
function balancerProblems(spec: JsonObject, ingress: JsonObject[]): Cause[] {
  const at = 'status.loadBalancer.ingress';
  if (ingress.length && spec['type'] !== 'LoadBalancer')
    return [field.forbidden(at, "may only be used when `spec.type` is 'LoadBalancer'")];
  return ingress.flatMap(({ ip, ipMode, hostname }, i) => {
    const path = `${at}[${i}]`;
    const causes: Cause[] = ip ? checked(ip, `${path}.ip`, address) : [];
    if (ip && !ipMode) causes.push(field.required(`${path}.ipMode`, 'must be specified when `ip` is set'));
    if (!ip && ipMode) causes.push(field.forbidden(`${path}.ipMode`, 'may not be specified when `ip` is not set'));
    else causes.push(...oneOf(ipMode, `${path}.ipMode`, ['Proxy', 'VIP']));
    if (!hostname) return causes;
    causes.push(...subdomain(hostname, `${path}.hostname`));
    if (!address(hostname).length) causes.push(field.invalid(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address'));
    return causes;
  });
}

function problems(object: JsonObject): Cause[] {
  const spec: JsonObject = object['spec'] ?? {};
  const causes = [...oneOf(spec['type'], 'spec.type', TYPES), ...portProblems(spec)];
  if (spec['type'] === 'ExternalName') {
    if (!spec['externalName']) causes.push(field.required('spec.externalName'));
    else causes.push(...subdomain(spec['externalName'].replace(/\.$/, ''), 'spec.externalName'));
  }
  return [...causes, ...labelProblems(spec['selector'], 'spec.selector'), ...addressProblems(spec), ...trafficProblems(spec)];
}

export const service: Strategy = {
  name: dnsLabel,
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    spec['sessionAffinity'] ||= 'None';
    if (spec['sessionAffinity'] === 'None') delete spec['sessionAffinityConfig'];
    if (spec['sessionAffinity'] === 'ClientIP' && spec['sessionAffinityConfig']?.clientIP?.timeoutSeconds === undefined)
      spec['sessionAffinityConfig'] = { clientIP: { timeoutSeconds: 10800 } };
    spec['type'] ||= 'ClusterIP';
    for (const p of spec['ports'] ?? []) {
      p.protocol ||= 'TCP';
      if (p.targetPort === undefined || p.targetPort === 0 || p.targetPort === '') p.targetPort = p.port;
    }
    if (isExternal(spec)) spec['externalTrafficPolicy'] ||= 'Cluster';
    if (wantsIp(spec)) spec['internalTrafficPolicy'] ??= 'Cluster';
    if (spec['type'] === 'LoadBalancer') spec['allocateLoadBalancerNodePorts'] ??= true;
    if (spec['type'] === 'LoadBalancer') for (const i of object['status']?.loadBalancer?.ingress ?? []) if (i.ip) i.ipMode ??= 'VIP';
    if (spec['clusterIP'] === '') delete spec['clusterIP'];
    if (spec['clusterIP'] && !spec['clusterIPs']) spec['clusterIPs'] = [spec['clusterIP']];
  },
  create(object, context) {
    families(object['spec'], context.ipFamilies);
    allocate(object, context, { ips: [], ports: new Set() });
  },
  update(object, old, context) {
    const spec: JsonObject = object['spec'];
    const before: JsonObject = old['spec'];
    // What only the former type had goes with it, unless the writer changed it.
    const drop = (key: string, stays: boolean): void => {
      if (!stays && equal(spec[key], before[key])) delete spec[key];
    };
    // Who knows of one address only changes that one.
    if (spec['clusterIP'] && spec['clusterIP'] !== before['clusterIP'] && equal(spec['clusterIPs'], before['clusterIPs']))
      spec['clusterIPs'] = [spec['clusterIP']];
    const outside = ['LoadBalancer', 'NodePort'].includes(spec['type']);
    drop('externalTrafficPolicy', outside || spec['externalIPs']?.length > 0);
    if (spec['type'] === 'LoadBalancer' && spec['externalTrafficPolicy'] === 'Local')
      spec['healthCheckNodePort'] ??= before['healthCheckNodePort'];
    drop('healthCheckNodePort', spec['type'] === 'LoadBalancer' && spec['externalTrafficPolicy'] === 'Local');
    for (const key of ['allocateLoadBalancerNodePorts', 'loadBalancerClass']) drop(key, spec['type'] === 'LoadBalancer');
    if (!outside && (before['type'] === 'LoadBalancer' || before['type'] === 'NodePort')) {
      for (const p of spec['ports'] ?? [])
        if ((before['ports'] ?? []).some((b: JsonObject) => b['nodePort'] === p.nodePort)) delete p.nodePort;
    }
    if (wantsIp(spec) && wantsIp(before)) {
      spec['clusterIP'] ??= before['clusterIP'];
      spec['clusterIPs'] ??= before['clusterIPs'];
      spec['ipFamilies'] ??= before['ipFamilies'];
      spec['ipFamilyPolicy'] ??= before['ipFamilyPolicy'];
      if (spec['clusterIP'] !== before['clusterIP']) return;
      // Back to one family: the second one's address is given up, unless the writer says otherwise.
      if (spec['ipFamilyPolicy'] === 'SingleStack' && before['ipFamilyPolicy'] !== 'SingleStack')
        for (const key of ['clusterIPs', 'ipFamilies']) if (equal(spec[key], before[key])) spec[key] = spec[key]?.slice(0, 1);
    } else if (!wantsIp(spec)) {
      for (const key of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy']) drop(key, false);
    }
    families(spec, context.ipFamilies);
    if (wantsPorts(spec)) {
      for (const p of spec['ports'] ?? [])
        p.nodePort ??= (before['ports'] ?? []).find((b: JsonObject) => b['port'] === p.port && b['protocol'] === p.protocol)?.nodePort;
      for (const p of spec['ports'] ?? []) if (p.nodePort === undefined) delete p.nodePort;
    }
    allocate(object, context, {
      ips: before['clusterIPs'] ?? [],
      ports: new Set([before['healthCheckNodePort'], ...(before['ports'] ?? []).map((p: JsonObject) => p['nodePort'])]),
    });
  },
  validate: problems,
  warnings: ({ spec = {} }) => [
    ...(spec.externalIPs?.length ? ['spec.externalIPs is deprecated and may no longer be implemented in some clusters'] : []),
    ...(spec.externalName && spec.type !== 'ExternalName' ? ['spec.externalName is ignored when spec.type is not "ExternalName"'] : []),
  ],
  validateUpdate(object, old) {
    const { loadBalancerClass } = old['spec'];
    if (object['spec'].loadBalancerClass !== undefined && object['spec'].type !== 'LoadBalancer')
      return [field.forbidden('spec.loadBalancerClass', "may only be used when `type` is 'LoadBalancer'")];
    if (loadBalancerClass && object['spec'].type === 'LoadBalancer' && object['spec'].loadBalancerClass !== loadBalancerClass)
      return [field.invalid('spec.loadBalancerClass', object['spec'].loadBalancerClass ?? '', 'may not change once set')];
    const health: unknown = old['spec'].healthCheckNodePort;
    if (health && object['spec'].healthCheckNodePort && object['spec'].healthCheckNodePort !== health)
      return [field.forbidden('spec.healthCheckNodePort', 'field is immutable')];
    const before: unknown = old['spec'].clusterIP;
    if (!before || !wantsIp(object['spec']) || !wantsIp(old['spec']) || object['spec'].clusterIP === before) return [];
    return [field.invalid('spec.clusterIPs[0]', object['spec'].clusterIPs ?? [object['spec'].clusterIP], 'may not change once set')];
  },
  validateStatus: ({ spec, status = {} }) => balancerProblems(spec, status.loadBalancer?.ingress ?? []),
  fields: ({ spec = {} }) => ({ 'spec.clusterIP': spec.clusterIP ?? '', 'spec.type': spec.type ?? '' }),
  returnsDeleted: true,
};

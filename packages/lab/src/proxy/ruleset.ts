import { createHash } from 'node:crypto';
import { familyOf, type Family } from '../cidr.ts';
import type { Backend } from './endpoints.ts';
import type { ServicePort } from './service-ports.ts';

/** What the table holds beside its fixed part; names, keys and rules are in nft's language. */
export interface Ruleset {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Sets that grow by packets: name to declaration. */
  readonly sets: ReadonlyMap<string, string>;
  /** `<map> <key>` to value, '' in a set. */
  readonly elements: ReadonlyMap<string, string>;
}

export interface RulesetOptions {
  readonly family: Family;
  /** What comes from elsewhere to a ClusterIP is masqueraded. */
  readonly podCIDR: string;
}

const REJECT = 'goto reject-chain';

/** The rules for all services of a node in one family, named as kube-proxy names its own. */
export function rulesetOf(ports: readonly ServicePort[], options: RulesetOptions): Ruleset {
  const chains = new Map<string, readonly string[]>();
  const sets = new Map<string, string>();
  const elements = new Map<string, string>();
  for (const port of ports) addPort(port, options, { chains, sets, elements });
  return { chains, sets, elements };
}

interface Growing {
  readonly chains: Map<string, readonly string[]>;
  readonly sets: Map<string, string>;
  readonly elements: Map<string, string>;
}

function addPort(port: ServicePort, { family, podCIDR }: RulesetOptions, into: Growing): void {
  const ip = family === 'IPv4' ? 'ip' : 'ip6';
  const proto = port.protocol.toLowerCase();
  const cluster = `service-${nameOf(port.id)}`;
  const local = `local-${nameOf(port.id)}`;
  const external = `external-${nameOf(port.id)}`;
  const hasExternal = port.nodePort !== undefined || port.externalIPs.length > 0;
  const put = (map: string, key: string, value: string) => into.elements.set(`${map} ${key}`, value);
  const at = (address: string) => `${address} . ${proto} . ${port.port}`;
  const nodePort = `${proto} . ${port.nodePort}`;

  put('cluster-ips', port.clusterIP, '');
  const internal = port.internalLocal ? port.local : port.cluster;
  if (internal.length === 0)
    put('no-endpoint-services', at(port.clusterIP), port.internalLocal && port.cluster.length > 0 ? 'drop' : REJECT);
  else {
    const name = port.internalLocal ? local : cluster;
    put('service-ips', at(port.clusterIP), `goto ${name}`);
  }
  const usesLocal = port.internalLocal || (hasExternal && port.externalLocal);
  const usesCluster = !port.internalLocal || hasExternal;
  const outside = `${ip} daddr ${port.clusterIP} ${ip} saddr != ${podCIDR} jump mark-for-masquerade`;
  if (usesCluster && port.cluster.length > 0) into.chains.set(cluster, [outside, ...choose(port, port.cluster, ip)]);
  if (usesLocal && port.local.length > 0) into.chains.set(local, [outside, ...choose(port, port.local, ip)]);

  if (hasExternal) {
    if (port.cluster.length > 0) {
      into.chains.set(external, externalRules(port, { ip, podCIDR, cluster, local }));
      for (const address of port.externalIPs) put('service-ips', at(address), `goto ${external}`);
      if (port.nodePort !== undefined) put('service-nodeports', nodePort, `goto ${external}`);
    }
    const reachable = port.externalLocal ? port.local : port.cluster;
    if (reachable.length === 0) {
      const verdict = port.cluster.length > 0 ? 'drop' : REJECT;
      for (const address of port.externalIPs) put('no-endpoint-services', at(address), verdict);
      if (port.nodePort !== undefined) put('no-endpoint-nodeports', nodePort, verdict);
    }
  }

  const used = [...(usesCluster ? port.cluster : []), ...(usesLocal ? port.local : [])];
  for (const backend of used) {
    const chain = endpointChain(port, backend);
    const affinity = affinitySet(port, backend);
    if (port.affinity !== undefined)
      into.sets.set(affinity, `type ${family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr'}; flags dynamic,timeout; timeout ${port.affinity}s;`);
    into.chains.set(chain, [
      // A pod that reaches itself must not see its own address as the peer's.
      `${ip} saddr ${backend.ip} jump mark-for-masquerade`,
      ...(port.affinity === undefined ? [] : [`update @${affinity} { ${ip} saddr }`]),
      `meta l4proto ${proto} dnat to ${familyOf(backend.ip) === 'IPv4' ? backend.ip : `[${backend.ip}]`}:${backend.port}`,
    ]);
  }
}

/** With the policy Local what this cluster sends itself may go everywhere, and what comes from elsewhere keeps its source. */
function externalRules(port: ServicePort, o: { ip: string; podCIDR: string; cluster: string; local: string }): string[] {
  if (!port.externalLocal) return ['jump mark-for-masquerade', `goto ${o.cluster}`];
  return [
    `${o.ip} saddr ${o.podCIDR} goto ${o.cluster}`,
    'fib saddr type local jump mark-for-masquerade',
    `fib saddr type local goto ${o.cluster}`,
    ...(port.local.length > 0 ? [`goto ${o.local}`] : []),
  ];
}

/** A client with affinity goes where it went; others to any of them. */
function choose(port: ServicePort, backends: readonly Backend[], ip: string): string[] {
  const known =
    port.affinity === undefined ? [] : backends.map((b) => `${ip} saddr @${affinitySet(port, b)} goto ${endpointChain(port, b)}`);
  const verdicts = backends.map((b, i) => `${i} : goto ${endpointChain(port, b)}`);
  return [...known, `numgen random mod ${backends.length} vmap { ${verdicts.join(', ')} }`];
}

const endpointChain = (port: ServicePort, b: Backend) => `endpoint-${nameOf(port.id, `__${b.ip}/${b.port}`)}`;
/** By its timeout, too, since a set's cannot be changed while rules refer to it. */
const affinitySet = (port: ServicePort, b: Backend) => `affinity-${nameOf(port.id, `__${b.ip}/${b.port}/${port.affinity}s`)}`;

/** E.g. `5OJB2KTY-default/web/tcp/http__10.1.1.2/8080`: unique by the hash, and readable; nft knows no colons in names. */
function nameOf(id: string, more = ''): string {
  const hash = createHash('sha256').update(`${id}${more}`).digest('hex').slice(0, 8);
  return `${hash}-${id}${more}`.replaceAll(/[^A-Za-z0-9/_.-]/g, '.').slice(0, 200);
}

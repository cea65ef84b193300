import { isIP } from 'node:net';

/** The fields of a pod's spec that say how it resolves names. */
export interface DnsSpec {
  /** Default ClusterFirst. */
  readonly dnsPolicy?: 'ClusterFirst' | 'ClusterFirstWithHostNet' | 'Default' | 'None';
  readonly dnsConfig?: {
    readonly nameservers?: readonly string[];
    readonly searches?: readonly string[];
    readonly options?: readonly { readonly name?: string; readonly value?: string }[];
  };
  readonly hostNetwork?: boolean;
}

export interface ClusterDns {
  readonly namespace: string;
  /** Addresses of the cluster's DNS service. */
  readonly servers: readonly string[];
  /** E.g. `cluster.local`. */
  readonly domain: string;
  /** The text of the node's own resolv.conf. */
  readonly host: string;
}

interface Resolver {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** As kubelet limits them, and resolv.conf(5). */
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARS = 2048;

/** The text of a pod's /etc/resolv.conf. */
export function resolvConf(spec: DnsSpec, cluster: ClusterDns): string {
  const r = merged(baseOf(spec, cluster), spec.dnsConfig);
  return [
    ...(r.searches.length > 0 ? [`search ${r.searches.join(' ')}`] : []),
    ...r.nameservers.map((n) => `nameserver ${n}`),
    ...(r.options.length > 0 ? [`options ${r.options.join(' ')}`] : []),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function baseOf(spec: DnsSpec, cluster: ClusterDns): Resolver {
  const policy = spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { nameservers: [], searches: [], options: [] };
  const host = parse(cluster.host);
  // Who shares the node's network is only sent to the cluster's server by the policy that is named after it.
  const asHost = policy === 'Default' || (policy === 'ClusterFirst' && spec.hostNetwork === true) || cluster.servers.length === 0;
  if (asHost) return host;
  const { namespace, domain } = cluster;
  return {
    nameservers: cluster.servers,
    searches: [`${namespace}.svc.${domain}`, `svc.${domain}`, domain, ...host.searches],
    options: ['ndots:5'],
  };
}

function merged(base: Resolver, config: DnsSpec['dnsConfig']): Resolver {
  const options = new Map(base.options.map((o) => [o.split(':')[0] as string, o]));
  for (const { name, value } of config?.options ?? []) if (name) options.set(name, value ? `${name}:${value}` : name);
  return {
    nameservers: unique([...base.nameservers, ...(config?.nameservers ?? [])]).slice(0, MAX_NAMESERVERS),
    searches: limited(unique([...base.searches, ...(config?.searches ?? [])])),
    options: [...options.values()],
  };
}

function parse(text: string): Resolver {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/),
  );
  const wordsOf = (key: string) => lines.filter((line) => line[0] === key).map((line) => line.slice(1));
  return {
    nameservers: wordsOf('nameserver').flatMap((w) => (isIP((w[0] ?? '').split('%')[0] ?? '') === 0 ? [] : [w[0] as string])),
    // The last search line counts.
    searches: wordsOf('search').at(-1) ?? [],
    options: wordsOf('options').flat(),
  };
}

const unique = (items: readonly string[]): string[] => [...new Set(items)];

function limited(searches: readonly string[]): string[] {
  const kept: string[] = [];
  for (const search of searches.slice(0, MAX_SEARCHES)) {
    if ([...kept, search].join(' ').length > MAX_SEARCH_CHARS) break;
    kept.push(search);
  }
  return kept;
}

import type { Pod } from '../kube.ts';

/** The cluster's DNS, where it has one. */
export interface ClusterDns {
  readonly addresses: readonly string[];
  /** E.g. `cluster.local`. */
  readonly domain: string;
}

interface Resolver {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** The content of /etc/resolv.conf for a pod, by its dnsPolicy and dnsConfig. `host` is the machine's, for what is to resolve as that does. */
export function resolvConf(pod: Pod, dns: ClusterDns | undefined, host: string): string {
  const { dnsConfig } = pod.spec;
  const base = baseOf(pod, dns, parse(host));
  const nameservers = unique([...base.nameservers, ...(dnsConfig?.nameservers ?? [])]);
  const searches = unique([...base.searches, ...(dnsConfig?.searches ?? [])]);
  const own = (dnsConfig?.options ?? []).map(({ name, value }) => (value === undefined ? name : `${name}:${value}`));
  const named = (option: string) => option.split(':')[0];
  const options = [...base.options.filter((o) => !own.some((other) => named(other) === named(o))), ...own];
  return [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

function baseOf(pod: Pod, dns: ClusterDns | undefined, host: Resolver): Resolver {
  const { dnsPolicy = 'ClusterFirst', hostNetwork } = pod.spec;
  if (dnsPolicy === 'None') return { nameservers: [], searches: [], options: [] };
  const asks = dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  if (!asks || !dns) return host;
  const zones = [`${pod.metadata.namespace ?? 'default'}.svc.${dns.domain}`, `svc.${dns.domain}`, dns.domain];
  return { nameservers: dns.addresses, searches: [...zones, ...host.searches], options: ['ndots:5'] };
}

function parse(text: string): Resolver {
  const words = (keyword: string) =>
    text
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([first]) => first === keyword)
      .map(([, ...rest]) => rest);
  return {
    nameservers: words('nameserver').flatMap(([address]) => address ?? []),
    searches: words('search').at(-1) ?? [],
    options: words('options').flat(),
  };
}

const unique = (words: readonly string[]): string[] => [...new Set(words)];

import { readFileSync } from 'node:fs';
import type { Pod } from '../kube.ts';
import { resolvConf, type ClusterDns } from './resolv-conf.ts';

/** The host name of a pod's containers: the node's on its network. */
export function hostnameOf(pod: Pod, node: string, domain: string): string {
  if (pod.spec.hostNetwork) return node;
  const name = pod.spec.hostname ?? pod.metadata.name.slice(0, 63).replace(/[-.]+$/, '');
  return pod.spec.setHostnameAsFQDN ? (fqdnOf(pod, name, domain) ?? name) : name;
}

function fqdnOf(pod: Pod, name: string, domain: string): string | undefined {
  const { subdomain } = pod.spec;
  return subdomain && `${name}.${subdomain}.${pod.metadata.namespace ?? 'default'}.svc.${domain}`;
}

/** The files that a node writes into every container, by path. */
export function podFiles(
  pod: Pod,
  at: { readonly node: string; readonly podIPs: readonly string[]; readonly dns: ClusterDns | undefined },
) {
  const domain = at.dns?.domain ?? 'cluster.local';
  const hostname = hostnameOf(pod, at.node, domain);
  return {
    '/etc/hostname': `${hostname}\n`,
    '/etc/hosts': hostsFile(pod, hostname, at.podIPs, domain),
    '/etc/resolv.conf': resolvConf(pod, at.dns, machineResolver()),
  };
}

function machineResolver(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return ''; // the machine has none, or a link into its /run, which a lab does not see
  }
}

function hostsFile(pod: Pod, hostname: string, podIPs: readonly string[], domain: string): string {
  const fqdn = fqdnOf(pod, hostname, domain);
  const own = podIPs.map((ip) => `${ip}\t${fqdn ? `${fqdn}\t` : ''}${hostname}`);
  const aliases = (pod.spec.hostAliases ?? []).map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}`);
  return [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...own,
    ...(aliases.length > 0 ? ['', '# Entries added by HostAliases.', ...aliases] : []),
    '',
  ].join('\n');
}

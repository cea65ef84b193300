import type { Cluster, ClusterNode } from '@kosmos/api';
import type { CallOptions, HostNet, Link } from '@kosmos/hostnet';
import { parseIp } from '../plan/address.ts';
import { OWN_DEVICES } from './constants.ts';

/** The underlay of this node. */
export interface Underlay {
  readonly interfaceName: string;
  readonly ip?: string;
  readonly ip6?: string;
}

/** Which interface the Cluster object says; `auto`: the one towards `towards`, or that of the default route. */
export type Choice = { readonly name: string } | { readonly auto: true; readonly towards?: string };

const CAN_REACH = 'can-reach=';

/** First the entry of nicNodeNames that has exactly this node, then defaultNICName, then autodetectionMethod. */
export function chosen(cluster: Cluster | undefined, nodeName: string): Choice {
  const options = cluster?.spec?.clusterLinkOptions;
  const named = options?.nicNodeNames?.find((n) => n.nodeName?.includes(nodeName))?.interfaceName;
  if (named) return { name: named };
  const byDefault = options?.defaultNICName;
  if (byDefault && byDefault !== '*') return { name: byDefault };
  const method = options?.autodetectionMethod;
  const towards = method?.startsWith(CAN_REACH) ? parseIp(method.slice(CAN_REACH.length))?.text : undefined;
  return { auto: true, ...(towards !== undefined && { towards }) };
}

/** Undefined: the interface is not there, not known, or has no address now; what is known stays as it is. */
export async function detect(net: HostNet, choice: Choice, links: readonly Link[], options?: CallOptions): Promise<Underlay | undefined> {
  const name =
    'name' in choice ? choice.name : choice.towards ? await net.linkTowards(choice.towards, options) : await defaultLink(net, options);
  const link = links.find((l) => l.name === name);
  if (!link || OWN_DEVICES.has(link.name)) return undefined;
  const first = (family: 4 | 6) => {
    for (const a of link.addresses) {
      const ip = parseIp(a.address.slice(0, a.address.indexOf('/')));
      if (ip?.family === family && a.scope === 'global' && !a.tentative && !a.deprecated && !a.temporary) return ip.text;
    }
    return undefined;
  };
  const [ip, ip6] = [first(4), first(6)];
  return ip || ip6 ? { interfaceName: link.name, ...(ip && { ip }), ...(ip6 && { ip6 }) } : undefined;
}

async function defaultLink(net: HostNet, options?: CallOptions): Promise<string | undefined> {
  const routes = (await net.routes(254, options)).filter((r) => r.dst === 'default' && r.dev !== undefined);
  return routes.sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0))[0]?.dev;
}

/** Does the ClusterNode say so already? */
export function says(node: ClusterNode, underlay: Underlay): boolean {
  const { interfaceName, ip, ip6 } = node.spec ?? {};
  return interfaceName === underlay.interfaceName && (ip ?? '') === (underlay.ip ?? '') && (ip6 ?? '') === (underlay.ip6 ?? '');
}

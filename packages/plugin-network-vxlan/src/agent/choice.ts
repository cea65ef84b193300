import type { Cluster } from '@kosmos/api';
import { type Cidr, parseCidr, parseIp } from '../plan/address.ts';

/** How a Cluster object says which interface is a node's underlay. `words` begins messages. */
export type Choice =
  /** That of the default route. */
  | { readonly words: string; readonly defaultRoute: true }
  /** Names, `*` and `?` in them stand for any characters and any one; the first that fits. */
  | { readonly words: string; readonly globs: readonly string[] }
  /** With an address in one of these. */
  | { readonly words: string; readonly cidrs: readonly Cidr[] }
  /** That packets to this address leave by. */
  | { readonly words: string; readonly towards: string }
  /** The first with an address that is none of these. */
  | { readonly words: string; readonly skip: readonly string[] }
  | { readonly wrong: string };

const METHODS = 'can-reach=ADDRESS, interface=NAMES, skip-interface=NAMES, cidr=NETWORKS or first-found';

/** First the entry of nicNodeNames that has exactly this node, then defaultNICName, then autodetectionMethod. */
export function chosen(cluster: Cluster | undefined, nodeName: string): Choice {
  const options = cluster?.spec?.clusterLinkOptions;
  const named = options?.nicNodeNames?.find((entry) => entry.nodeName?.includes(nodeName))?.interfaceName;
  if (named && named !== '*') return byNames(named, `spec.clusterLinkOptions.nicNodeNames wants '${named}' for this node`);
  const byDefault = options?.defaultNICName;
  if (!named && byDefault && byDefault !== '*') return byNames(byDefault, `spec.clusterLinkOptions.defaultNICName wants '${byDefault}'`);
  const method = options?.autodetectionMethod;
  if (!method) return { words: 'the interface of the default route is wanted', defaultRoute: true };
  return byMethod(method, `spec.clusterLinkOptions.autodetectionMethod wants '${method}'`);
}

function byMethod(method: string, words: string): Choice {
  const equals = method.indexOf('=');
  const [kind, value] = equals < 0 ? [method, ''] : [method.slice(0, equals), method.slice(equals + 1)];
  const wrong = (why: string): Choice => ({ wrong: `${words}: ${why}` });
  if (kind === 'first-found' && equals < 0) return { words, skip: [] };
  if (kind === 'can-reach') {
    const towards = parseIp(value)?.text;
    return towards === undefined ? wrong(`'${value}' is not an IPv4 or IPv6 address such as 192.0.2.1`) : { words, towards };
  }
  if (kind === 'interface') return byNames(value, words);
  if (kind === 'skip-interface' && list(value).length > 0) return { words, skip: list(value) };
  if (kind === 'cidr') {
    const bad = list(value).filter((text) => !parseCidr(text));
    if (bad.length > 0 || list(value).length === 0) return wrong(`'${bad.join(', ')}' is not an IPv4 or IPv6 network such as 192.0.2.0/24`);
    return { words, cidrs: list(value).map((text) => parseCidr(text)!) };
  }
  return wrong(`allowed are ${METHODS}`);
}

/** `eth0`, `eth*,ens*`, or networks: no name of an interface has a slash. */
function byNames(text: string, words: string): Choice {
  const items = list(text);
  if (items.length === 0) return { wrong: `${words}: it names no interface` };
  if (!items.some((item) => item.includes('/'))) return { words, globs: items };
  const cidrs = items.map(parseCidr);
  return cidrs.every((cidr) => cidr !== undefined)
    ? { words, cidrs }
    : { wrong: `${words}: names and networks cannot be mixed, and networks are written as 192.0.2.0/24` };
}

const list = (text: string) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** Linear in both, whatever the pattern. */
export function matches(glob: string, name: string): boolean {
  let [g, n, star, from] = [0, 0, -1, 0];
  while (n < name.length) {
    if (g < glob.length && glob[g] !== '*' && (glob[g] === '?' || glob[g] === name[n])) {
      g += 1;
      n += 1;
    } else if (glob[g] === '*') {
      star = g;
      from = n;
      g += 1;
    } else if (star >= 0) {
      g = star + 1;
      from += 1;
      n = from;
    } else return false;
  }
  while (glob[g] === '*') g += 1;
  return g === glob.length;
}

import type { ClusterNode } from '@kosmos/api';
import type { CallOptions, HostNet, Link } from '@kosmos/hostnet';
import { type Cidr, contains, type Ip, parseIp } from '../plan/address.ts';
import { type Choice, matches } from './choice.ts';
import { OWN_DEVICES } from './constants.ts';

/** The underlay of this node. */
export interface Underlay {
  readonly interfaceName: string;
  readonly ip?: string;
  readonly ip6?: string;
}

/** The underlay, or in words why there is none: what was looked for, and what is there. */
export type Detected =
  { readonly underlay: Underlay } | { readonly reason: 'InvalidMethod' | 'NoInterface' | 'NoAddress'; readonly message: string };

/** Never the way to other nodes: pods' ends, bridges and tunnels of CNIs and virtual machines. */
const VIRTUAL = ['lo', 'docker*', 'br-*', 'cni*', 'veth*', 'cali*', 'tunl*', 'vxlan*', 'flannel*', 'cilium*', 'lxc*', 'kube-*', 'nodelocaldns*',
  'ovn*', 'ovs*', 'br-int', 'genev*', 'antrea*', 'weave*', 'dummy*', 'virbr*', 'vnet*', 'tap*', 'podman*']; // prettier-ignore

/**
 * The interface and addresses by which other nodes reach this one. Of several that fit, what the ClusterNode says already
 * stays, since every change of an address is a break for those who know the old one.
 */
export async function detect(
  net: HostNet,
  choice: Choice,
  links: readonly Link[],
  known: ClusterNode['spec'],
  options?: CallOptions,
): Promise<Detected> {
  if ('wrong' in choice) return { reason: 'InvalidMethod', message: choice.wrong };
  const usable = links.filter((link) => !OWN_DEVICES.has(link.name) && link.name !== 'lo');
  const there = `this node has ${usable.map(describe).join(', ') || 'no other interface than lo'}`;
  const { candidates, src } = await find(net, choice, usable, options);
  const link = candidates.find(({ name }) => name === known?.interfaceName) ?? candidates[0];
  if (!link) return { reason: 'NoInterface', message: `${choice.words}: there is none; ${there}` };
  const within = 'cidrs' in choice ? choice.cidrs : [];
  const address = (family: 4 | 6) => pick(link, family, [family === 4 ? known?.ip : known?.ip6, src], within);
  const [ip, ip6] = [address(4), address(6)];
  if (!ip && !ip6)
    return { reason: 'NoAddress', message: `${choice.words}: that is '${link.name}', which has no usable address; ${there}` };
  return { underlay: { interfaceName: link.name, ...(ip && { ip }), ...(ip6 && { ip6 }) } };
}

/** Links that fit, best first. */
async function find(
  net: HostNet,
  choice: Exclude<Choice, { wrong: string }>,
  links: readonly Link[],
  options?: CallOptions,
): Promise<{ readonly candidates: readonly Link[]; readonly src?: string | undefined }> {
  const named = (name: string | undefined) => links.filter((link) => link.name === name);
  const ready = links.filter((link) => link.up && addressesOf(link).length > 0);
  if ('globs' in choice) {
    // A name that stands there in full is taken as it is, so that the message can say what it lacks.
    const found = choice.globs.flatMap((glob) => ready.filter(({ name }) => matches(glob, name)));
    return { candidates: found.length > 0 ? found : choice.globs.flatMap((glob) => named(glob)) };
  }
  if ('cidrs' in choice) {
    return { candidates: ready.filter((link) => addressesOf(link).some(({ ip }) => choice.cidrs.some((cidr) => contains(cidr, ip)))) };
  }
  if ('towards' in choice) {
    const route = await net.routeTowards(choice.towards, options);
    return { candidates: named(route?.dev), src: route?.src };
  }
  if ('skip' in choice) {
    const skip = [...choice.skip, ...VIRTUAL];
    return { candidates: ready.filter(({ name }) => !skip.some((glob) => matches(glob, name))) };
  }
  const routes = (await net.routes(254, options)).filter((route) => route.dst === 'default' && route.dev !== undefined);
  return { candidates: named(routes.sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0))[0]?.dev) };
}

interface Address {
  readonly ip: Ip;
  /** Of one host only, as virtual addresses that move between nodes are. */
  readonly single: boolean;
}

/** Addresses that last. */
function addressesOf(link: Link): Address[] {
  return link.addresses.flatMap(({ address, scope, tentative, deprecated, temporary }) => {
    const [text, length] = address.split('/') as [string, string];
    const ip = parseIp(text);
    return ip && scope === 'global' && !tentative && !deprecated && !temporary
      ? [{ ip, single: length === (ip.family === 4 ? '32' : '128') }]
      : [];
  });
}

/** The first of `preferred` that is there, else the first one. */
function pick(link: Link, family: 4 | 6, preferred: readonly (string | undefined)[], within: readonly Cidr[]): string | undefined {
  const all = addressesOf(link).filter(({ ip }) => ip.family === family);
  const networks = within.filter((cidr) => cidr.family === family);
  const inside = networks.length === 0 ? all : all.filter(({ ip }) => networks.some((cidr) => contains(cidr, ip)));
  const known = preferred.flatMap((text) => inside.find(({ ip }) => ip.text === text) ?? []);
  return (known[0] ?? inside.find(({ single }) => !single) ?? inside[0])?.ip.text;
}

function describe({ name, up, addresses }: Link): string {
  const global = addresses.filter(({ scope }) => scope === 'global').map(({ address }) => address);
  return `${name} (${[...(up ? [] : ['down']), ...(global.length > 0 ? global : ['no address'])].join(', ')})`;
}

/** Does the ClusterNode say so already? */
export function says(node: ClusterNode, underlay: Underlay): boolean {
  const { interfaceName, ip, ip6 } = node.spec ?? {};
  return interfaceName === underlay.interfaceName && (ip ?? '') === (underlay.ip ?? '') && (ip6 ?? '') === (underlay.ip6 ?? '');
}

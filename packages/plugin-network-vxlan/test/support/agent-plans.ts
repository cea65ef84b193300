import fc from 'fast-check';
import type { NodePlan } from '../../src/plan/types.ts';

export const EMPTY: NodePlan = { node: 'c0-n', devices: [], routes: [], fdbs: [], arps: [], nat: [] };
export const mac = (n: number) => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`;

const DEVICES = [
  { name: 'vx-bridge', addr: ['220.1.0.1/8', '220.1.0.2/8'], hop: (n: number) => `220.9.0.${n}`, cidr: (n: number) => `10.${n}.0.0/24` },
  { name: 'vx-bridge-6', addr: ['fd22::1/64', 'fd22::2/64'], hop: (n: number) => `fd22::9:${n}`, cidr: (n: number) => `fd10:${n}::/64` },
] as const;

/** Plans that differ in everything a plan can differ in: devices, their properties, peers, routes. */
export const plans: fc.Arbitrary<NodePlan> = fc
  .tuple(...DEVICES.map((of) => fc.option(devicePart(of), { nil: undefined, freq: 4 })))
  .map((parts) => {
    const there = parts.filter((part) => part !== undefined);
    return {
      node: EMPTY.node,
      devices: there.map((p) => p.device),
      routes: there.flatMap((p) => p.routes),
      fdbs: there.flatMap((p) => p.fdbs),
      arps: there.flatMap((p) => p.arps),
      nat: there.flatMap((p) => p.nat),
    };
  });

function devicePart(of: (typeof DEVICES)[number]) {
  const { name: dev } = of;
  const peer = fc.integer({ min: 1, max: 6 });
  return fc.record({
    addr: fc.constantFrom(...of.addr),
    own: fc.constantFrom(1, 2),
    port: fc.constantFrom(4876, 4877),
    mtu: fc.option(fc.constantFrom(1300, 1400), { nil: undefined }),
    bindDev: fc.constantFrom('eth0', 'eth1'),
    peers: fc.uniqueArray(fc.tuple(peer, fc.constantFrom(10, 20)), { selector: ([n]) => n, maxLength: 5 }),
    routes: fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 8 }), peer, fc.uniqueArray(peer, { maxLength: 2 })), { selector: ([n]) => n, maxLength: 8 }),
    flooded: fc.uniqueArray(peer, { maxLength: 3 }),
    keep: fc.boolean(),
  }).map(({ addr, own, port, mtu, bindDev, peers, routes, flooded, keep }) => ({
    device: { type: 'vxlan' as const, name: dev, addr, mac: mac(own), bindDev, id: 54, port, ...(mtu !== undefined && { mtu }) },
    routes: routes.map(([n, hop, more]) => {
      const alternates = more.filter((m) => m !== hop).map(of.hop);
      return { cidr: of.cidr(n), gw: of.hop(hop), ...(alternates.length > 0 && { alternates }), dev };
    }),
    arps: peers.map(([n, as]) => ({ ip: of.hop(n), mac: mac(as + n), dev })),
    fdbs: [
      ...peers.map(([n, as]) => ({ mac: mac(as + n), ip: `10.101.0.${n + as}`, dev })),
      ...flooded.map((n) => ({ mac: '00:00:00:00:00:00', ip: `10.101.0.${n}`, dev })),
    ],
    nat: keep ? [{ stage: 'keep' as const, cidr: of.cidr(0), dev }] : [],
  }));
} // prettier-ignore

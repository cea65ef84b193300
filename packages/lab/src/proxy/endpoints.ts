import { isAddress, type Family } from '../cidr.ts';
import type { EndpointSlice, Protocol } from '../services.ts';

/** An address and port that a service may lead to. */
export interface Backend {
  readonly ip: string;
  readonly port: number;
  readonly local: boolean;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zones: readonly string[];
  readonly nodes: readonly string[];
}

export interface NodeView {
  readonly name: string;
  readonly zone: string | undefined;
}

/** The backends of a port in the slices of one service, sorted, each address once: slices may overlap for a moment. */
export function backendsOf(
  slices: readonly EndpointSlice[],
  family: Family,
  port: { readonly name: string; readonly protocol: Protocol },
  node: NodeView,
): Backend[] {
  const found = new Map<string, Backend>();
  for (const slice of slices) {
    if (slice.addressType !== family) continue;
    const target = slice.ports?.find((p) => (p.name ?? '') === port.name && (p.protocol ?? 'TCP') === port.protocol)?.port;
    if (!Number.isInteger(target)) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const ip = endpoint.addresses[0] ?? '';
      if (!isAddress(ip, family)) continue;
      // What is not said counts as true: endpoints that an administrator wrote have no conditions.
      const { ready = true, terminating = false } = endpoint.conditions ?? {};
      const backend: Backend = {
        ip,
        port: target as number,
        local: endpoint.nodeName === node.name,
        ready,
        serving: endpoint.conditions?.serving ?? ready,
        terminating,
        zones: endpoint.hints?.forZones?.map((z) => z.name) ?? [],
        nodes: endpoint.hints?.forNodes?.map((n) => n.name) ?? [],
      };
      const key = `${ip} ${target}`;
      // An address that a newer slice has as ready and an older one as ending is ready.
      if (!found.get(key)?.ready) found.set(key, backend);
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, backend]) => backend);
}

/** Those of the whole cluster that packets may go to: the ready ones, by their hints; when none is ready, those that end but serve still. */
export function forCluster(all: readonly Backend[], node: NodeView): Backend[] {
  const ready = all.filter((b) => b.ready);
  if (ready.length === 0) return all.filter((b) => b.serving && b.terminating);
  return near(ready, node);
}

/** Those on this node; when none is ready, those that end but serve still. */
export function onNode(all: readonly Backend[]): Backend[] {
  const local = all.filter((b) => b.local);
  const ready = local.filter((b) => b.ready);
  return ready.length > 0 ? ready : local.filter((b) => b.serving && b.terminating);
}

/** Hints count only when every backend has some, and one is for here: else the endpoints controller is between two states. */
function near(ready: readonly Backend[], node: NodeView): Backend[] {
  const forNode = ready.filter((b) => b.nodes.includes(node.name));
  if (forNode.length > 0 && ready.every((b) => b.nodes.length > 0)) return forNode;
  const { zone } = node;
  const forZone = zone === undefined ? [] : ready.filter((b) => b.zones.includes(zone));
  if (forZone.length > 0 && ready.every((b) => b.zones.length > 0)) return forZone;
  return [...ready];
}

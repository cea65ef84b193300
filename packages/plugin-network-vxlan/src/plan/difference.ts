import { isDeepStrictEqual } from 'node:util';
import type { NodePlan } from './types.ts';

export interface ListDifference<T> {
  readonly added: readonly T[];
  readonly removed: readonly T[];
  readonly changed: readonly { readonly from: T; readonly to: T }[];
}

type Lists = Omit<NodePlan, 'node'>;
/** What one node gets otherwise; lists that stay the same are not there. */
export interface NodeDifference {
  readonly node: string;
  readonly lists: { readonly [K in keyof Lists]?: ListDifference<Lists[K][number]> };
}

/** What makes two items of a list the same thing, perhaps with other values. Translation has no identity but itself. */
const KEYS: { readonly [K in keyof Lists]: (item: Lists[K][number]) => string } = {
  devices: ({ name }) => name,
  routes: ({ cidr }) => cidr,
  fdbs: ({ dev, mac }) => `${dev} ${mac}`,
  arps: ({ dev, ip }) => `${dev} ${ip}`,
  nat: (rule) => JSON.stringify(rule),
};

/** By ClusterNode name; nodes that stay as they are are left out. Nodes that share a list share the work. */
export function differences(before: Iterable<NodePlan>, after: Iterable<NodePlan>): NodeDifference[] {
  const [old, now] = [before, after].map((plans) => new Map([...plans].map((plan) => [plan.node, plan])));
  const done = new Map<unknown, Map<unknown, ListDifference<never> | undefined>>();
  const compareOnce = <T>(a: readonly T[], b: readonly T[], key: (item: T) => string) => {
    let known = done.get(a);
    if (!known) done.set(a, (known = new Map()));
    if (!known.has(b)) known.set(b, compare(a, b, key) as ListDifference<never> | undefined);
    return known.get(b) as ListDifference<T> | undefined;
  };
  const out: NodeDifference[] = [];
  for (const node of [...new Set([...old!.keys(), ...now!.keys()])].sort()) {
    const lists: Record<string, unknown> = {};
    for (const name of Object.keys(KEYS) as (keyof Lists)[]) {
      const found = compareOnce<unknown>(old!.get(node)?.[name] ?? NOTHING, now!.get(node)?.[name] ?? NOTHING, KEYS[name] as never);
      if (found) lists[name] = found;
    }
    if (Object.keys(lists).length > 0) out.push({ node, lists });
  }
  return out;
}

const NOTHING: readonly never[] = [];

function compare<T>(before: readonly T[], after: readonly T[], key: (item: T) => string): ListDifference<T> | undefined {
  if (before === after) return undefined;
  const left = new Map(before.map((item) => [key(item), item]));
  const added: T[] = [];
  const changed: { from: T; to: T }[] = [];
  for (const to of after) {
    const k = key(to);
    const from = left.get(k);
    if (!left.delete(k)) added.push(to);
    else if (!isDeepStrictEqual(from, to)) changed.push({ from: from as T, to });
  }
  const removed = [...left.values()];
  return added.length + removed.length + changed.length > 0 ? { added, removed, changed } : undefined;
}

import type { Environment } from '@marcbachmann/cel-js';
import { fail } from './error.ts';
import { namespace } from './namespace.ts';

/** CEL's equality. */
export const same = (a: unknown, b: unknown): boolean => {
  if (a === b || (typeof a !== typeof b && String(a) === String(b))) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((v, i) => same(v, b[i]));
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (a instanceof Map && b instanceof Map) return a.size === b.size && [...a].every(([k, v]) => b.has(k) && same(v, b.get(k)));
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b || a.constructor !== b.constructor) return false;
  const x = Object.entries(a);
  return x.length === Object.keys(b).length && x.every(([k, v]) => same(v, (b as Record<string, unknown>)[k]));
};

const pick = (list: any[], better: (a: any, b: any) => boolean, name: string): unknown =>
  list.length === 0 ? fail(`${name} called on empty list`) : list.reduce((a, b) => (better(b, a) ? b : a));

/** Lists, sets and numbers in Kubernetes' CEL: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-list-library */
export function listLibrary(env: Environment): void {
  const sets = namespace(env, 'sets');
  const math = namespace(env, 'math');
  env
    .registerFunction('list<A>.isSorted(): bool', (l: any[]) => l.every((v, i) => i === 0 || l[i - 1] <= v))
    .registerFunction('list<A>.min(): A', (l: any[]) => pick(l, (a, b) => a < b, 'min'))
    .registerFunction('list<A>.max(): A', (l: any[]) => pick(l, (a, b) => a > b, 'max'))
    .registerFunction('list<int>.sum(): int', (l: bigint[]) => l.reduce((a, b) => a + b, 0n))
    .registerFunction('list<double>.sum(): double', (l: number[]) => l.reduce((a, b) => a + b, 0))
    .registerFunction('list<A>.indexOf(A): int', (l: unknown[], v: unknown) => BigInt(l.findIndex((x) => same(x, v))))
    .registerFunction('list<A>.lastIndexOf(A): int', (l: unknown[], v: unknown) => BigInt(l.findLastIndex((x) => same(x, v))))
    .registerFunction('list<A>.reverse(): list<A>', (l: unknown[]) => [...l].reverse())
    .registerFunction('list<A>.distinct(): list<A>', (l: unknown[]) => l.filter((v, i) => l.findIndex((x) => same(x, v)) === i))
    .registerFunction('list<A>.sort(): list<A>', (l: any[]) => [...l].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)))
    .registerFunction('list<A>.slice(int, int): list<A>', (l: unknown[], from: bigint, to: bigint) =>
      from < 0n || to > l.length || from > to
        ? fail(`cannot slice(${from}, ${to}), list is length ${l.length}`)
        : l.slice(Number(from), Number(to)),
    )
    .registerFunction('list<dyn>.flatten(): list<dyn>', (l: unknown[]) => l.flat())
    .registerFunction(`${sets}.contains(list<A>, list<A>): bool`, (_: unknown, l: unknown[], o: unknown[]) => within(o, l))
    .registerFunction(
      `${sets}.equivalent(list<A>, list<A>): bool`,
      (_: unknown, l: unknown[], o: unknown[]) => within(o, l) && within(l, o),
    )
    .registerFunction(`${sets}.intersects(list<A>, list<A>): bool`, (_: unknown, l: unknown[], o: unknown[]) =>
      l.some((v) => o.some((x) => same(x, v))),
    );
  for (const type of ['int', 'double']) {
    env
      .registerFunction(`${math}.greatest(${type}, ${type}): ${type}`, (_: unknown, a: any, b: any) => (a > b ? a : b))
      .registerFunction(`${math}.least(${type}, ${type}): ${type}`, (_: unknown, a: any, b: any) => (a < b ? a : b))
      .registerFunction(`${math}.greatest(list<${type}>): ${type}`, (_: unknown, l: any[]) => pick(l, (a, b) => a > b, 'math.greatest'))
      .registerFunction(`${math}.least(list<${type}>): ${type}`, (_: unknown, l: any[]) => pick(l, (a, b) => a < b, 'math.least'))
      .registerFunction(`${math}.abs(${type}): ${type}`, (_: unknown, a: any) => (a < 0 ? -a : a));
  }
}

const within = (part: unknown[], whole: unknown[]): boolean => part.every((v) => whole.some((x) => same(x, v)));

import type { Environment } from '@marcbachmann/cel-js';
import { fail } from './error.ts';

const POWER: Record<string, bigint> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};
const TEN: Record<string, number> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const NANO = 1_000_000_000n;

/** A Kubernetes quantity in units of 10^-9, the finest that Kubernetes keeps; what is finer is rounded away from zero. */
export class Quantity {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }

  static parse(text: string): Quantity | undefined {
    const found = /^([+-]?)(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,3})|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?))$/.exec(text);
    if (!found) return undefined;
    const [whole = '', part = ''] = found[2]!.split('.');
    const digits = BigInt(`${whole}${part}` || '0') * (POWER[found[4] ?? ''] ?? 1n);
    const ten = (found[3] === undefined ? (TEN[found[4] ?? ''] ?? 0) : Number(found[3])) - part.length + 9;
    const divisor = 10n ** BigInt(Math.max(0, -ten));
    const nanos = ten >= 0 ? digits * 10n ** BigInt(ten) : (digits + divisor - 1n) / divisor;
    return new Quantity(found[1] === '-' ? -nanos : nanos);
  }

  get integer(): boolean {
    return this.nanos % NANO === 0n && this.nanos / NANO <= 2n ** 63n - 1n && this.nanos / NANO >= -(2n ** 63n);
  }

  compare(other: Quantity): bigint {
    return this.nanos < other.nanos ? -1n : this.nanos > other.nanos ? 1n : 0n;
  }
}

/** The quantity library of Kubernetes' CEL: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-quantity-library */
export function quantityLibrary(env: Environment): void {
  const T = 'kubernetes.Quantity';
  env
    .registerType(T, Quantity)
    .registerFunction(
      `quantity(string): ${T}`,
      (s: string) =>
        Quantity.parse(s) ?? fail("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
    )
    .registerFunction('isQuantity(string): bool', (s: string) => Quantity.parse(s) !== undefined)
    .registerFunction(`${T}.sign(): int`, (q: Quantity) => (q.nanos > 0n ? 1n : q.nanos < 0n ? -1n : 0n))
    .registerFunction(`${T}.isInteger(): bool`, (q: Quantity) => q.integer)
    .registerFunction(`${T}.asInteger(): int`, (q: Quantity) => (q.integer ? q.nanos / NANO : fail('cannot convert value to integer')))
    .registerFunction(`${T}.asApproximateFloat(): double`, (q: Quantity) => Number(q.nanos) / 1e9)
    .registerFunction(`${T}.add(${T}): ${T}`, (a: Quantity, b: Quantity) => new Quantity(a.nanos + b.nanos))
    .registerFunction(`${T}.add(int): ${T}`, (a: Quantity, b: bigint) => new Quantity(a.nanos + b * NANO))
    .registerFunction(`${T}.sub(${T}): ${T}`, (a: Quantity, b: Quantity) => new Quantity(a.nanos - b.nanos))
    .registerFunction(`${T}.sub(int): ${T}`, (a: Quantity, b: bigint) => new Quantity(a.nanos - b * NANO))
    .registerFunction(`${T}.isGreaterThan(${T}): bool`, (a: Quantity, b: Quantity) => a.compare(b) > 0n)
    .registerFunction(`${T}.isLessThan(${T}): bool`, (a: Quantity, b: Quantity) => a.compare(b) < 0n)
    .registerFunction(`${T}.compareTo(${T}): int`, (a: Quantity, b: Quantity) => a.compare(b))
    .registerOperator(`${T} == ${T}`, (a: Quantity, b: Quantity) => a.nanos === b.nanos);
}

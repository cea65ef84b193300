/** One figure of a benchmark. Nothing is asserted: `target` is what the project holds itself to, printed beside it. */
export interface Result {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** `<= 10`, `>= 0.95`. */
  readonly target?: string;
  /** How it was measured, where the name doesn't say. */
  readonly note?: string;
}

/** The value that `share` of the sorted values do not exceed: 0.5 is the median. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

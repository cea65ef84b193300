const SUFFIX: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The number that a quantity such as `500m` or `64Mi` means; exact enough to compare two of them. NaN for what is none. */
export function quantityValue(text: unknown): number {
  const found = /^([+-]?[\d.]+)(?:([eE][+-]?\d+)|([a-zA-Z]*))$/.exec(String(text));
  return found ? Number(found[1]! + (found[2] ?? '')) * (SUFFIX[found[3] ?? ''] ?? NaN) : NaN;
}

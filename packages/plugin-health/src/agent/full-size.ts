/** The smallest that IPv6, and in practice IPv4, asks of a link. */
const LEAST = { 4: 576, 6: 1280 } as const;
/** One lost packet is no answer. */
const TRIES = 3;

/**
 * The largest packet that passes undivided, by halving what is between the smallest and `full`: `passes` sends one probe.
 * Undefined: not even the smallest does, so size is not what is wrong.
 */
export async function largest(full: number, family: 4 | 6, passes: (bytes: number) => Promise<boolean>): Promise<number | undefined> {
  const sure = async (bytes: number) => {
    for (let i = 0; i < TRIES; i += 1) if (await passes(bytes)) return true;
    return false;
  };
  if (await sure(full)) return full;
  let [low, high] = [LEAST[family] as number, full];
  if (low >= high || !(await sure(low))) return undefined;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (await sure(middle)) low = middle;
    else high = middle;
  }
  return low;
}

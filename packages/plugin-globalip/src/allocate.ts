import { hash } from 'node:crypto';
import { type Cidr, formatIp, overlaps, parseCidr } from '@kosmos/plugin-network-vxlan/contracts';

/** More tries than any pool that a person lays out has room for; each skips what is taken, so they are rarely needed. */
const MAX_TRIES = 100_000;

/**
 * A global network of the size of `real`, from the first pool with room. Where it begins to look is a hash of the cluster and
 * network, so that a cluster that leaves and comes back gets the same one, unless it has been given to another meanwhile.
 */
export function allocate(pools: readonly Cidr[], taken: readonly Cidr[], cluster: string, real: Cidr): Cidr | undefined {
  for (const pool of pools) {
    if (pool.family !== real.family || pool.length > real.length) continue;
    const near = taken.filter((t) => overlaps(t, pool));
    const slots = 2n ** BigInt(real.length - pool.length);
    const start = BigInt(`0x${hash('sha256', `${cluster}\0${real.text}`, 'hex').slice(0, 16)}`) % slots;
    let passed = 0n;
    for (let tries = 0; passed < slots && tries < MAX_TRIES; tries += 1) {
      const found = slot(pool, real.length, (start + passed) % slots);
      const by = near.find((t) => overlaps(t, found));
      if (!by) return found;
      // Behind it, if it is larger.
      passed += by.length < real.length ? 2n ** BigInt(real.length - by.length) - within(by, found) : 1n;
    }
  }
  return undefined;
}

function slot(pool: Cidr, length: number, n: bigint): Cidr {
  const bits = BigInt(pool.first) + (n << BigInt((pool.family === 4 ? 32 : 128) - length));
  return parseCidr(`${text(pool.family, bits)}/${length}`)!;
}

/** Which of the networks of its size in `outer` it is. */
function within(outer: Cidr, inner: Cidr): bigint {
  return (BigInt(inner.first) - BigInt(outer.first)) >> BigInt((outer.family === 4 ? 32 : 128) - inner.length);
}

const text = (family: 4 | 6, bits: bigint) => formatIp(family, family === 4 ? Number(bits) : bits);

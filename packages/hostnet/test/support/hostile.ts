import fc from 'fast-check';

/** Strings that would do harm if they reached a tool as they are, and strings of all kinds. */
export const hostile = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc
    .tuple(
      fc.constantFrom('', 'eth0', '10.0.0.1', '10.0.0.0/24', 'fd00::1', '02:00:00:00:00:01', 'up', 'kosmos'),
      fc.constantFrom('\nlink delete eth1', '\r', '\0', '\t', ' ', ' type dummy', '"', "'", '\\', '#', ';', '{', '}', '$(id)', '`id`', '%eth0', '/', 'é'),
      fc.constantFrom('', 'eth0', '10.0.0.1', '/24'),
    )
    .map((parts) => parts.join('')),
  fc.constantFrom('-force', '-batch', '--help', '-1', '-', '', '..', '../x', 'eth0', '10.9.9.9', 'fd00::9', '10.9.0.0/16', 'default', 'unicast'),
); // prettier-ignore

type Path = readonly (string | number)[];

/** Where in a value there is a leaf of this type. */
export function leaves(value: unknown, type: 'string' | 'number', at: Path = []): Path[] {
  if (typeof value === type) return [at];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, type, [...at, key]));
}

/** A copy of `value` with another leaf at `path`. */
export function changed<T>(value: T, path: Path, leaf: unknown): T {
  const copy = structuredClone(value);
  let inner = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) inner = inner[key] as typeof inner;
  inner[path.at(-1)!] = leaf;
  return copy;
}

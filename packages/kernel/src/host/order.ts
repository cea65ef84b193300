/** Stable topological order, and the nearest of some names. */

/** Sorts so that everything comes after what it needs, otherwise in the order given; or tells one cycle, its first member again at the end. */
export function sortBy<T>(
  items: readonly T[],
  needs: (item: T) => Iterable<T>,
): { readonly sorted: readonly T[]; readonly cycle?: readonly T[] } {
  const done = new Set<T>();
  const path: T[] = [];
  let cycle: readonly T[] | undefined;
  const visit = (item: T): void => {
    if (done.has(item) || cycle) return;
    const begin = path.indexOf(item);
    if (begin >= 0) {
      cycle = [...path.slice(begin), item];
      return;
    }
    path.push(item);
    for (const need of needs(item)) visit(need);
    path.pop();
    done.add(item);
  };
  for (const item of items) visit(item);
  return cycle ? { sorted: [], cycle } : { sorted: [...done] };
}

/** The name that was probably meant: at most two edits away, and fewer than half of the word. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const limit = Math.min(2, Math.floor((word.length - 1) / 2));
  const [best] = names
    .map((name) => ({ name, edits: distance(word, name) }))
    .filter(({ edits }) => edits <= limit)
    .toSorted((a, b) => a.edits - b.edits);
  return best?.name;
}

/** How many letters must be changed, added, removed or swapped with the next (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, i) => i)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    rows[i] = [i];
    for (let j = 1; j <= b.length; j++) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const edited = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1));
      rows[i]?.push(swapped ? Math.min(edited, at(i - 2, j - 2) + 1) : edited);
    }
  }
  return at(a.length, b.length);
}

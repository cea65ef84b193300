/**
 * Paths of fields that a JSON text has twice (`spec.replicas`), each once; `JSON.parse` keeps the last of them and does not tell.
 * The text is one that `JSON.parse` takes.
 */
export function duplicateFields(text: string): string[] {
  const found = new Set<string>();
  /** Open objects (their keys so far) and lists (the index of the item), from the outside in. */
  const open: (Set<string> | number)[] = [];
  const path: string[] = [];
  let key = true;
  for (let i = 0; i < text.length; i += 1) {
    switch (text.charCodeAt(i)) {
      case 0x22: {
        const start = i;
        for (i += 1; text.charCodeAt(i) !== 0x22; i += 1) if (text.charCodeAt(i) === 0x5c) i += 1;
        const keys = open.at(-1);
        if (!key || !(keys instanceof Set)) break;
        const name = text.slice(start + 1, i);
        path[open.length - 1] = name;
        if (keys.has(name)) found.add(show(path.slice(0, open.length)));
        keys.add(name);
        key = false;
        break;
      }
      case 0x7b:
        open.push(new Set());
        key = true;
        break;
      case 0x5b:
        open.push(0);
        path[open.length - 1] = '[0]';
        break;
      case 0x7d:
      case 0x5d:
        open.pop();
        key = false;
        break;
      case 0x2c: {
        const last = open.at(-1);
        if (typeof last === 'number') {
          open[open.length - 1] = last + 1;
          path[open.length - 1] = `[${last + 1}]`;
        } else key = true;
        break;
      }
    }
  }
  return [...found];
}

const show = (path: readonly string[]): string => path.map((p, i) => (i && !p.startsWith('[') ? `.${p}` : p)).join('');

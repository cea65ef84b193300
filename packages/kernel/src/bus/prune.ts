/** Cuts managedFields out of an object's JSON before it is parsed: a third of many objects, and more than half of the time to parse them. */

const MARK = Buffer.from(',"managedFields":[');
const METADATA = Buffer.from('"metadata":');
const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [34, 92, 91, 93, 123, 125];

/** The text without the object's own managedFields; `depth` is that of its metadata. Where it is laid out in another way, all of it. */
export function withoutManagedFields(text: Buffer, depth: number): string {
  const at = text.indexOf(MARK);
  if (at < 0) return text.toString();
  const opened: number[] = [];
  walk(text, 0, (i, change) => {
    if (i >= at) return true;
    if (change > 0) opened.push(i);
    else opened.pop();
    return false;
  });
  const start = (opened.at(-1) ?? 0) - METADATA.length;
  // The key may be one of the object's spec, or of an object within it.
  const own = opened.length === depth && start >= 0 && text.compare(METADATA, 0, METADATA.length, start, start + METADATA.length) === 0;
  if (!own) return text.toString();
  let nesting = 0;
  const end = walk(text, at + MARK.length - 1, (_, change) => (nesting += change) === 0);
  return text.toString('utf8', 0, at) + text.toString('utf8', end + 1);
}

/** Visits each bracket outside of strings, until a visit says that it is enough; where that was. */
function walk(text: Buffer, from: number, visit: (at: number, change: 1 | -1) => boolean): number {
  let inString = false;
  for (let i = from; i < text.length; i += 1) {
    const byte = text[i];
    if (inString) {
      if (byte === BACKSLASH) i += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN || byte === OPEN_LIST) {
      if (visit(i, 1)) return i;
    } else if (byte === CLOSE || byte === CLOSE_LIST) {
      if (visit(i, -1)) return i;
    }
  }
  return text.length;
}

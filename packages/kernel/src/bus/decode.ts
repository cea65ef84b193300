/** Cuts what a server sends into JSON texts while it comes: lines of a watch, items of a list. Never a whole list in one piece. */
import type { Readable } from 'node:stream';
import { turnIsOver, yieldTurn } from './turn.ts';

const [NEWLINE, QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [10, 34, 92, 44, 91, 93, 123, 125];

/** So much is looked through between two questions whether the turn is over: a fraction of a millisecond. */
const PIECE = 2 ** 15;

/** The lines of a watch, and a pause wherever this turn of the event loop is used up. */
export async function* lines(stream: Readable): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = chunk.subarray(start, end);
      yield rest.length === 0 ? line : Buffer.concat([...rest, line]);
      if (rest.length > 0) rest = [];
      start = end + 1;
      if (turnIsOver()) await yieldTurn();
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
}

/**
 * The items of a list one by one, then what is around them: `{ kind, metadata, items: [] }`. A body that ends too soon, or is no
 * JSON, throws.
 */
export async function* listItems(stream: Readable): AsyncGenerator<Buffer, { readonly metadata?: ListMeta }> {
  const scanner = new ItemScanner();
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    // A chunk is all that came since the last one: a megabyte, at times.
    for (let at = 0; at < chunk.length; at += PIECE) {
      for (const item of scanner.scan(chunk.subarray(at, at + PIECE))) {
        yield item;
        if (turnIsOver()) await yieldTurn();
      }
      if (turnIsOver()) await yieldTurn();
    }
  }
  return JSON.parse(Buffer.concat(scanner.around).toString()) as { metadata?: ListMeta };
}

export interface ListMeta {
  readonly resourceVersion?: string;
  readonly continue?: string;
}

/** Follows the nesting of a JSON text across chunks; an item is what lies between the commas of the list at depth 2. */
class ItemScanner {
  readonly around: Buffer[] = [];
  #item: Buffer[] = [];
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Inside the list `items` of the outermost object. */
  #inItems = false;
  /** The last string at depth 1 ended here; kept as text, since a chunk may end within. */
  #key: number[] = [];

  /** The items that end in this chunk. */
  scan(chunk: Buffer): readonly Buffer[] {
    const items: Buffer[] = [];
    // Not the fields themselves: this runs for each byte.
    let [depth, inString, escaped, inItems, start] = [this.#depth, this.#inString, this.#escaped, this.#inItems, 0];
    const key = this.#key;
    for (let i = 0; i < chunk.length; i += 1) {
      const byte = chunk[i] as number;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
        else if (depth === 1 && key.length < 8) key.push(byte);
      } else if (byte === QUOTE) {
        inString = true;
        if (depth === 1) key.length = 0;
      } else if (byte === OPEN || byte === OPEN_LIST) {
        depth += 1;
        if (depth === 2 && byte === OPEN_LIST && String.fromCharCode(...key) === 'items') {
          this.around.push(chunk.subarray(start, i + 1));
          inItems = true;
          start = i + 1;
        }
      } else if (byte === CLOSE || byte === CLOSE_LIST) {
        depth -= 1;
        if (inItems && depth === 1) {
          this.#end(chunk.subarray(start, i), items);
          inItems = false;
          start = i;
        }
      } else if (byte === COMMA && inItems && depth === 2) {
        this.#end(chunk.subarray(start, i), items);
        start = i + 1;
      }
    }
    [this.#depth, this.#inString, this.#escaped, this.#inItems] = [depth, inString, escaped, inItems];
    if (start < chunk.length) (inItems ? this.#item : this.around).push(chunk.subarray(start));
    return items;
  }

  #end(last: Buffer, items: Buffer[]): void {
    const item = this.#item.length === 0 ? last : Buffer.concat([...this.#item, last]);
    if (this.#item.length > 0) this.#item = [];
    // An empty list has at most space within.
    if (item.some((byte) => byte > 32)) items.push(item);
  }
}

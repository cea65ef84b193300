/** Cuts what a server sends into JSON texts while it comes: lines of a watch, items of a list. Never a whole list in one piece. */
import type { Readable } from 'node:stream';
import { turnIsOver, yieldTurn } from './turn.ts';

const [NEWLINE, QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [10, 34, 92, 44, 91, 93, 123, 125];

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
    for (const item of scanner.scan(chunk)) {
      yield item;
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

  *scan(chunk: Buffer): Generator<Buffer> {
    let start = 0;
    for (let i = 0; i < chunk.length; i += 1) {
      const byte = chunk[i] as number;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
        else if (this.#depth === 1 && this.#key.length < 8) this.#key.push(byte);
      } else if (byte === QUOTE) {
        this.#inString = true;
        if (this.#depth === 1) this.#key.length = 0;
      } else if (byte === OPEN || byte === OPEN_LIST) {
        this.#depth += 1;
        if (this.#depth === 2 && byte === OPEN_LIST && String.fromCharCode(...this.#key) === 'items') {
          this.around.push(chunk.subarray(start, i + 1));
          this.#inItems = true;
          start = i + 1;
        }
      } else if (byte === CLOSE || byte === CLOSE_LIST) {
        this.#depth -= 1;
        if (this.#inItems && this.#depth === 1) {
          yield* this.#end(chunk.subarray(start, i));
          this.#inItems = false;
          start = i;
        }
      } else if (byte === COMMA && this.#inItems && this.#depth === 2) {
        yield* this.#end(chunk.subarray(start, i));
        start = i + 1;
      }
    }
    const rest = chunk.subarray(start);
    if (rest.length > 0) (this.#inItems ? this.#item : this.around).push(rest);
  }

  *#end(last: Buffer): Generator<Buffer> {
    const item = this.#item.length === 0 ? last : Buffer.concat([...this.#item, last]);
    if (this.#item.length > 0) this.#item = [];
    // An empty list has at most space within.
    if (item.some((byte) => byte > 32)) yield item;
  }
}

/** Splits a stream into lines, and lets others run: a burst of events must not hold the process for longer than this. */
import { setImmediate } from 'node:timers/promises';
import type { Readable } from 'node:stream';

const SLICE_MS = 5;

export async function* lines(stream: Readable): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  let since = performance.now();
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = chunk.subarray(start, end);
      yield (rest.length === 0 ? line : Buffer.concat([...rest, line])).toString();
      rest = [];
      start = end + 1;
      if (performance.now() - since > SLICE_MS) {
        await setImmediate();
        since = performance.now();
      }
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
}

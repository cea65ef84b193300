import { watch } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { once } from 'node:events';
import type { LogOptions } from '@kosmos/apiserver/streams';
import { sizeOf, times, writtenAt } from './log-times.ts';

const CHUNK = 64 * 1024;
const POLL_MS = 250;
const NEWLINE = 10;

/** The part of a log file that one run of a container wrote. */
export interface LogPart {
  readonly file: string;
  readonly from: number;
  /** Undefined while it still grows: then `ended` tells when it does no more. */
  readonly to: number | undefined;
  readonly ended: Promise<unknown>;
}

/** Writes a run's log as `options` want it; with `follow` until the run ends or the signal. */
export async function writeLog(part: LogPart, options: LogOptions, out: Writable, signal: AbortSignal): Promise<void> {
  const file = await open(part.file, 'r');
  try {
    const to = part.to ?? sizeOf(part.file);
    let from = options.since === undefined ? part.from : await sinceOffset(file, part, to, options.since);
    if (options.tailLines !== undefined) from = await tailOffset(file, from, to, options.tailLines);
    const sink = sinkOf(part, options, out);
    let at = await copy(file, from, to, sink, signal);
    if (options.follow && part.to === undefined) at = await follow(file, part, at, sink, signal);
    await sink.end(at);
  } finally {
    await file.close();
  }
}

async function follow(file: FileHandle, part: LogPart, from: number, sink: Sink, signal: AbortSignal): Promise<number> {
  let at = from;
  let over = false;
  let wake = () => {};
  void part.ended.then(() => {
    over = true;
    wake();
  });
  const watcher = watch(part.file, () => wake());
  watcher.on('error', () => {}); // the pod is gone: the run has ended, too
  signal.addEventListener('abort', () => wake());
  try {
    while (!signal.aborted && !sink.full) {
      const last = over; // what was written before the end is all there after it
      at = await copy(file, at, sizeOf(part.file), sink, signal);
      if (last) break;
      if (sizeOf(part.file) > at || over) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        wake = () => (clearTimeout(timer), resolve());
      });
    }
    return at;
  } finally {
    watcher.close();
  }
}

interface Sink {
  write(chunk: Buffer, offset: number): Promise<void>;
  end(offset: number): Promise<void>;
  readonly full: boolean;
}

/** Gives lines their times where they are wanted, and ends at the limit. */
function sinkOf(part: LogPart, options: LogOptions, out: Writable): Sink {
  let left = options.limitBytes ?? Infinity;
  let rest: Buffer = Buffer.alloc(0);
  const put = async (bytes: Buffer) => {
    const cut = bytes.subarray(0, left);
    left -= cut.length;
    if (cut.length && !out.write(cut) && !out.destroyed) await Promise.race([once(out, 'drain'), once(out, 'close')]);
  };
  const stamped = (lines: Buffer, offset: number): Buffer => {
    const known = times(part.file);
    const parts: Buffer[] = [];
    let entry = 0;
    for (let start = 0; start < lines.length;) {
      const end = lines.indexOf(NEWLINE, start) + 1 || lines.length;
      while (entry < known.length && (known[entry]?.end ?? 0) <= offset + start) entry += 1;
      parts.push(
        Buffer.from(`${new Date(known[entry]?.at ?? writtenAt(part.file)).toISOString().replace('Z', '000000Z')} `),
        lines.subarray(start, end),
      );
      start = end;
    }
    return Buffer.concat(parts);
  };
  return {
    get full() {
      return left <= 0 || out.destroyed;
    },
    write: async (chunk, offset) => {
      if (!options.timestamps) return put(chunk);
      const bytes = Buffer.concat([rest, chunk]);
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      const begin = offset - rest.length;
      rest = bytes.subarray(end);
      if (end > 0) await put(stamped(bytes.subarray(0, end), begin));
    },
    end: async (offset) => {
      if (rest.length) await put(stamped(rest, offset - rest.length));
    },
  };
}

/** The offset up to which it was read. */
async function copy(file: FileHandle, from: number, to: number, sink: Sink, signal: AbortSignal): Promise<number> {
  let at = from;
  while (at < to && !sink.full && !signal.aborted) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(CHUNK, to - at)), 0, undefined, at);
    if (bytesRead === 0) break;
    await sink.write(buffer.subarray(0, bytesRead), at);
    at += bytesRead;
  }
  return at;
}

/** Where the first line begins that came at or after `since`. */
async function sinceOffset(file: FileHandle, part: LogPart, to: number, since: number): Promise<number> {
  let from = part.from;
  for (const { end, at } of times(part.file)) {
    if (at >= since) return from <= part.from ? part.from : lineStart(file, part.from, from);
    from = Math.max(from, Math.min(end, to));
  }
  return to;
}

/** The beginning of the line that the offset is in. */
const lineStart = (file: FileHandle, low: number, offset: number): Promise<number> => backwards(file, low, offset, 1);

/** The offset of the last `count` lines. */
async function tailOffset(file: FileHandle, from: number, to: number, count: number): Promise<number> {
  if (count === 0 || to <= from) return to;
  const last = await file.read(Buffer.alloc(1), 0, 1, to - 1);
  // The newline that ends the last line is no line of its own.
  return backwards(file, from, to, last.buffer[0] === NEWLINE ? count + 1 : count);
}

/** Goes back from `to` to behind the newline that is the `count`-th from there. */
async function backwards(file: FileHandle, from: number, to: number, count: number): Promise<number> {
  let left = count;
  for (let end = to; end > from;) {
    const start = Math.max(from, end - CHUNK);
    const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
    for (let i = buffer.length - 1; i >= 0; i -= 1) if (buffer[i] === NEWLINE && (left -= 1) === 0) return start + i + 1;
    end = start;
  }
  return from;
}

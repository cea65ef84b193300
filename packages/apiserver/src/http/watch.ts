import type { Resource } from '../kinds/resource.ts';
import { groupVersion } from '../kinds/resource.ts';
import type { Change, Entry, Store } from '../storage/store.ts';
import { type ApiError, expired } from './errors.ts';
import type { WatchFault } from '../faults.ts';
import { noVersion, parsedVersion, selects, tooLarge, type Selection } from './list.ts';
import type { ListOptions } from './options.ts';
import { textParts } from '../objects/codec.ts';
import { Lines } from './lines.ts';
import type { Accepted } from './negotiate.ts';
import type { Call } from './request.ts';
import { drained, startStream } from './respond.ts';
import { deletedEntry, partial, table } from './shapes.ts';

const BOOKMARK_EVERY = 60_000;
/** So much of a list is written before the client has taken some of it. */
const LIST_AHEAD = 1024 * 1024;
/** A watcher that is this far behind is cut off; it resumes from the version it has. */
const MAX_BUFFER = 32 * 1024 * 1024;

export interface WatchOptions {
  store: Store;
  resource: Resource;
  selection: Selection;
  options: ListOptions;
  accepted: Accepted;
  /** Aborted when the server stops or the kind goes. */
  signal: AbortSignal;
  fault: WatchFault | undefined;
}

const EVENT_END = Buffer.from('}\n');
const eventBytes = (type: string, object: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from(`{"type":"${type}","object":`), ...object, EVENT_END]);

let last: { change: Change; resource: Resource; type: string; bytes: Buffer } | undefined;

/** The line of a change, made once for all watches that get it one after the other. */
function bytesOf(resource: Resource, change: Change, type: string): Buffer {
  if (last?.change !== change || last.resource !== resource || last.type !== type) {
    const entry = type === 'DELETED' ? deletedEntry(resource, change.before!, change.version) : change.entry!;
    last = { change, resource, type, bytes: eventBytes(type, textParts(resource, entry)) };
  }
  return last.bytes;
}

/** Streams changes as lines of JSON until the client, its time-out or the server ends it. */
export function watch(call: Call, { store, resource, selection, options, accepted, signal, fault }: WatchOptions): void {
  const { bookmarks, timeoutSeconds: timeout, sendInitialEvents: initial } = options;
  const from = options.resourceVersion === '' ? undefined : parsedVersion(options.resourceVersion);
  if (options.resourceVersion !== '' && from === undefined) throw noVersion(options.resourceVersion);
  const current = store.version;
  const listFirst = initial === true || (initial === undefined && (from === undefined || from === 0));
  if (from !== undefined && from > current && initial !== undefined) throw tooLarge(from, current);
  const include = call.url.searchParams.get('includeObject') ?? 'Metadata';

  startStream(call, 'application/json');
  const { res } = call;
  const lines = new Lines(res);
  let sent = 0;
  let ended = false;
  let columns = true;
  let silent = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    stop();
    lines.flush();
    res.end();
  };
  const write = (bytes: Buffer): void => {
    if (ended || silent) return;
    lines.add(bytes);
    sent += 1;
    if (fault?.garbageAfter === sent) lines.add(Buffer.from('{"type":"ADDED","object":{"kind":\n'));
    if (fault?.closeAfter !== undefined && sent >= fault.closeAfter) end();
    else if (lines.length > MAX_BUFFER) {
      ended = true;
      stop();
      lines.drop();
      res.destroy();
    }
  };
  const line = (text: string): void => write(Buffer.from(`${text}\n`));
  const failure = (error: ApiError): void => {
    line(JSON.stringify({ type: 'ERROR', object: error.status() }));
    end();
  };
  const event = (type: string, entry: Entry): void => {
    if (accepted.shape === 'object') {
      write(eventBytes(type, textParts(resource, entry)));
      return;
    }
    let object: unknown;
    if (accepted.shape === 'Table') {
      object = table(resource, [entry], accepted.version, { resourceVersion: String(entry.version) }, include, columns);
      columns = false;
    } else {
      object = partial(entry, accepted.version);
    }
    line(JSON.stringify({ type, object }));
  };
  const bookmark = (version: number, annotations?: Record<string, string>): void => {
    const metadata = { resourceVersion: String(version), ...(annotations ? { annotations } : {}) };
    line(
      JSON.stringify({
        type: 'BOOKMARK',
        object:
          accepted.shape === 'object'
            ? { kind: resource.kind, apiVersion: groupVersion(resource), metadata }
            : accepted.shape === 'Table'
              ? { kind: 'Table', apiVersion: `meta.k8s.io/${accepted.version}`, metadata, columnDefinitions: [], rows: [] }
              : { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${accepted.version}`, metadata },
      }),
    );
  };
  const change = (c: Change): void => {
    const was = c.before !== undefined && selects(selection, c.before);
    const is = c.entry !== undefined && selects(selection, c.entry);
    if (!is && !was) return;
    const type = is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED';
    if (accepted.shape === 'object') write(bytesOf(resource, c, type));
    else event(type, is ? c.entry! : deletedEntry(resource, c.before!, c.version));
  };

  silent = fault?.silent ?? false;
  let unlisten: (() => void) | undefined;
  let ticker: NodeJS.Timeout | undefined;
  let timer: NodeJS.Timeout | undefined;
  function stop(): void {
    unlisten?.();
    clearInterval(ticker);
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
  res.on('close', () => {
    ended = true;
    stop();
    lines.drop();
  });
  if (signal.aborted) {
    end();
    return;
  }
  signal.addEventListener('abort', end);

  if (fault?.error) {
    failure(fault.error);
    return;
  }
  /** What there is, no faster than the client takes it: a long list is no reason to cut it off. */
  const listAll = async (): Promise<void> => {
    const entries = store.list(resource.storage, selection.namespace).filter((e) => selects(selection, e));
    for (const [i, entry] of entries.entries()) {
      if (fault?.errorInList && i >= Math.floor(entries.length / 2)) break;
      event('ADDED', entry);
      if (lines.length > LIST_AHEAD) {
        lines.flush();
        if (!ended && res.writableNeedDrain) await drained(res);
      }
      if (ended) return;
    }
    if (fault?.errorInList) failure(fault.errorInList);
    else if (initial === true && bookmarks) bookmark(current, { 'k8s.io/initial-events-end': 'true' });
  };
  /** From `start` on, which is known to the store, or still to come. */
  const follow = (start: number): void => {
    if (ended) return;
    if (!store.knows(resource.storage, start)) {
      failure(expired(`too old resource version: ${start} (${store.version})`));
      return;
    }
    const caughtUp = store.version;
    for (const c of store.since(resource.storage, start)) change(c);
    if (ended) return;
    // A version from the future waits for its time, as the watch cache does.
    const skipTo = Math.max(start, caughtUp);
    unlisten = store.listen(resource.storage, (c) => {
      if (c.version > skipTo) change(c);
    });
  };
  if (listFirst) void listAll().then(() => follow(current));
  else follow(initial === false && (from === undefined || from === 0) ? current : from!);
  if (ended) return;
  if (bookmarks) ticker = setInterval(() => bookmark(store.version), BOOKMARK_EVERY);
  // Without one, kube-apiserver ends a watch after 30 to 60 minutes.
  timer = setTimeout(
    () => {
      if (bookmarks && timeout !== undefined) bookmark(store.version);
      end();
    },
    (timeout !== undefined && timeout > 0 ? timeout : 1800 + Math.random() * 1800) * 1000,
  );
}

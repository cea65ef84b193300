import { gzip } from 'node:zlib';
import { accepted, YAML } from './negotiate.ts';
import type { Call } from './request.ts';
import { ApiError } from './errors.ts';

const quote = (text: string): string => `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/(["\\])/g, '\\$1')}"`;

function head(call: Call, status: number, type = 'application/json', extra: Record<string, string> = {}): void {
  const warnings =
    call.warnings.length === 0 ? [] : [...new Set(call.warnings)].slice(0, 50).map((w) => `299 - ${quote(w.slice(0, 4000))}`);
  if (warnings.length) call.res.setHeader('warning', warnings);
  // Not by writeHead: until the head is written, `end` adds the length of what it is given.
  call.res.statusCode = status;
  if (!call.res.hasHeader('cache-control')) call.res.setHeader('cache-control', 'no-cache, private');
  for (const [k, v] of Object.entries({ 'content-type': type, ...extra })) call.res.setHeader(k, v);
}

/** Whether an answer of this length is zipped: where the client takes it and it is worth it, as kube-apiserver does above 128 KiB. */
const zips = ({ req }: Call, length: number): boolean =>
  length > 128 * 1024 && /\bgzip\b/.test(String(req.headers['accept-encoding'] ?? ''));

/** Whether what is JSON is to go out as YAML, which the type that was agreed upon says, or the request where nobody asked it yet. */
const asYaml = ({ req }: Call, type?: string): boolean => type === YAML || (type === undefined && accepted(req)?.type === YAML);

/** Answers with text that is JSON already, or as YAML where the client wants that. */
export function sendText(call: Call, status: number, text: string | Buffer, type?: string): void {
  if (asYaml(call, type)) void yamlOf(text).then((yaml) => sendBytes(call, status, yaml, YAML));
  else sendBytes(call, status, text, type);
}

/** As Go's library writes it: fields in order of their names, and in quotes whatever YAML 1.1 takes for no text. Loaded with the first. */
async function yamlOf(json: string | Buffer): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(JSON.parse(json.toString()), {
    version: '1.1',
    sortMapEntries: true,
    indentSeq: false,
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}

function sendBytes(call: Call, status: number, text: string | Buffer, type?: string): void {
  if (call.res.destroyed || call.res.writableEnded) return;
  if (zips(call, text.length)) {
    gzip(text, { level: 1 }, (error, zipped) => {
      if (call.res.destroyed) return;
      if (error) {
        call.res.destroy(error);
        return;
      }
      head(call, status, type, { 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
      call.res.end(zipped);
    });
    return;
  }
  head(call, status, type);
  call.res.end(text);
}

/** So much of a long answer is put together, encrypted and sent at a time: what fits the processor's cache, and leaves others their turn. */
const PIECE = 256 * 1024;

/** Answers with JSON that comes in parts, no faster than the client takes it. */
export async function sendParts(call: Call, status: number, parts: readonly Buffer[], type?: string): Promise<void> {
  const { res } = call;
  const length = parts.reduce((n, part) => n + part.length, 0);
  if (length <= PIECE || zips(call, length) || asYaml(call, type)) return sendText(call, status, Buffer.concat(parts, length), type);
  // With its length said, a piece goes into the connection as it is.
  head(call, status, type, { 'content-length': String(length) });
  let from = 0;
  let size = 0;
  for (const [i, part] of parts.entries()) {
    size += part.length;
    if (size < PIECE && i + 1 < parts.length) continue;
    const more = res.write(Buffer.concat(parts.slice(from, i + 1), size));
    if (!more) await drained(res);
    if (res.destroyed) return;
    from = i + 1;
    size = 0;
  }
  res.end();
}

/** Resolves when more can be written, or never can be. */
export function drained(res: Call['res']): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      res.off('drain', done).off('close', done);
      resolve();
    };
    res.on('drain', done).on('close', done);
  });
}

export const send = (call: Call, status: number, body: unknown, type?: string): void => sendText(call, status, JSON.stringify(body), type);

/** Answers with text that no browser is to take for anything else. */
export function sendPlain(call: Call, status: number, text: string): void {
  call.res.setHeader('x-content-type-options', 'nosniff');
  sendText(call, status, text, 'text/plain; charset=utf-8');
}

/** The answer to a path below which there is nothing at all. */
export const sendNoPage = (call: Call): void => sendPlain(call, 404, '404 page not found\n');

/** Answers with the Status of a refusal; an error that is none is an Internal Error, and told to `report`. */
export function sendError(call: Call, error: unknown, report: (error: unknown) => void): void {
  const refusal =
    error instanceof ApiError
      ? error
      : new ApiError(500, 'InternalError', `Internal error occurred: ${(error as Error)?.message ?? String(error)}`);
  if (!(error instanceof ApiError)) report(error);
  if (call.res.headersSent) {
    call.res.destroy();
    return;
  }
  const after = refusal.details?.['retryAfterSeconds'];
  if (after !== undefined) call.res.setHeader('retry-after', String(after));
  send(call, refusal.code, refusal.status());
}

/** Begins a stream of lines. */
export function startStream(call: Call, type: string): void {
  head(call, 200, type);
  call.res.flushHeaders();
}

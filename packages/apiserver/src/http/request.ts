import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import type { DocumentOptions, ParseOptions, SchemaOptions, ToJSOptions } from 'yaml';
import type { User } from '../auth/tokens.ts';
import type { Resource, Subresource } from '../kinds/resource.ts';
import { unknownInJsonPatch } from '../patch/json-patch.ts';
import type { Patch, PatchType } from '../patch/patch.ts';
import { isObject, type JsonObject } from '../schema/schema.ts';
import { fromProtobuf } from '../wire/protobuf.ts';
import { ApiError, badRequest, unsupportedMediaType } from './errors.ts';
import { duplicateFields } from '../schema/duplicates.ts';
import type { Registry } from '../kinds/registry.ts';

/** HTTP/2 requests and answers are handled through Node's compatible API, so HTTP/1's types do for both. */
export type Incoming = IncomingMessage;
export type Outgoing = ServerResponse;

/** Bodies are refused above this, as kube-apiserver does. */
export const MAX_BODY = 3 * 1024 * 1024;

/** A request for a resource, in Kubernetes' words. */
export interface Target {
  resource: Resource;
  namespace: string;
  /** Empty for a collection. */
  name: string;
  subresource: Subresource | undefined;
  /** What is behind the subresource, for proxies. */
  rest: string;
}

/** One request on its way through the server. */
export interface Call {
  req: Incoming;
  res: Outgoing;
  url: URL;
  method: string;
  user: User;
  warnings: string[];
  /** When it came, by `performance.now()`. */
  readonly since: number;
  /** Where the client wants another protocol: its connection, and what it sent already. `accept` takes it away from `res`. */
  upgrade?: { readonly socket: Duplex; readonly head: Buffer; accept(): void };
}

/** The target of a path below /api or /apis, or undefined where no kind is served there. */
export function targetOf(registry: Registry, segments: string[]): Target | undefined {
  const [root, ...path] = segments;
  const group = root === 'apis' ? (path.shift() ?? '') : '';
  const version = path.shift();
  if (!version || (root === 'apis' && !group) || path.length === 0) return undefined;
  let namespace = '';
  let rest = path;
  if (path[0] === 'namespaces' && path.length > 2) {
    const inner = registry.find(group, version, path[2]!);
    if (inner?.namespaced) {
      namespace = path[1]!;
      rest = path.slice(2);
    }
  }
  const [plural, name = '', sub, ...more] = rest;
  const resource = registry.find(group, version, plural!);
  if (!resource || (namespace === '' && resource.namespaced && name)) return undefined;
  // What is only created is never found again.
  if (name && sub === undefined && !resource.verbs.includes('get')) return undefined;
  let subresource: Subresource | undefined;
  if (sub !== undefined) {
    subresource = resource.subresources.find((s) => s.name === sub);
    // A custom kind answers for what is below its objects, also for nothing.
    if (!subresource && resource.custom) subresource = { name: sub, kind: '', verbs: [] };
    if (!subresource || (more.length && sub !== 'proxy')) return undefined;
  }
  return { resource, namespace, name, subresource, rest: more.join('/') };
}

/** Reads the whole body as text. @throws 413 above MAX_BODY, 400 where the client went away or it is no UTF-8 */
export async function readBody(req: Incoming): Promise<string> {
  return textOf(await readBytes(req));
}

function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw badRequest('the body is no UTF-8 text');
  return bytes.toString();
}

function readBytes(req: Incoming): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const tooLarge = (): void => {
      reject(new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${MAX_BODY}`));
      // What is still coming is read and forgotten, so that the answer can be read too.
      req.removeAllListeners('data');
      req.resume();
    };
    if (Number(req.headers['content-length'] ?? 0) > MAX_BODY) {
      tooLarge();
      return;
    }
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY) {
        chunks.length = 0;
        tooLarge();
      } else chunks.push(chunk);
    });
    req.on('error', () => reject(badRequest('the request ended before its body')));
    req.on('aborted', () => reject(badRequest('the request ended before its body')));
    req.on('end', () => {
      try {
        let bytes: Buffer = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
        if (req.headers['content-encoding'] === 'gzip') bytes = gunzipSync(bytes, { maxOutputLength: MAX_BODY });
        resolve(bytes);
      } catch (error) {
        reject(badRequest(`the body cannot be unzipped: ${(error as Error).message}`));
      }
    });
  });
}

export const mediaType = (req: Incoming): string =>
  String(req.headers['content-type'] ?? '')
    .split(';')[0]!
    .trim()
    .toLowerCase();

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const SERVED = ['application/json', 'application/yaml', PROTOBUF];

/** The body as an object of a kind, by its content type; a null is an empty one. `twice` gets the fields that a JSON text has twice. @throws 415, 400 */
export async function readObject(req: Incoming, kind: string, twice?: (fields: string[]) => void): Promise<JsonObject> {
  const type = mediaType(req) || 'application/json';
  if (!SERVED.includes(type)) throw unsupportedMediaType(SERVED);
  const bytes = await readBytes(req);
  const unrecognized = (why: string): ApiError =>
    badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${why} (${summary(bytes)})`,
    );
  if (type === PROTOBUF) return limited(fromProtobuf(bytes)) as JsonObject;
  const text = textOf(bytes);
  const yaml = type.endsWith('yaml');
  const value = (yaml ? await parseBody(text, true) : limited(parseJson(text, unrecognized))) ?? {};
  if (!isObject(value))
    throw unrecognized(
      `json: cannot unmarshal ${Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
    );
  for (const key of ['kind', 'apiVersion'])
    if (value[key] !== undefined && value[key] !== null && typeof value[key] !== 'string')
      throw unrecognized(
        `json: cannot unmarshal ${Array.isArray(value[key]) ? 'array' : typeof value[key] === 'boolean' ? 'bool' : typeof value[key]} into Go struct field .${key} of type string`,
      );
  if (twice && type === 'application/json') twice(duplicateFields(text));
  return value;
}

/** The body of a request that may come without one, such as a deletion. */
export async function readOptional(req: Incoming): Promise<unknown> {
  const bytes = await readBytes(req);
  if (!bytes.length) return undefined;
  const type = mediaType(req) || 'application/json';
  if (!SERVED.includes(type)) throw unsupportedMediaType(SERVED);
  return type === PROTOBUF ? fromProtobuf(bytes) : parseBody(textOf(bytes), type.endsWith('yaml'));
}

/** The body as a patch of this type. @throws 400 for a text that is none, 413 */
export async function readPatch(req: Incoming, type: PatchType): Promise<Patch> {
  const text = await readBody(req);
  if (type === 'apply') return { type, body: await parseBody(text, true), problems: [] };
  const body = limited(parseJson(text, (why) => badRequest(`error decoding patch: ${why}`)));
  if (type !== 'json' && !isObject(body)) throw badRequest('error decoding patch: the patch must be an object');
  const twice = duplicateFields(text).map((f) => `duplicate field ${JSON.stringify(f)}`);
  return { type, body, problems: type === 'json' ? [...twice.map((t) => `json patch ${t}`), ...unknownInJsonPatch(body)] : twice };
}

/** The beginning of a body, as errors tell of it. */
function summary(bytes: Buffer): string {
  const shown = bytes.subarray(0, 30);
  if (!bytes.length) return '<empty>';
  return `${shown.toString(bytes[0] === 0x7b ? 'utf8' : 'hex')}${bytes.length > 30 ? ' ...' : ''}`;
}

/** A JSON text's value. @throws what `refuse` makes of why it is none, said as Go's parser says it */
function parseJson(text: string, refuse: (why: string) => ApiError): unknown {
  try {
    // Half of a pair is no character in Go.
    const halves = /\\u[dD][89a-fA-F]/.test(text);
    return halves ? JSON.parse(text, (_, v: unknown) => (typeof v === 'string' ? v.toWellFormed() : v)) : JSON.parse(text);
  } catch (error) {
    throw refuse(jsonProblem(text, (error as Error).message));
  }
}

/** What is yet to come where a JSON text goes wrong: V8's words, then Go's. */
const JSON_PLACES: [RegExp, string][] = [
  [/property name/, 'looking for beginning of object key string'],
  [/after property value/, 'after object key:value pair'],
  [/after array element/, 'after array element'],
  [/after property name/, 'after object key'],
  [/after JSON/, 'after top-level value'],
  [/control character|string literal/, 'in string literal'],
  [/escaped character|Unicode escape/, 'in string escape code'],
  [/Unexpected token/, 'looking for beginning of value'],
];

function jsonProblem(text: string, message: string): string {
  const at = Number(/at position (\d+)/.exec(message)?.[1] ?? Number.NaN);
  if (/end of JSON|Unterminated/.test(message) || at >= text.length) return 'unexpected end of JSON input';
  const token = /^Unexpected token '(.)'/su.exec(message)?.[1] ?? text[at] ?? '';
  // Go looks at bytes.
  const byte = String.fromCharCode(Buffer.from(token)[0] ?? 0);
  const shown = byte === "'" ? "'\\''" : byte < ' ' ? `'${JSON.stringify(byte).slice(1, -1)}'` : `'${byte}'`;
  return `invalid character ${shown} ${JSON_PLACES.find(([pattern]) => pattern.test(message))?.[1] ?? 'looking for beginning of value'}`;
}

/** YAML 1.1 as Kubernetes' library reads it: without times, and with the last of the values that a key has twice. */
const YAML_1_1: ParseOptions & DocumentOptions & SchemaOptions & ToJSOptions = {
  version: '1.1',
  uniqueKeys: false,
  maxAliasCount: 100,
  customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !(tag.format === 'TIME' || tag.tag.endsWith(':timestamp'))),
};

export async function parseBody(text: string, yaml: boolean): Promise<unknown> {
  // JSON is read as such also where YAML is allowed: it is what clients send, and much faster.
  if (!yaml) return limited(parseJson(text, (why) => badRequest(`couldn't get version/kind; json parse error: ${why}`)));
  try {
    if (text.trimStart().startsWith('{')) return limited(JSON.parse(text));
  } catch (error) {
    if (error instanceof ApiError) throw error;
  }
  // Loaded with the first: most clients send JSON.
  const { parse } = await import('yaml');
  try {
    return limited(parse(text, YAML_1_1) as unknown);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw badRequest(`error decoding YAML: ${(error as Error).message.split('\n')[0]}`);
  }
}

/** Refuses what is nested so deep that walking it would end the stack. */
function limited(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > 1000) throw badRequest('the object provided is unrecognized: exceeded max depth');
  if (Array.isArray(value)) for (const item of value) limited(item, depth + 1);
  else for (const key in value) limited((value as Record<string, unknown>)[key], depth + 1);
  return value;
}

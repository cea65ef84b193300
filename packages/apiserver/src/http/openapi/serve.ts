import { createHash } from 'node:crypto';
import type { Registry } from '../../kinds/registry.ts';
import { noSuchPath } from '../errors.ts';
import { clauses } from '../negotiate.ts';
import type { Call } from '../request.ts';
import { send, sendNoPage, sendPlain, sendText } from '../respond.ts';
import { swagger } from './v2.ts';
import { openApiDocument, openApiIndex } from './v3.ts';

const PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** By what a client may ask for; the name with @ is an older one. */
const TYPES: Record<string, string> = {
  'application/json': 'application/json',
  'application/*': 'application/json',
  '*/*': 'application/json',
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf': PROTOBUF,
  [PROTOBUF]: PROTOBUF,
};

/** Answers `/openapi/v2`, `/openapi/v3` and the documents below that. */
export async function sendOpenApi(call: Call, registry: Registry, [, version, root, ...rest]: string[]): Promise<void> {
  if (version === 'v2' && root === undefined) return sendSwagger(call, registry);
  if (version !== 'v3') return sendNoPage(call);
  if (root === undefined) return sendPlain(call, 200, JSON.stringify(openApiIndex(registry)));
  const [group, of] = root === 'api' ? ['', rest[0]] : rest;
  const document = openApiDocument(registry, group ?? '', of ?? '');
  if (!document) throw noSuchPath();
  return send(call, 200, document, 'application/json');
}

async function sendSwagger(call: Call, registry: Registry): Promise<void> {
  const { req, res } = call;
  const type = clauses(String(req.headers.accept || '*/*'))
    .map((clause) => TYPES[clause.type])
    .find(Boolean);
  res.setHeader('vary', 'Accept-Encoding, Accept');
  if (!type) {
    res.statusCode = 406;
    res.end();
    return;
  }
  const document = swagger(registry);
  const json = JSON.stringify(document);
  const etag = `"${createHash('sha512').update(json).digest('hex').toUpperCase()}"`;
  res.setHeader('etag', etag);
  if (req.headers['if-none-match'] === etag) {
    res.statusCode = 304;
    res.end();
    return;
  }
  // Loaded with the first that wants it: newer clients don't.
  sendText(call, 200, type === PROTOBUF ? (await import('../../wire/swagger.ts')).swaggerToProtobuf(document) : json, type);
}

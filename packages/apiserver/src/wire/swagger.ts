/**
 * Swagger 2.0 documents as protobuf, the way gnostic's openapi_v2.Document has them: what clients of Go ask for, and cannot
 * do without. Only what `/openapi/v2` says has a number here.
 */
type Body = Record<string, any>;

function varint(n: number): Buffer {
  const bytes: number[] = [];
  while (n > 127) {
    bytes.push((n & 127) | 128);
    n = Math.floor(n / 128);
  }
  return Buffer.from([...bytes, n]);
}

/** One field: a text or a message by its length, a flag or a number of no fraction as varint. */
function field(number: number, value: string | boolean | number | Buffer): Buffer {
  if (typeof value === 'boolean' || typeof value === 'number') return Buffer.concat([varint(number << 3), varint(Number(value))]);
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function double(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([varint((number << 3) | 1), bytes]);
}

/** Values by their names, in messages of both. */
const named = (number: number, values: Body, write: (value: any) => Buffer): Buffer[] =>
  Object.entries(values).map(([name, value]) => field(number, Buffer.concat([field(1, name), field(2, write(value))])));

/** Any value at all is YAML, which JSON is. */
const any = (value: unknown): Buffer => field(2, JSON.stringify(value));

const extensions = (number: number, body: Body): Buffer[] =>
  named(number, Object.fromEntries(Object.entries(body).filter(([key]) => key.startsWith('x-'))), any);

const PLAIN: Record<string, number> = {
  $ref: 1,
  format: 2,
  title: 3,
  description: 4,
  exclusiveMaximum: 8,
  exclusiveMinimum: 10,
  maxLength: 11,
  minLength: 12,
  pattern: 13,
  maxItems: 14,
  minItems: 15,
  uniqueItems: 16,
  maxProperties: 17,
  minProperties: 18,
};
const DOUBLES: Record<string, number> = { multipleOf: 6, maximum: 7, minimum: 9 };

function schema(s: Body): Buffer {
  const parts: Buffer[] = [];
  for (const [key, value] of Object.entries(s)) {
    if (key in PLAIN) parts.push(field(PLAIN[key]!, value));
    else if (key in DOUBLES) parts.push(double(DOUBLES[key]!, value));
    else if (key === 'required') for (const name of value) parts.push(field(19, name));
    else if (key === 'enum') for (const one of value) parts.push(field(20, any(one)));
    else if (key === 'additionalProperties') parts.push(field(21, field(1, schema(value))));
    else if (key === 'type') parts.push(field(22, field(1, value)));
    else if (key === 'items') parts.push(field(23, field(1, schema(value))));
    else if (key === 'properties') parts.push(field(25, Buffer.concat(named(1, value, schema))));
  }
  return Buffer.concat([...parts, ...extensions(31, s)]);
}

function parameter(p: Body): Buffer {
  if (p['in'] === 'body') {
    const body = [field(2, p['name']), field(3, 'body'), field(4, p['required'] === true), field(5, schema(p['schema']))];
    return field(1, field(1, Buffer.concat(body)));
  }
  const inPath = p['in'] === 'path';
  const parts = [field(1, p['required'] === true), field(2, p['in']), field(4, p['name']), field(inPath ? 5 : 6, p['type'])];
  return field(1, field(2, field(inPath ? 4 : 3, Buffer.concat(parts))));
}

const response = (r: Body): Buffer =>
  field(1, Buffer.concat([field(1, r['description']), ...(r['schema'] ? [field(2, field(1, schema(r['schema'])))] : [])]));

const parameters = (number: number, all: Body[] = []): Buffer[] => all.map((p) => field(number, parameter(p)));

const operation = (o: Body): Buffer =>
  Buffer.concat([...parameters(8, o['parameters']), field(9, Buffer.concat(named(1, o['responses'], response))), ...extensions(13, o)]);

const METHODS: Record<string, number> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

const pathItem = (item: Body): Buffer =>
  Buffer.concat([
    ...Object.entries(METHODS).flatMap(([method, number]) => (item[method] ? [field(number, operation(item[method]))] : [])),
    ...parameters(9, item['parameters']),
  ]);

/** A document that is Swagger 2.0 as protobuf. */
export function swaggerToProtobuf({ swagger, info, paths, definitions }: Body): Buffer {
  return Buffer.concat([
    field(1, swagger),
    field(2, Buffer.concat([field(1, info.title), field(2, info.version)])),
    field(8, Buffer.concat(named(2, paths, pathItem))),
    field(9, Buffer.concat(named(1, definitions, schema))),
  ]);
}

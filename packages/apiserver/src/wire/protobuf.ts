import { badRequest } from '../http/errors.ts';
import { facts } from '../kinds/facts.ts';
import { set } from '../schema/decode.ts';
import type { JsonObject } from '../schema/schema.ts';
import { numbersJson } from './numbers.generated.ts';

type Field = [number: number, name: string, kind: string, shape?: 'm' | 'r'];

let numbers: Record<string, Field[]> | undefined;
const fieldsOf = (type: string): Field[] => (numbers ??= JSON.parse(numbersJson) as Record<string, Field[]>)[type] ?? [];

/**
 * On the wire a Go value that is zero is always written, a pointer only where it is set; the messages do not tell which is
 * which. These are the pointers whose zero means something.
 */
const POINTERS = new Set([
  'replicas',
  'terminationGracePeriodSeconds',
  'gracePeriodSeconds',
  'completions',
  'parallelism',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'revisionHistoryLimit',
  'runAsUser',
  'runAsGroup',
  'fsGroup',
  'partition',
  'automountServiceAccountToken',
  'suspend',
  'enableServiceLinks',
  'immutable',
  'runAsNonRoot',
  'allowPrivilegeEscalation',
  'readOnlyRootFilesystem',
  'privileged',
  'controller',
  'blockOwnerDeletion',
  'allowVolumeExpansion',
  'optional',
  'ready',
  'storageClassName',
  'successfulJobsHistoryLimit',
  'failedJobsHistoryLimit',
]);

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw badRequest('the protobuf body ends in the middle of a number');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw badRequest('the protobuf body has a number that is too long');
  }
  bytes(length: number): Uint8Array {
    if (length < 0 || this.#at + length > this.#bytes.length) throw badRequest('the protobuf body ends in the middle of a field');
    return this.#bytes.subarray(this.#at, (this.#at += length));
  }
  /** The next field: its number and its value, a number or bytes. */
  field(): [number: number, value: bigint | Uint8Array] {
    const tag = Number(this.varint());
    switch (tag & 7) {
      case 0:
        return [tag >>> 3, this.varint()];
      case 1:
        return [tag >>> 3, this.bytes(8)];
      case 2:
        return [tag >>> 3, this.bytes(Number(this.varint()))];
      case 5:
        return [tag >>> 3, this.bytes(4)];
      default:
        throw badRequest('the protobuf body has a field of an unknown wire type');
    }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
function text(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw badRequest('the protobuf body has text that is no UTF-8');
  }
}

function all(bytes: Uint8Array): Map<number, (bigint | Uint8Array)[]> {
  const found = new Map<number, (bigint | Uint8Array)[]>();
  for (const reader = new Reader(bytes); !reader.done;) {
    const [number, value] = reader.field();
    (found.get(number) ?? found.set(number, []).get(number)!).push(value);
  }
  return found;
}

const asBytes = (value: bigint | Uint8Array | undefined): Uint8Array => {
  if (value instanceof Uint8Array) return value;
  if (value === undefined) return new Uint8Array();
  throw badRequest('the protobuf body has a number where bytes belong');
};
const asNumber = (value: bigint | Uint8Array | undefined): number => {
  if (typeof value === 'bigint') return Number(value);
  if (value === undefined) return 0;
  throw badRequest('the protobuf body has bytes where a number belongs');
};

/** Types that write themselves in JSON otherwise than field by field. */
const special: Record<string, (bytes: Uint8Array) => unknown> = {
  'meta.v1.Time': (b) => time(b, 0),
  'meta.v1.MicroTime': (b) => time(b, 6),
  'api.resource.Quantity': (b) => text(asBytes(all(b).get(1)?.at(-1))) || undefined,
  'util.intstr.IntOrString': (b) => {
    const f = all(b);
    return asNumber(f.get(1)?.at(-1)) === 1 ? text(asBytes(f.get(3)?.at(-1))) : asNumber(f.get(2)?.at(-1));
  },
  'runtime.RawExtension': raw,
  'meta.v1.FieldsV1': raw,
};

function raw(bytes: Uint8Array): unknown {
  const json = text(asBytes(all(bytes).get(1)?.at(-1)));
  if (!json) return undefined;
  try {
    return JSON.parse(json);
  } catch {
    throw badRequest('the protobuf body carries an object that is no JSON');
  }
}

function time(bytes: Uint8Array, digits: number): string | undefined {
  const f = all(bytes);
  const seconds = asNumber(f.get(1)?.at(-1));
  // Go's zero time, and what is no date at all, is as if absent.
  if (!f.has(1) || Math.abs(seconds) > 8e12 || seconds <= -62135596800) return undefined;
  const iso = new Date(seconds * 1000).toISOString().slice(0, 19);
  return digits
    ? `${iso}.${String(asNumber(f.get(2)?.at(-1)))
        .padStart(9, '0')
        .slice(0, digits)}Z`
    : `${iso}Z`;
}

function message(type: string, bytes: Uint8Array, depth: number): unknown {
  if (depth > 100) throw badRequest('the protobuf body is nested too deep');
  if (special[type]) return special[type](bytes);
  const fields = fieldsOf(type);
  const found = all(bytes);
  // A type that is a list in Go (rbac.v1's, authorization's and certificates' extra values) is one field `items` here, and no struct in JSON.
  if (fields.length === 1 && fields[0]![1] === 'items' && facts.types[type]?.type !== 'object')
    return (found.get(1) ?? []).map((v) => text(asBytes(v)));
  const properties = facts.types[type]?.properties;
  const out: JsonObject = {};
  const one = (kind: string, value: bigint | Uint8Array): unknown => {
    switch (kind) {
      case 's':
        return text(asBytes(value));
      case 'y':
        return Buffer.from(asBytes(value)).toString('base64');
      case 'b':
        return asNumber(value) !== 0;
      case 'i':
        return asNumber(value);
      case 'd': {
        const b = asBytes(value);
        return b.length === 8 ? new DataView(b.buffer, b.byteOffset, 8).getFloat64(0, true) : 0;
      }
      default:
        return message(kind, asBytes(value), depth + 1);
    }
  };
  for (const [number, name, kind, shape] of fields) {
    const values = found.get(number);
    if (!values) continue;
    if (shape === 'm') {
      const map: JsonObject = {};
      for (const value of values) {
        const pair = all(asBytes(value));
        const inner = pair.get(2)?.at(-1);
        set(map, text(asBytes(pair.get(1)?.at(-1))), inner === undefined ? (kind === 's' || kind === 'y' ? '' : {}) : one(kind, inner));
      }
      set(out, name, map);
    } else if (shape === 'r') {
      out[name] = values.map((v) => one(kind, v));
    } else {
      const value = one(kind, values.at(-1)!);
      if (value === undefined || ((value === '' || value === 0 || value === false) && !POINTERS.has(name))) continue;
      // Embedded Go structs are fields of their own on the wire, and part of their parent in JSON.
      if (properties && !Object.hasOwn(properties, name) && typeof value === 'object') Object.assign(out, value);
      else out[name] = value;
    }
  }
  return out;
}

const MAGIC = Buffer.from('k8s\0');

/**
 * An object from Kubernetes' protobuf envelope (runtime.Unknown), for clients that prefer protobuf for what they send.
 * @throws a 400 where the bytes are none, or the kind is not known
 */
export function fromProtobuf(bytes: Uint8Array): JsonObject {
  if (!MAGIC.equals(bytes.subarray(0, 4))) throw badRequest('the protobuf body does not begin with the expected prefix "k8s\\0"');
  const envelope = all(bytes.subarray(4));
  const meta = all(asBytes(envelope.get(1)?.at(-1)));
  const apiVersion = text(asBytes(meta.get(1)?.at(-1)));
  const kind = text(asBytes(meta.get(2)?.at(-1)));
  const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/') as [string, string]) : ['', apiVersion];
  const type =
    kind === 'DeleteOptions'
      ? 'meta.v1.DeleteOptions'
      : (facts.groups
          .find((g) => g.group === group)
          ?.versions.find((v) => v.version === version)
          ?.resources.find((r) => r.kind === kind)?.type ??
        Object.keys(facts.types).find((t) => t === `${group.split('.')[0]}.${version}.${kind}`));
  if (!type || !fieldsOf(type).length)
    throw badRequest(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in protobuf`);
  return { ...(message(type, asBytes(envelope.get(2)?.at(-1)), 0) as JsonObject), apiVersion, kind };
}

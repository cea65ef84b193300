import { badRequest, type ApiError } from '../http/errors.ts';
import { groupVersion, type Resource } from '../kinds/resource.ts';
import { decode } from '../schema/decode.ts';
import { applyDefaults } from '../schema/defaults.ts';
import { prune } from '../schema/prune.ts';
import { isObject, type JsonObject } from '../schema/schema.ts';
import { KeptEntry } from '../storage/entry.ts';
import type { Entry } from '../storage/store.ts';
import { orderedMetadata } from './metadata.ts';

const META = { ref: 'meta.v1.ObjectMeta', type: 'object' } as const;

/** How unknown fields in a request are treated. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/**
 * Reads what a client sent as an object of this kind: fields of the wrong type are refused, unknown ones go (and are told),
 * defaults come.
 */
export function fromClient(resource: Resource, body: unknown, mode: FieldValidation, warnings: string[], defaults = true): JsonObject {
  if (!isObject(body))
    throw badRequest(
      `the object provided is unrecognized (must be of type ${resource.kind}): couldn't get version/kind; json parse error: json: cannot unmarshal ${Array.isArray(body) ? 'array' : typeof body} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
    );
  const unknown: string[] = [];
  let object: JsonObject;
  if (resource.custom) {
    const metadata =
      body['metadata'] === undefined || body['metadata'] === null
        ? {}
        : decode(META, body['metadata'], resource.kind, resource.version, unknown, !defaults);
    const unknownMeta = unknown.splice(0).map((u) => `metadata.${u}`);
    const { apiVersion, kind, metadata: _m, ...content } = body;
    object = { apiVersion, kind, ...prune(resource.schema ?? {}, content, unknown), metadata };
    unknown.push(...unknownMeta);
    if (defaults) applyDefaults(resource.schema ?? {}, object);
  } else {
    // Whoever applies an empty map owns it.
    object = decode(resource.schema ?? {}, body, resource.kind, resource.version, unknown, !defaults);
    if (!isObject(object['metadata'])) object['metadata'] = {};
    if (defaults) resource.defaults?.(object);
  }
  if (unknown.length && mode === 'Strict') {
    throw notStrict(
      resource,
      unknown.map((u) => `unknown field "${u}"`),
    );
  }
  if (mode === 'Warn') warnings.push(...unknown.map((u) => `unknown field "${u}"`));
  return object;
}

/** The refusal of what is not as the kind has it, where the client asks for strictness. */
export const notStrict = ({ kind, version }: Resource, problems: string[]): ApiError =>
  badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: strict decoding error: ${problems.join(', ')}`);

/** The kept form of an object at a version: without kind and apiVersion, metadata first. */
export function toEntry(resource: Resource, object: JsonObject, version: number): Entry {
  const { apiVersion: _a, kind: _k, ...own } = object;
  const kept = resource.kept?.to(own) ?? own;
  const { metadata, ...content } = kept;
  const meta = orderedMetadata({ ...metadata, resourceVersion: version ? String(version) : undefined });
  return new KeptEntry({
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    version,
    uid: metadata.uid,
    labels: metadata.labels ?? {},
    fields: resource.allFields?.(kept) ?? resource.fields?.(object) ?? {},
    json: JSON.stringify({ metadata: meta, ...content }),
  });
}

/** The object as a value of its own, with kind and apiVersion. */
export function toObject(resource: Resource, entry: Entry): JsonObject {
  const kept = JSON.parse(entry.json) as JsonObject;
  return { kind: resource.kind, apiVersion: groupVersion(resource), ...(resource.kept?.from(kept) ?? kept) };
}

const contents = new WeakMap<Entry, Readonly<JsonObject>>();

/** The object as it is kept, read once: for the few that many writes ask for, such as their namespace. Not to be changed. */
export function contentOf(entry: Entry): Readonly<JsonObject> {
  let content = contents.get(entry);
  if (!content) contents.set(entry, (content = JSON.parse(entry.json) as JsonObject));
  return content;
}

const heads = new WeakMap<Resource, Buffer>();

/** `{"kind":...,"apiVersion":...,` of a kind in one of its versions. */
function headOf(resource: Resource): Buffer {
  let head = heads.get(resource);
  if (!head) heads.set(resource, (head = Buffer.from(`{"kind":"${resource.kind}","apiVersion":"${groupVersion(resource)}",`)));
  return head;
}

/** The object without kind and apiVersion, as text. */
const bare = ({ kept }: Resource, entry: Entry): Buffer =>
  kept ? Buffer.from(JSON.stringify(kept.from(JSON.parse(entry.json) as JsonObject))) : entry.bytes;

/** The object's text in a version of its kind, in pieces: only the head differs, and is put before the kept bytes. */
export const textParts = (resource: Resource, entry: Entry): Buffer[] => [headOf(resource), bare(resource, entry).subarray(1)];

/** The item's text in a list, in pieces: built-in lists say kind and apiVersion once, lists of custom resources in each item. */
export const itemParts = (resource: Resource, entry: Entry): Buffer[] =>
  resource.custom ? textParts(resource, entry) : [bare(resource, entry)];

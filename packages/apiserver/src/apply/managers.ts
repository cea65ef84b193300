import { ApiError, type Cause } from '../http/errors.ts';
import { groupVersion, type Resource } from '../kinds/resource.ts';
import { fillIn } from '../schema/go-fields.ts';
import { isObject, type JsonObject, type Schema } from '../schema/schema.ts';
import { FieldSet } from './field-set.ts';
import { compare, fieldsOf, identified, merge, remove } from './typed.ts';

interface Manager {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource?: string;
  time: string;
  set: FieldSet;
}

export interface Writer {
  manager: string;
  subresource?: string | undefined;
  now: string;
}

const SYSTEM = new Set([
  'f:name',
  'f:namespace',
  'f:creationTimestamp',
  'f:selfLink',
  'f:uid',
  'f:generation',
  'f:managedFields',
  'f:resourceVersion',
  'f:deletionTimestamp',
  'f:deletionGracePeriodSeconds',
]);

/** Fields that nobody owns: identity and what the server sets itself, and the half that the request cannot write. */
function ownable(set: FieldSet, resource: Resource, subresource: string | undefined): FieldSet {
  const nobodys = new Set(['f:apiVersion', 'f:kind', ...(resource.unowned ?? [])]);
  if (resource.statusSubresource) {
    if (subresource !== 'status') nobodys.add('f:status');
    else for (const element of set.children.keys()) if (element !== 'f:status') nobodys.add(element);
  }
  const out = set.without(nobodys);
  const metadata = out.children.get('f:metadata')?.without(SYSTEM);
  if (metadata?.empty) out.children.delete('f:metadata');
  else if (metadata) out.children.set('f:metadata', metadata);
  return out;
}

function decodeManagers(object: JsonObject): Manager[] {
  const entries: unknown = object['metadata']?.managedFields;
  return (Array.isArray(entries) ? entries : []).filter(isObject).map((e) => ({
    manager: String(e['manager'] ?? ''),
    operation: e['operation'] === 'Apply' ? 'Apply' : 'Update',
    apiVersion: String(e['apiVersion'] ?? ''),
    ...(e['subresource'] ? { subresource: String(e['subresource']) } : {}),
    time: String(e['time'] ?? ''),
    set: FieldSet.decode(e['fieldsV1']),
  }));
}

function encodeManagers(object: JsonObject, managers: Manager[]): void {
  const kept = managers.filter((m) => !m.set.empty);
  kept.sort((a, b) =>
    a.operation < b.operation
      ? -1
      : a.operation > b.operation
        ? 1
        : a.time < b.time
          ? -1
          : a.time > b.time
            ? 1
            : a.manager < b.manager
              ? -1
              : a.manager > b.manager
                ? 1
                : 0,
  );
  if (!kept.length) {
    delete object['metadata'].managedFields;
    return;
  }
  object['metadata'].managedFields = kept.map((m) => ({
    manager: m.manager,
    operation: m.operation,
    apiVersion: m.apiVersion,
    ...(m.time ? { time: m.time } : {}),
    fieldsType: 'FieldsV1',
    fieldsV1: m.set.encode(),
    ...(m.subresource ? { subresource: m.subresource } : {}),
  }));
}

const same = (m: Manager, writer: Writer, operation: Manager['operation'], apiVersion: string): boolean =>
  m.operation === operation &&
  m.manager === writer.manager &&
  m.subresource === writer.subresource &&
  (operation === 'Apply' || m.apiVersion === apiVersion);

const custom = new WeakMap<Schema, Schema>();

/** The type that fields are owned by: of a custom kind with the metadata that it never says of itself. */
function typeOf({ schema = {}, custom: facts }: Resource): Schema {
  if (!facts) return schema;
  let found = custom.get(schema);
  if (!found) custom.set(schema, (found = { ...schema, properties: { ...schema.properties, metadata: { ref: 'meta.v1.ObjectMeta' } } }));
  return found;
}

/** What there is of an object before it is made, and so is nobody's: the structs that its type holds by value. */
function nothing(resource: Resource): JsonObject {
  const object: JsonObject = { metadata: {} };
  fillIn(resource.schema?.ref, object);
  return object;
}

/**
 * The managers that a write starts from: those it sends, if they can be read, else those there are.
 * A client that sends a single empty entry wants nobody's fields noted any more.
 */
function managersOf(before: JsonObject | undefined, after: JsonObject, subresource: string | undefined): Manager[] {
  const sent: unknown = after['metadata'].managedFields;
  if (subresource === undefined && Array.isArray(sent) && sent.length) {
    if (sent.length === 1 && isObject(sent[0]) && !Object.keys(sent[0]).length) return [];
    if (sent.every(isReadable)) return decodeManagers(after);
  }
  return before ? decodeManagers(before) : [];
}

const isReadable = (entry: unknown): boolean =>
  isObject(entry) &&
  (entry['operation'] === 'Apply' || entry['operation'] === 'Update') &&
  Boolean(entry['apiVersion']) &&
  entry['fieldsType'] === 'FieldsV1';

/** Notes in `after.metadata.managedFields` what a create, update or patch changed: the writer owns it, others lose it. */
export function trackUpdate(resource: Resource, before: JsonObject | undefined, after: JsonObject, writer: Writer): void {
  const managers = managersOf(before, after, writer.subresource);
  if ((before && !managers.length) || !identified(resource.schema ?? {}, after)) {
    delete after['metadata'].managedFields;
    return;
  }
  const apiVersion = groupVersion(resource);
  const { changed, removed } = compare(typeOf(resource), before ?? nothing(resource), after);
  const gains = ownable(changed, resource, writer.subresource);
  const losses = ownable(removed, resource, writer.subresource);
  const own = managers.find((m) => same(m, writer, 'Update', apiVersion));
  for (const m of managers) {
    if (m === own) continue;
    m.set = m.set.minus(gains).minus(losses);
  }
  const next = (own?.set ?? new FieldSet()).union(gains).minus(losses);
  if (own) {
    // The time is that of the last write that set something.
    if (!gains.empty) own.time = writer.now;
    own.set = next;
  } else {
    managers.push({
      manager: writer.manager,
      operation: 'Update',
      apiVersion,
      ...(writer.subresource ? { subresource: writer.subresource } : {}),
      time: writer.now,
      set: next,
    });
  }
  encodeManagers(after, managers);
}

/**
 * Server-side apply: the live object with the configuration laid over it, without what this manager applied before and no longer does.
 * @throws a 409 that names every field of another manager that it would change, unless `force`
 */
export function applyConfiguration(
  resource: Resource,
  live: JsonObject | undefined,
  config: JsonObject,
  writer: Writer,
  force: boolean,
): JsonObject {
  const schema = typeOf(resource);
  const managers = live ? decodeManagers(live) : [];
  const { managedFields: _live, ...liveMeta } = live?.['metadata'] ?? {};
  const base = live ? { ...live, metadata: liveMeta } : undefined;
  const merged = (base ? merge(schema, base, config) : structuredClone(config)) as JsonObject;
  const applied = ownable(fieldsOf(schema, config), resource, writer.subresource);
  // Where nobody's fields are noted, all there are belong to who wrote them before the first apply.
  if (live && !managers.length) {
    const set = ownable(compare(schema, nothing(resource), live).changed, resource, writer.subresource);
    managers.push({ manager: 'before-first-apply', operation: 'Update', apiVersion: groupVersion(resource), time: writer.now, set });
  }
  const own = managers.find((m) => same(m, writer, 'Apply', ''));
  const others = managers.filter((m) => m !== own);

  const { changed } = compare(schema, base ?? {}, merged);
  const causes: Cause[] = [];
  const conflicting: { who: string; paths: string[] }[] = [];
  // By name, so that the answer does not depend on the second in which each of them wrote.
  for (const m of others.toSorted((a, b) => (a.manager < b.manager ? -1 : 1))) {
    const both = m.set.intersect(changed);
    if (both.empty) continue;
    if (force) {
      m.set = m.set.minus(both);
      continue;
    }
    const who = `${JSON.stringify(m.manager)}${m.operation === 'Update' ? ` using ${m.apiVersion}` : ''}${
      m.subresource ? ` with subresource ${JSON.stringify(m.subresource)}` : ''
    }`;
    const paths = both.paths();
    for (const path of paths) causes.push({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field: path });
    conflicting.push({ who, paths });
  }
  if (causes.length) {
    const text =
      causes.length === 1
        ? `1 conflict: ${causes[0]!.message}: ${causes[0]!.field}`
        : `${causes.length} conflicts: ${conflicting.map(({ who, paths }) => `conflicts with ${who}:\n- ${paths.join('\n- ')}`).join('\n')}`;
    throw new ApiError(409, 'Conflict', `Apply failed with ${text}`, { causes });
  }

  const theirs = others.map((m) => m.set);
  const owned = theirs.reduce((all, set) => all.union(set), applied);
  const result = own ? ((remove(schema, merged, dropped(own.set, applied, theirs), owned) ?? {}) as JsonObject) : merged;
  const { changed: set, removed } = compare(schema, base ?? {}, result);
  const mine: Manager = {
    manager: writer.manager,
    operation: 'Apply',
    apiVersion: groupVersion(resource),
    ...(writer.subresource ? { subresource: writer.subresource } : {}),
    // Who applies what is there already has no time yet.
    time: set.empty && removed.empty ? (own?.time ?? '') : writer.now,
    set: applied,
  };
  for (const m of others) m.set = m.set.minus(removed);
  result['metadata'] ??= {};
  result['metadata'] = { ...result['metadata'] };
  encodeManagers(result, [...others, mine]);
  return result;
}

/** What this manager owned and gives up, where no other manager holds it. */
function dropped(last: FieldSet, applied: FieldSet, others: readonly FieldSet[]): FieldSet {
  const out = new FieldSet();
  if (last.member && applied.empty && others.every((o) => o.empty)) out.member = true;
  for (const [element, child] of last.children) {
    const theirs = others.map((o) => o.children.get(element)).filter((o) => o !== undefined);
    const gone = dropped(child, applied.children.get(element) ?? new FieldSet(), theirs);
    if (!gone.empty) out.children.set(element, gone);
  }
  return out;
}

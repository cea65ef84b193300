import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { escalation } from '../auth/escalation.ts';
import type { User } from '../auth/tokens.ts';
import { checkConfiguration } from '../apply/check.ts';
import { applyConfiguration, trackUpdate, type Writer } from '../apply/managers.ts';
import { alreadyExists, ApiError, badRequest, conflict, field, forbidden, invalid, notFound } from '../http/errors.ts';
import { fullKind, groupVersion, type Resource, type WriteContext } from '../kinds/resource.ts';
import { facts, resolve } from '../kinds/facts.ts';
import { patched, type Patch } from '../patch/patch.ts';
import { fillIn, fillInDeep } from '../schema/go-fields.ts';
import { equal, isObject, type JsonObject } from '../schema/schema.ts';
import { validate } from '../schema/validate.ts';
import { keyOf, VersionMismatch, type Entry, type Store } from '../storage/store.ts';
import { contentOf, fromClient, toEntry, toObject, type FieldValidation } from './codec.ts';
import { dependentsFinalizers, refuseOther, told } from './deletion.ts';
import { finalizerWarnings, keepIdentity, metadataProblems, updatedMetadataProblems, withoutTwins } from './metadata.ts';
import { nameSuffix } from './names.ts';
import type { IpFamily } from './service-range.ts';

/** One write request, as far as every kind has it. */
export interface WriteRequest {
  resource: Resource;
  namespace: string;
  name: string;
  /** The subresource through which it is written: `status` writes that half only, `binding` all of it, undefined all but the status. */
  subresource?: string | undefined;
  dryRun: boolean;
  fieldManager: string;
  /** Who writes; nobody is the server itself. */
  user?: User;
  /** Asked before an update or patch makes an object that is not there. @throws 403 */
  mayCreate?: () => void;
  fieldValidation: FieldValidation;
  /** Gets what the answer should warn of. */
  warnings: string[];
}

export interface DeleteRequest {
  resource: Resource;
  namespace: string;
  name: string;
  dryRun: boolean;
  gracePeriodSeconds?: number | undefined;
  propagationPolicy?: string | undefined;
  /** Dependents were asked to go by the older option, which is answered with 202 as long as the object stays. */
  cascades?: boolean;
  preconditions?: { uid?: string; resourceVersion?: string } | undefined;
}

/** What a write leads to: the object's new state; `created` where there was none, `gone` where there is none any more. */
export interface Written {
  entry: Entry;
  created: boolean;
  gone: boolean;
}

/** What the server adds to the generic write path. */
export interface Surroundings {
  ipFamilies: readonly IpFamily[];
  clusterIP: (family: IpFamily, wanted: string | undefined, dryRun: boolean) => string;
  nodePort: (wanted: number | undefined, dryRun: boolean) => number;
  /** Refuses writes into a namespace that is not there or going. */
  admit: (resource: Resource, namespace: string, creating: boolean, name: string) => void;
}

/** How often and how long, in milliseconds, a creation waits for what its object needs, as Kubernetes' admission does. */
const WAITS = 10;
const WAIT = 150;

/**
 * The one write path of every kind: decode, defaults, the kind's strategy, validation, field ownership, and an optimistic write.
 * Patches without a version of their own try again when somebody else was first.
 */
export class Objects {
  readonly #store: Store;
  readonly #around: Surroundings;

  constructor(store: Store, around: Surroundings) {
    this.#store = store;
    this.#around = around;
  }

  /** The visible object. @throws a 404 */
  get(resource: Resource, namespace: string, name: string): Entry {
    const entry = this.#store.get(resource.storage, keyOf(namespace, name));
    if (!entry) throw notFound(resource, name);
    return entry;
  }

  /** The object as the next write finds it: what waits for its commit counts. @throws a 404 */
  head(resource: Resource, namespace: string, name: string): Entry {
    const entry = this.#store.head(resource.storage, keyOf(namespace, name));
    if (!entry) throw notFound(resource, name);
    return entry;
  }

  #context({ dryRun, user }: WriteRequest): WriteContext {
    return {
      now: timestamp(),
      ...(user ? { user } : {}),
      dryRun,
      ipFamilies: this.#around.ipFamilies,
      allocateClusterIP: (family, wanted) => this.#around.clusterIP(family, wanted, dryRun),
      allocateNodePort: (wanted) => this.#around.nodePort(wanted, dryRun),
      find: (resource, key) => {
        const entry = this.#store.head(resource, key);
        return entry && contentOf(entry);
      },
      has: (resource, key) => this.#store.head(resource, key) !== undefined,
      list: (resource) => this.#store.list(resource).map(contentOf),
      heads: (resource) => this.#store.heads(resource).map(contentOf),
    };
  }

  async create(request: WriteRequest, body: unknown): Promise<Written> {
    const { resource } = request;
    if (resource.prepare) await resource.prepare();
    const object = fromClient(resource, body, request.fieldValidation, request.warnings);
    checkKind(resource, object);
    // Kubernetes does not expect that, and gives no reason.
    if (Number(object['metadata'].resourceVersion) > 0 && !request.dryRun)
      throw new ApiError(500, '', 'resourceVersion should not be set on objects to be created');
    return this.#insert(request, object, (o, w) => trackUpdate(resource, undefined, o, w));
  }

  async #insert(request: WriteRequest, object: JsonObject, track: (object: JsonObject, writer: Writer) => void): Promise<Written> {
    const { resource, namespace } = request;
    const meta: JsonObject = object['metadata'];
    if (namespace && meta['namespace'] && meta['namespace'] !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    request.mayCreate?.();
    const context = this.#context(request);
    if (resource.namespaced) meta['namespace'] = namespace;
    else delete meta['namespace'];
    const generated = !meta['name'] && meta['generateName'];
    this.#around.admit(resource, namespace, true, meta['name'] ?? '');
    this.#refuseEscalation(request, object, undefined);
    for (const key of ['resourceVersion', 'selfLink', 'deletionTimestamp', 'deletionGracePeriodSeconds']) delete meta[key];
    request.warnings.push(...withoutTwins(meta));
    Object.assign(meta, { uid: randomUUID(), creationTimestamp: context.now });
    if (resource.generation) meta['generation'] = 1;
    // What the writer sent is the writer's; what is made of it below is nobody's.
    track(object, { manager: request.fieldManager, now: context.now });
    if (resource.statusSubresource && !resource.createsStatus) delete object['status'];
    request.warnings.push(...finalizerWarnings(resource, meta, {}));
    for (let n = 0; n < WAITS && resource.ready?.(object, context) === false; n += 1) await delay(WAIT);
    if (generated) meta['name'] = `${String(meta['generateName']).slice(0, 58)}${nameSuffix()}`;
    resource.create?.(object, context);
    this.#validate(resource, object);
    request.warnings.push(...(resource.warnings?.(object) ?? []));
    fillInStatus(resource, object);
    for (let attempt = 0; ; attempt += 1) {
      const name: string = meta['name'];
      const key = keyOf(namespace, name);
      for (let change; (change = this.#store.changing(resource.storage, key));) await change;
      const shown = resource.asCreated?.(object) ?? object;
      if (this.#store.get(resource.storage, key)) {
        if (!generated || attempt > 6) throw alreadyExists(resource, name);
      } else if (request.dryRun) {
        return { entry: toEntry(resource, shown, 0), created: true, gone: false };
      } else {
        const entry = await this.#write(resource, key, 0, (version) => toEntry(resource, object, version));
        return { entry: resource.asCreated ? toEntry(resource, shown, entry!.version) : entry!, created: true, gone: false };
      }
      meta['name'] = `${String(meta['generateName']).slice(0, 58)}${nameSuffix()}`;
    }
  }

  #refuseEscalation({ resource, namespace, user }: WriteRequest, object: JsonObject, old: JsonObject | undefined): void {
    const problem = user && escalation(this.#store, user, resource, namespace, object, old);
    if (problem) throw problem;
  }

  #validate(resource: Resource, object: JsonObject): void {
    const causes = metadataProblems(resource, object['metadata']);
    if (resource.custom && resource.schema) causes.push(...validate(resource.schema, object, resource));
    causes.push(...(resource.validate?.(object) ?? []), ...(resource.validateCreate?.(object) ?? []));
    if (causes.length) throw invalid(told(resource), object['metadata'].name ?? '', causes);
  }

  async #write(
    resource: Resource,
    key: string,
    expected: number,
    make: (version: number) => Entry | undefined,
  ): Promise<Entry | undefined> {
    try {
      return (await this.#store.write(resource.storage, key, expected, make)).entry;
    } catch (error) {
      const name = key.slice(key.indexOf('/') + 1);
      if (error instanceof VersionMismatch) throw expected === 0 ? alreadyExists(resource, name) : conflict(resource, name);
      throw error;
    }
  }

  async update(request: WriteRequest, body: unknown): Promise<Written> {
    const { resource, namespace, name } = request;
    if (resource.prepare) await resource.prepare();
    const object = fromClient(resource, body, request.fieldValidation, request.warnings);
    checkKind(resource, object);
    const meta: JsonObject = object['metadata'];
    refuseOtherName(meta['name'], name);
    if (namespace && meta['namespace'] && meta['namespace'] !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    const key = keyOf(namespace, name);
    for (let change; (change = this.#store.changing(resource.storage, key));) await change;
    const head = this.#store.get(resource.storage, key);
    if (!head && resource.createsOnUpdate && request.subresource === undefined && !meta['uid'])
      return this.#insert(request, object, (o, w) => trackUpdate(resource, undefined, o, w));
    if (!head) throw notFound(resource, name);
    if (meta['uid'] && meta['uid'] !== head.uid) {
      throw conflict(resource, name, `Precondition failed: UID in precondition: ${meta['uid']}, UID in object meta: ${head.uid}`);
    }
    return this.#replace(request, head, object, (o, old, w) => trackUpdate(resource, old, o, w));
  }

  async patch(request: WriteRequest, patch: Patch, force = false): Promise<Written> {
    const { resource, namespace, name } = request;
    if (resource.prepare) await resource.prepare();
    const { type, body } = patch;
    const told = request.warnings.length;
    const track = type === 'apply' ? undefined : (o: JsonObject, old: JsonObject, w: Writer): void => trackUpdate(resource, old, o, w);
    const key = keyOf(namespace, name);
    for (let attempt = 0; ; attempt += 1) {
      for (let change; (change = this.#store.changing(resource.storage, key));) await change;
      const head = this.#store.get(resource.storage, key);
      if (!head && (type !== 'apply' || request.subresource)) throw notFound(resource, name);
      const old = head && toObject(resource, head);
      const writer: Writer = { manager: request.fieldManager, subresource: request.subresource, now: timestamp() };
      let object: JsonObject;
      if (type === 'apply') {
        if (isObject(body)) {
          checkApplied(resource, body);
          checkConfiguration(resource, body);
        }
        const config = fromClient(resource, body, 'Ignore', [], false);
        const meta: JsonObject = config['metadata'];
        if (meta['managedFields']?.length) throw badRequest('metadata.managedFields must be nil');
        if (meta['name'] !== undefined || !old) refuseOtherName(meta['name'], name);
        if (namespace && meta['namespace'] && meta['namespace'] !== namespace) {
          throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
        }
        meta['name'] = name;
        if (namespace) meta['namespace'] = namespace;
        if (!old && meta['uid'])
          throw conflict(
            resource,
            name,
            `uid mismatch: the provided object specified uid ${meta['uid']}, and no existing object was found`,
          );
        const applied = applyConfiguration(resource, old, config, writer, force);
        object = fromClient(resource, applied, 'Ignore', []);
        if (!old) {
          const managed: unknown = applied['metadata'].managedFields;
          return this.#insert(request, object, (o) => {
            o['metadata'].managedFields = managed;
          });
        }
      } else object = this.#patched(request, patch, old!);
      const meta: JsonObject = object['metadata'];
      refuseOtherName(meta['name'], name);
      if (namespace && meta['namespace'] !== namespace)
        throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
      const ownVersion = meta['resourceVersion'] !== undefined && meta['resourceVersion'] !== old!['metadata'].resourceVersion;
      try {
        return await this.#replace(request, head!, object, track);
      } catch (error) {
        if (!(error instanceof ApiError && error.reason === 'Conflict') || ownVersion || attempt >= 10) throw error;
        request.warnings.length = told;
      }
    }
  }

  /** What a patch makes of an object. @throws 422 for something that is no object of this kind, or where it must be read strictly */
  #patched({ resource, fieldValidation, warnings }: WriteRequest, patch: Patch, old: JsonObject): JsonObject {
    const result = patched(patch, resource.schema, old);
    const refuse = (value: unknown, why: string): ApiError =>
      invalid({ group: '', plural: '', kind: '' }, '', [field.invalid('patch', value, why)]);
    if (patch.problems.length && fieldValidation === 'Strict')
      throw refuse(patch.body, `strict decoding error: ${patch.problems.join(', ')}`);
    if (fieldValidation === 'Warn') warnings.push(...patch.problems);
    try {
      const object = fromClient(resource, result, fieldValidation, warnings);
      checkKind(resource, object);
      return object;
    } catch (error) {
      throw error instanceof ApiError && error.code === 400 ? refuse(result, error.message) : error;
    }
  }

  /** Writes `object` over the state `head`. */
  async #replace(
    request: WriteRequest,
    head: Entry,
    object: JsonObject,
    track: ((o: JsonObject, old: JsonObject, w: Writer) => void) | undefined,
  ): Promise<Written> {
    const { resource, namespace, name, subresource, dryRun } = request;
    const old = toObject(resource, head);
    const meta: JsonObject = object['metadata'];
    const oldMeta: JsonObject = old['metadata'];
    const version = String(meta['resourceVersion'] ?? '') || '0';
    // Kubernetes does not expect that, and gives no reason.
    if (!/^\d+$/.test(version)) throw new ApiError(500, '', `strconv.ParseUint: parsing ${JSON.stringify(version)}: invalid syntax`);
    if (Number(version) > 0 && version !== oldMeta['resourceVersion']) throw conflict(resource, name);
    if (Number(version) === 0 && resource.wantsVersion) {
      throw invalid({ ...resource, kind: resource.plural }, name, [
        field.invalid('metadata.resourceVersion', 0, 'must be specified for an update'),
      ]);
    }
    this.#around.admit(resource, namespace, false, name);
    this.#refuseEscalation(request, object, old);
    const context = this.#context(request);
    keepIdentity(meta, oldMeta);
    request.warnings.push(...withoutTwins(meta));
    meta['resourceVersion'] = oldMeta['resourceVersion'];
    const writer: Writer = { manager: request.fieldManager, subresource, now: context.now };
    const part = subresource === undefined ? undefined : resource.parts?.[subresource];
    if (part) Object.assign(object, part(object, old), { metadata: meta });
    if (subresource !== 'status') track?.(object, old, writer);
    if (subresource === 'status') {
      const status: unknown = object['status'];
      const sent = { ...meta };
      for (const key of Object.keys(object)) delete object[key];
      Object.assign(object, structuredClone(old), status === undefined ? {} : { status });
      if (status === undefined) delete object['status'];
      // The status subresource of built-in kinds also takes labels and annotations; that of custom ones takes nothing else.
      object['metadata'] = resource.custom
        ? { ...old['metadata'], managedFields: sent['managedFields'] ?? oldMeta['managedFields'] }
        : { ...sent, finalizers: oldMeta['finalizers'], ownerReferences: oldMeta['ownerReferences'] };
      track?.(object, old, writer);
      resource.updateStatus?.(object, old, context);
    } else if (subresource !== 'binding') {
      if (resource.statusSubresource) {
        if (old['status'] === undefined) delete object['status'];
        else object['status'] = old['status'];
      }
      resource.update?.(object, old, context, subresource);
    }
    fillInStatus(resource, object);
    const isCounted = subresource !== 'status' && subresource !== 'binding';
    if (resource.generation && isCounted && !equal(content(object, resource), content(old, resource))) {
      object['metadata'].generation = (oldMeta['generation'] ?? 0) + 1;
    }
    const causes = updatedMetadataProblems(resource, object['metadata'], oldMeta);
    if (resource.custom && resource.schema) causes.push(...validate(resource.schema, object, resource, old));
    if (subresource === undefined || subresource === 'scale')
      causes.push(...(resource.validate?.(object) ?? []), ...(resource.validateUpdate?.(object, old) ?? []));
    if (part) causes.push(...(resource.validate?.(object) ?? []), ...(resource.partProblems?.[subresource!]?.(object, old) ?? []));
    if (subresource === 'status') causes.push(...(resource.validateStatus?.(object, old) ?? []));
    if (causes.length) throw invalid(told(resource), name, causes);
    if (subresource === undefined)
      request.warnings.push(...finalizerWarnings(resource, object['metadata'], oldMeta), ...(resource.warnings?.(object, old) ?? []));

    const gone =
      Boolean(oldMeta['deletionTimestamp']) &&
      !object['metadata'].finalizers?.length &&
      !(object['metadata'].deletionGracePeriodSeconds > 0) &&
      !(object['spec']?.finalizers?.length && resource.storage === 'namespaces');
    if (!gone && equal(object, old)) return { entry: head, created: false, gone: false };
    if (dryRun) return { entry: toEntry(resource, object, head.version), created: false, gone };
    const entry = await this.#write(resource, keyOf(namespace, name), head.version, (version) =>
      gone ? undefined : toEntry(resource, object, version),
    );
    return { entry: entry ?? toEntry(resource, object, head.version), created: false, gone };
  }

  /** Deletes, or marks as being deleted what a finalizer or a grace period holds. */
  async delete(request: DeleteRequest): Promise<Written> {
    const { resource, namespace, name, dryRun, preconditions } = request;
    const immortal = resource.immortal?.(name);
    if (immortal) throw forbidden(resource, name, immortal);
    const key = keyOf(namespace, name);
    for (let attempt = 0; ; attempt += 1) {
      for (let change; (change = this.#store.changing(resource.storage, key));) await change;
      const head = this.get(resource, namespace, name);
      refuseOther(resource, head, preconditions);
      const object = toObject(resource, head);
      const meta: JsonObject = object['metadata'];
      const grace = resource.gracePeriod?.(object, request.gracePeriodSeconds) ?? 0;
      const finalizers = new Set<string>(
        dependentsFinalizers(
          meta['finalizers'] ?? [],
          resource.childless ? undefined : request.propagationPolicy,
          Boolean(resource.orphans),
        ),
      );
      const { emptied } = resource;
      if (emptied?.finalizer && !meta['deletionTimestamp']) finalizers.add(emptied.finalizer);
      const held = finalizers.size > 0 || grace > 0 || (resource.storage === 'namespaces' && object['spec']?.finalizers?.length > 0);
      if (
        held &&
        meta['deletionTimestamp'] &&
        grace >= (meta['deletionGracePeriodSeconds'] ?? 0) &&
        equal([...finalizers], meta['finalizers'] ?? [])
      ) {
        return { entry: head, created: false, gone: false };
      }
      if (held) {
        if (!emptied && meta['generation'] && !meta['deletionTimestamp']) meta['generation'] += 1;
        meta['deletionTimestamp'] = timestamp(Date.now() + grace * 1000);
        if (!emptied) meta['deletionGracePeriodSeconds'] = grace;
        if (finalizers.size) meta['finalizers'] = [...finalizers];
        else delete meta['finalizers'];
        emptied?.mark(object, timestamp());
      } else if (resource.gracePeriod) {
        meta['deletionGracePeriodSeconds'] = 0;
        meta['deletionTimestamp'] ??= timestamp();
      }
      const made = toEntry(resource, object, head.version);
      if (dryRun) return { entry: made, created: false, gone: !held };
      try {
        const entry = await this.#write(resource, key, head.version, (version) => (held ? toEntry(resource, object, version) : undefined));
        return { entry: entry ?? made, created: false, gone: !held };
      } catch (error) {
        if (!(error instanceof ApiError && error.reason === 'Conflict') || attempt > 20 || preconditions?.resourceVersion) throw error;
      }
    }
  }
}

/** @throws a 400 where an object has not the name that its path has */
export function refuseOtherName(own: unknown, name: string): void {
  if (own === name) return;
  throw badRequest(
    own
      ? `the name of the object (${own}) does not match the name on the URL (${name})`
      : `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
  );
}

/** Writes out what Go writes of a status that the server made. */
function fillInStatus({ custom, schema }: Resource, object: JsonObject): void {
  if (custom || !schema?.ref) return;
  fillIn(schema.ref, object);
  const status = resolve(schema).properties?.['status'];
  if (status && object['status']) fillInDeep(status, object['status']);
}

/** The part of an object whose changes its generation counts. */
function content(object: JsonObject, resource: Resource): JsonObject {
  const { metadata: _m, status, ...rest } = object;
  return resource.statusSubresource ? rest : { ...rest, status };
}

/** @throws 400 for a configuration that does not say of which kind it is, or says another */
function checkApplied(resource: Resource, { kind, apiVersion }: JsonObject): void {
  if (kind === resource.kind && apiVersion === groupVersion(resource)) return;
  const parts = typeof apiVersion === 'string' ? apiVersion.split('/') : [];
  const [group, version] = parts.length === 1 ? ['', parts[0]!] : parts.length === 2 ? parts : ['', ''];
  const known = parts.length < 3 && typeof kind === 'string' ? kind : '';
  throw badRequest(`invalid object type: ${fullKind({ group: group!, version: version!, kind: known })}`);
}

/** Takes what a built-in object does not say of itself from the path. @throws 400 where it says something else */
export function checkKind(resource: Resource, object: JsonObject): void {
  const wanted = groupVersion(resource);
  if (!resource.custom) {
    // What built-in objects leave out is as the path says.
    object['kind'] ||= resource.kind;
    object['apiVersion'] ||= wanted;
  }
  const { kind, apiVersion } = object;
  if (kind !== resource.kind || apiVersion !== wanted) {
    if (kind === undefined || kind === '') throw badRequest(`Object 'Kind' is missing in '${JSON.stringify(object).slice(0, 100)}'`);
    if (resource.custom && apiVersion !== wanted && kind === resource.kind) {
      throw badRequest(`the API version in the data (${apiVersion ?? ''}) does not match the expected API version (${wanted})`);
    }
    if (resource.custom)
      throw invalid({ ...resource, kind }, object['metadata']?.name ?? '', [field.invalid('kind', kind, `must be ${resource.kind}`)]);
    const [version, group = ''] = String(apiVersion).split('/').reverse();
    const known = facts.groups
      .find((g) => g.group === group)
      ?.versions.find((v) => v.version === version)
      ?.resources.some((r) => r.kind === kind);
    const internal = resource.group.split('.')[0] || 'core';
    throw badRequest(
      `${kind} in version "${version}" cannot be handled as a ${resource.kind}: ${
        known
          ? `converting (${version}.${kind}) to (${internal}.${resource.kind}): unknown conversion`
          : `no kind "${kind}" is registered for version "${apiVersion}" in scheme "pkg/api/legacyscheme/scheme.go:30"`
      }`,
    );
  }
}

/** RFC 3339 in seconds, as Kubernetes writes times. */
export function timestamp(at = Date.now()): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

import { decode } from '../schema/decode.ts';
import { isObject } from '../schema/schema.ts';
import type { FieldValidation } from '../objects/codec.ts';
import type { DeleteRequest } from '../objects/objects.ts';
import { badRequest, field, invalid, type ApiError, type Cause } from './errors.ts';

/* The options that requests bring in their query, read and checked as Kubernetes does (k8s.io/apimachinery/pkg/apis/meta). */

const META = 'meta.k8s.io';
const refused = (kind: string, causes: Cause[]): ApiError => invalid({ group: META, plural: '', kind }, '', causes);

function check(kind: string, causes: Cause[]): void {
  if (causes.length) throw refused(kind, causes);
}

/** Whatever is there is true, except `false` and `0`; undefined where the parameter is not there. */
export function flag(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  return text === null ? undefined : text !== '0' && text.toLowerCase() !== 'false';
}

/** A whole number from the query, or undefined. @throws 400 */
export function numberParam(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const refuse = (why: string) => badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`);
  if (!/^[-+]?\d+$/.test(text)) throw refuse('invalid syntax');
  if (BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) throw refuse('value out of range');
  return Number(text);
}

export interface ListOptions {
  limit: number | undefined;
  continue: string;
  /** '' where none is given. */
  resourceVersion: string;
  match: string;
  timeoutSeconds: number | undefined;
  bookmarks: boolean;
  sendInitialEvents: boolean | undefined;
}

const MATCH = 'resourceVersionMatch';

/** Options of a list, a watch or a deletion of a collection. @throws 400, 422 */
export function listOptions(query: URLSearchParams, watching: boolean): ListOptions {
  const options: ListOptions = {
    limit: numberParam(query, 'limit'),
    continue: query.get('continue') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    match: query.get(MATCH) ?? '',
    timeoutSeconds: numberParam(query, 'timeoutSeconds'),
    bookmarks: flag(query, 'allowWatchBookmarks') ?? false,
    sendInitialEvents: flag(query, 'sendInitialEvents'),
  };
  check('ListOptions', watching ? watchProblems(options) : listProblems(options));
  return options;
}

function listProblems(o: ListOptions): Cause[] {
  const causes: Cause[] = [];
  if (o.match) {
    if (!o.resourceVersion) causes.push(field.forbidden(MATCH, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    if (o.continue) causes.push(field.forbidden(MATCH, 'resourceVersionMatch is forbidden when continue is provided'));
    if (!['Exact', 'NotOlderThan'].includes(o.match)) causes.push(field.notSupported(MATCH, o.match, ['Exact', 'NotOlderThan', '']));
    if (o.match === 'Exact' && o.resourceVersion === '0')
      causes.push(field.forbidden(MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (o.sendInitialEvents !== undefined) causes.push(field.forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  return causes;
}

function watchProblems(o: ListOptions): Cause[] {
  const causes: Cause[] = [];
  // From no version, or from 0, is as with initial events and a match.
  const initial = o.sendInitialEvents === undefined && !o.match && ['', '0'].includes(o.resourceVersion);
  if (initial && o.continue) causes.push(field.forbidden(MATCH, 'resourceVersionMatch is forbidden when continue is provided'));
  if (o.sendInitialEvents !== undefined && o.match !== 'NotOlderThan')
    causes.push(field.forbidden(MATCH, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  if (o.match) {
    if (o.sendInitialEvents === undefined)
      causes.push(field.forbidden(MATCH, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
    if (o.match !== 'NotOlderThan') causes.push(field.notSupported(MATCH, o.match, ['NotOlderThan']));
    if (o.continue) causes.push(field.forbidden(MATCH, 'resourceVersionMatch is forbidden when continue is provided'));
  }
  return causes;
}

export interface WriteOptions {
  /** '' where none is given. */
  fieldManager: string;
  fieldValidation: FieldValidation;
  dryRun: boolean;
  force: boolean;
}

/** Longest name of a field manager, in bytes. */
const MANAGER = 128;

/** Options of a creation, an update or a patch (by apply or not). @throws 422 */
export function writeOptions(query: URLSearchParams, kind: 'Create' | 'Update' | 'Patch', apply = false): WriteOptions {
  const fieldManager = query.get('fieldManager') ?? '';
  const fieldValidation = query.get('fieldValidation') ?? '';
  const force = flag(query, 'force');
  const causes: Cause[] = [];
  if (apply) {
    if (!fieldManager) causes.push(field.required('fieldManager', 'is required for apply patch'));
  } else if (kind === 'Patch' && force !== undefined) causes.push(field.forbidden('force', 'may not be specified for non-apply patch'));
  if (Buffer.byteLength(fieldManager) > MANAGER) causes.push(field.tooLong('fieldManager', MANAGER));
  for (const { 0: bad, index } of fieldManager.matchAll(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu)) {
    const code = bad.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
    const at = Buffer.byteLength(fieldManager.slice(0, index));
    causes.push(field.invalid('fieldManager', fieldManager, `invalid character U+${code} (at position ${at})`));
  }
  causes.push(...dryRunProblems(query.getAll('dryRun')));
  if (!['', 'Ignore', 'Warn', 'Strict'].includes(fieldValidation))
    causes.push(field.notSupported('fieldValidation', fieldValidation, ['', 'Ignore', 'Strict', 'Warn']));
  check(`${kind}Options`, causes);
  return {
    fieldManager,
    fieldValidation: (fieldValidation || 'Warn') as FieldValidation,
    dryRun: query.has('dryRun'),
    force: force ?? false,
  };
}

const dryRunProblems = (values: readonly unknown[]): Cause[] =>
  values.every((v) => v === 'All') ? [] : [field.notSupported('dryRun', values, ['All'])];

/** Options of a deletion: those of the body if there is one, else those of the query. @throws 400, 422 */
export function deleteOptions(query: URLSearchParams, body: unknown): Omit<DeleteRequest, 'resource' | 'namespace' | 'name'> {
  const o =
    body === undefined
      ? {
          dryRun: query.getAll('dryRun'),
          gracePeriodSeconds: numberParam(query, 'gracePeriodSeconds'),
          propagationPolicy: query.get('propagationPolicy') ?? undefined,
          orphanDependents: flag(query, 'orphanDependents'),
        }
      : bodyOptions(body);
  const { propagationPolicy, orphanDependents } = o;
  const causes: Cause[] = [];
  if (propagationPolicy !== undefined && orphanDependents !== undefined)
    causes.push(field.invalid('propagationPolicy', propagationPolicy, 'orphanDependents and deletionPropagation cannot be both set'));
  if (propagationPolicy !== undefined && !['Foreground', 'Background', 'Orphan'].includes(propagationPolicy))
    causes.push(field.notSupported('propagationPolicy', propagationPolicy, ['Foreground', 'Background', 'Orphan', 'nil']));
  causes.push(...dryRunProblems(o.dryRun));
  check('DeleteOptions', causes);
  const { gracePeriodSeconds: grace, preconditions } = { preconditions: undefined, ...o };
  return {
    dryRun: o.dryRun.length > 0,
    // Less than none is taken for the shortest.
    gracePeriodSeconds: grace !== undefined && grace < 0 ? 1 : grace,
    propagationPolicy: propagationPolicy ?? (orphanDependents === undefined ? undefined : orphanDependents ? 'Orphan' : 'Background'),
    cascades: orphanDependents === false,
    preconditions,
  };
}

interface BodyOptions {
  dryRun: unknown[];
  gracePeriodSeconds: number | undefined;
  propagationPolicy: string | undefined;
  orphanDependents: boolean | undefined;
  preconditions: { uid?: string; resourceVersion?: string } | undefined;
}

/** @throws 400 for options that cannot be read */
function bodyOptions(body: unknown): BodyOptions {
  if (!isObject(body)) {
    const found = Array.isArray(body) ? 'array' : typeof body === 'boolean' ? 'bool' : typeof body;
    throw badRequest(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${found} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
    );
  }
  const { kind, apiVersion = 'v1' } = body;
  if (kind !== undefined && kind !== 'DeleteOptions')
    throw badRequest(
      `no kind "${kind}" is registered for version "${apiVersion}" in scheme "pkg/apis/meta/internalversion/scheme/register.go:27"`,
    );
  try {
    return {
      dryRun: [],
      ...decode({ ref: 'meta.v1.DeleteOptions', type: 'object' }, body, 'DeleteOptions', 'v1', [], true),
    } as BodyOptions;
  } catch (error) {
    throw badRequest((error as Error).message.replace(/^.* cannot be handled as a DeleteOptions: /, ''));
  }
}

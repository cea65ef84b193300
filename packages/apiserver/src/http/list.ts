import type { Resource } from '../kinds/resource.ts';
import type { Entry, Store } from '../storage/store.ts';
import { ApiError, badRequest, expired } from './errors.ts';
import type { ListOptions } from './options.ts';
import { fieldSelector, labelSelector, type Test } from './selectors.ts';

export interface Selection {
  labels: Test | undefined;
  fields: Test | undefined;
  namespace: string;
  name: string;
}

const withNames = (entry: Entry): Record<string, string> => ({
  ...entry.fields,
  'metadata.name': entry.name,
  'metadata.namespace': entry.namespace,
});

export const selects = (s: Selection, entry: Entry): boolean =>
  (!s.namespace || entry.namespace === s.namespace) && (!s.labels || s.labels(entry.labels)) && (!s.fields || s.fields(withNames(entry)));

/** What a list or watch selects. @throws 400 for a selector that cannot be read or names a field that the kind has not */
export function selectionOf(resource: Resource, namespace: string, query: URLSearchParams): Selection {
  const known = resource.fields?.({ metadata: {} });
  const fields = fieldSelector(query.get('fieldSelector'), (f) => {
    // A kind without fields of its own is asked by Kubernetes' general rule, which forgets that some have no namespace.
    const general = !known && !resource.custom;
    if (f === 'metadata.name' || (f === 'metadata.namespace' && (general || resource.namespaced))) return;
    if (known && Object.hasOwn(known, f)) return;
    if (general) throw badRequest(`${JSON.stringify(f)} is not a known field selector: only "metadata.name", "metadata.namespace"`);
    throw badRequest(resource.kind === 'Job' ? `field label "${f}" not supported for Job` : `field label not supported: ${f}`);
  });
  return { labels: labelSelector(query.get('labelSelector')), fields, namespace, name: '' };
}

/** The version that a list asks for, or undefined. @throws 400 */
function versionOf(text: string): number | undefined {
  if (text === '') return undefined;
  const version = parsedVersion(text);
  if (version === undefined) throw badRequest(`invalid resource version: ${unparsed(text)}`);
  return version;
}

/** A version as a number; undefined where the text is none. */
export const parsedVersion = (text: string): number | undefined =>
  /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;

const unparsed = (text: string): string =>
  `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: ${/^\d+$/.test(text) ? 'value out of range' : 'invalid syntax'}`;

/** What Kubernetes answers to a version that is no number, where it does not look at it before it reads: a 500 without a reason. */
export const noVersion = (text: string): ApiError => new ApiError(500, '', unparsed(text));

export const tooLarge = (version: number, current: number): ApiError =>
  new ApiError(504, 'Timeout', `Timeout: Too large resource version: ${version}, current: ${current}`, {
    retryAfterSeconds: 1,
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
  });

const encodeToken = (version: number, start: string): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: version, start })).toString('base64url');

function decodeToken(text: string): { version: number; start: string } {
  const refuse = (why: string): ApiError => badRequest(`invalid continue token: continue key is not valid: ${why}`);
  const bad = text.search(/[^\w-]/);
  if (bad >= 0 || text.length % 4 === 1) throw refuse(`illegal base64 data at input byte ${bad >= 0 ? bad : text.length - 1}`);
  let token: Partial<Record<'v' | 'rv' | 'start', unknown>>;
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString()) as typeof token;
  } catch (error) {
    throw refuse((error as Error).message);
  }
  const { v = '', rv, start } = token ?? {};
  if (v !== 'meta.k8s.io/v1') throw refuse(`server does not recognize this encoded version ${String(v)}`);
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv < -1 || typeof start !== 'string')
    throw refuse('incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  return { version: rv, start };
}

export interface Page {
  entries: Entry[];
  meta: Record<string, unknown>;
}

/**
 * A list as its parameters ask for it: all, or a page of a list that stays as it was when its first page was made.
 * @throws 410 where the version that a page belongs to is no longer known
 */
export function list(store: Store, resource: Resource, selection: Selection, options: ListOptions): Page {
  const { limit, match, continue: token } = options;
  let version = versionOf(options.resourceVersion);
  const current = store.version;
  let start = '';
  if (token) {
    const from = decodeToken(token);
    if (version) throw badRequest('specifying resource version is not allowed when using continue');
    ({ start } = from);
    version = from.version < 0 ? current : from.version;
    if (version > current) throw tooLarge(version, current);
    if (!store.knows(resource.storage, version)) {
      const e = expired(
        'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
      );
      throw new InconsistentContinue(e, encodeToken(-1, start));
    }
  } else if (version !== undefined && version > current) {
    throw tooLarge(version, current);
  } else if (match === 'Exact' || (!match && version && limit)) {
    // Pages that begin at a version without saying how are of that version, too.
    if (!store.knows(resource.storage, version!)) throw expired(`The resourceVersion for the provided list is too old.`);
  } else {
    version = undefined;
  }
  const at = version ?? current;
  const all = store.list(resource.storage, selection.namespace, version);
  const entries: Entry[] = [];
  let next: string | undefined;
  let remaining = 0;
  const filtered = selection.labels !== undefined || selection.fields !== undefined;
  for (const entry of all) {
    const key = entry.namespace ? `${entry.namespace}/${entry.name}` : entry.name;
    if (start && key <= start) continue;
    if (!selects(selection, entry)) continue;
    if (limit !== undefined && limit > 0 && entries.length >= limit) {
      if (next === undefined) {
        const last = entries.at(-1)!;
        next = encodeToken(at, last.namespace ? `${last.namespace}/${last.name}` : last.name);
      }
      remaining += 1;
      if (filtered) break;
      continue;
    }
    entries.push(entry);
  }
  return {
    entries,
    meta: { resourceVersion: String(at), ...(next ? { continue: next, ...(filtered ? {} : { remainingItemCount: remaining }) } : {}) },
  };
}

/** A 410 whose Status carries a token with which the rest can still be listed, as it is now. */
export class InconsistentContinue extends ApiError {
  readonly #token: string;
  constructor(of: ApiError, token: string) {
    super(of.code, of.reason, of.message);
    this.#token = token;
  }
  override status(): Record<string, unknown> {
    return { ...super.status(), metadata: { continue: this.#token } };
  }
}

import type { Resource } from '../kinds/resource.ts';
import { ApiError } from './errors.ts';
import type { Incoming } from './request.ts';

/** Shapes in which objects are answered. */
export type Shape = 'object' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';

export interface Accepted {
  shape: Shape;
  version: string;
  type: string;
}

export const YAML = 'application/yaml';
const JSON_TYPE = 'application/json';
const PROTOBUF = 'application/vnd.kubernetes.protobuf';
/** What routes of objects say that they produce; protobuf only for built-in kinds, and here not at all: clients that take it take JSON too. */
const OBJECTS = [JSON_TYPE, YAML, PROTOBUF];
const STREAMS = [`${JSON_TYPE};stream=watch`, `${PROTOBUF};stream=watch`];

/** The parts of an Accept header with their parameters, best first. */
export function clauses(header: string): { type: string; params: Record<string, string> }[] {
  return header
    .split(',')
    .map((part) => {
      const [type, ...rest] = part.split(';').map((p) => p.trim());
      return { type: type!.toLowerCase(), params: Object.fromEntries(rest.map((p) => p.split('=') as [string, string])) };
    })
    .sort((a, b) => Number(b.params['q'] ?? 1) - Number(a.params['q'] ?? 1));
}

const headerOf = (req: Incoming): string => String(req.headers.accept ?? '').trim();

/** The first shape in the Accept header that is served; undefined where the client takes nothing of it. `shapes`: other ones than the object are. */
export function accepted(req: Incoming, shapes = true): Accepted | undefined {
  const header = headerOf(req);
  if (!header) return { shape: 'object', version: 'v1', type: JSON_TYPE };
  for (const { type, params } of clauses(header)) {
    if (![JSON_TYPE, YAML, 'application/*', '*/*'].includes(type)) continue;
    const { as, g, v } = params;
    const sent = type === YAML ? YAML : JSON_TYPE;
    if (as === undefined) return { shape: 'object', version: 'v1', type: sent };
    if (
      shapes &&
      (as === 'Table' || as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') &&
      g === 'meta.k8s.io' &&
      (v === 'v1' || v === 'v1beta1')
    ) {
      return { shape: as, version: v, type: sent };
    }
  }
  return undefined;
}

/** Whether a route that produces these types is for the client: it looks at the types alone, and knows no partial wildcards. @throws 406 */
export function checkRoute(req: Incoming, types: readonly string[]): void {
  const header = headerOf(req);
  const takes = header.split(',').map((part) => part.split(';')[0]!.trim());
  if (header && !takes.some((type) => type === '*/*' || types.includes(type)))
    throw notAcceptable(`406: Not Acceptable\n\nAvailable representations: ${types.join(', ')}`);
}

/** The same for an answer to this verb, of objects of a kind or, without one, of a document. @throws 406 */
export function acceptedFor(req: Incoming, verb: string, resource?: Pick<Resource, 'group' | 'kind' | 'listKind' | 'custom'>): Accepted {
  checkRoute(req, verb === 'list' || verb === 'watch' ? [...OBJECTS, ...STREAMS] : OBJECTS);
  const accept = accepted(req, resource !== undefined);
  if (!accept) throw notAcceptable(`only the following media types are accepted: ${OBJECTS.join(', ')}`);
  const { shape, type } = accept;
  if (verb === 'watch' && type === YAML) throw notAcceptable(`only the following media types are accepted: ${STREAMS.join(', ')}`);
  const lists = verb === 'list' || verb === 'deletecollection';
  if (shape === 'PartialObjectMetadata' && lists)
    throw notAcceptable(`you requested PartialObjectMetadata, but the requested object is a list (${goType(resource!, true)})`);
  if (shape === 'PartialObjectMetadataList' && !lists && verb !== 'delete')
    throw notAcceptable(`you requested PartialObjectMetadataList, but the requested object is not a list (${goType(resource!, false)})`);
  return accept;
}

/** What Kubernetes calls the type of what it answers. */
function goType({ group, kind, listKind, custom }: Pick<Resource, 'group' | 'kind' | 'listKind' | 'custom'>, lists: boolean): string {
  if (custom) return lists ? '*unstructured.UnstructuredList' : '*unstructured.Unstructured';
  return `*${group.split('.')[0] || 'core'}.${lists ? listKind : kind}`;
}

/** The same for what has no kind and is JSON only. @throws 406 */
export const acceptJson = (req: Incoming): void => checkRoute(req, [JSON_TYPE]);

const notAcceptable = (why: string): ApiError => new ApiError(406, 'NotAcceptable', why, {});

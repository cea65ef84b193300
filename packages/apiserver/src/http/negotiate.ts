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
const SERVED = new Set(['application/json', YAML, 'application/*', '*/*']);

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

/** The first shape in the Accept header that is served, as YAML too unless `yaml` is false; undefined where the client takes nothing of it. */
export function accepted(req: Incoming, yaml = true): Accepted | undefined {
  const header = String(req.headers.accept ?? '').trim();
  if (!header) return { shape: 'object', version: 'v1', type: 'application/json' };
  for (const { type, params } of clauses(header)) {
    if (!SERVED.has(type) || (type === YAML && !yaml)) continue;
    const { as, g, v } = params;
    const sent = type === YAML ? YAML : 'application/json';
    if (as === undefined) return { shape: 'object', version: 'v1', type: sent };
    if (
      (as === 'Table' || as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') &&
      g === 'meta.k8s.io' &&
      (v === 'v1' || v === 'v1beta1')
    ) {
      return { shape: as, version: v, type: sent };
    }
  }
  return undefined;
}

/** The same for an answer to this verb. @throws 406 */
export function acceptedFor(req: Incoming, verb: string): Accepted {
  const accept = accepted(req, verb !== 'watch');
  if (!accept) throw notAcceptable(`only the following media types are accepted: ${(verb === 'watch' ? STREAMS : SHAPES).join(', ')}`);
  const { shape } = accept;
  if (shape === 'PartialObjectMetadata' && (verb === 'list' || verb === 'deletecollection'))
    throw notAcceptable('you requested PartialObjectMetadata, but the requested object is a list');
  if (shape === 'PartialObjectMetadataList' && !['list', 'deletecollection', 'delete'].includes(verb))
    throw notAcceptable('you requested PartialObjectMetadataList, but the requested object is not a list');
  return accept;
}

const SHAPES = [
  'application/json',
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
];

const STREAMS = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];

/** The same for what has no kind and is JSON only. @throws 406 */
export function acceptJson(req: Incoming): void {
  if (!accepted(req, false)) throw notAcceptable('406: Not Acceptable\n\nAvailable representations: application/json');
}

const notAcceptable = (why: string): ApiError => new ApiError(406, 'NotAcceptable', why, {});

import type { Incoming } from './request.ts';

/** Shapes in which objects are answered. */
export type Shape = 'object' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';

export interface Accepted {
  shape: Shape;
  version: string;
  type: string;
}

/** The first shape in the Accept header that is served as JSON; undefined where the client takes nothing of it. */
export function accepted(req: Incoming): Accepted | undefined {
  const header = String(req.headers.accept ?? '').trim();
  if (!header) return { shape: 'object', version: 'v1', type: 'application/json' };
  for (const part of header.split(',')) {
    const [type, ...rest] = part.split(';').map((p) => p.trim());
    const params = Object.fromEntries(rest.map((p) => p.split('=') as [string, string]));
    const lower = type!.toLowerCase();
    if (!['application/json', '*/*', 'application/*', 'application/yaml', 'text/plain', 'text/html'].includes(lower)) continue;
    const { as, g, v } = params;
    if (as === undefined) return { shape: 'object', version: 'v1', type: 'application/json' };
    if (
      (as === 'Table' || as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') &&
      g === 'meta.k8s.io' &&
      (v === 'v1' || v === 'v1beta1')
    ) {
      return { shape: as, version: v, type: 'application/json' };
    }
  }
  return undefined;
}

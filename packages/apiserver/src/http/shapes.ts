import { itemParts, textParts, toObject } from '../objects/codec.ts';
import { groupVersion, type Resource } from '../kinds/resource.ts';
import type { Entry } from '../storage/store.ts';
import type { Accepted } from './negotiate.ts';
import { toEntry } from '../objects/codec.ts';

const COMMA = Buffer.from(',');
const END = Buffer.from(']}');

const metadataOf = (entry: Entry): unknown => (JSON.parse(entry.json) as { metadata: unknown }).metadata;

export const partial = (entry: Entry, version: string): unknown => ({
  kind: 'PartialObjectMetadata',
  apiVersion: `meta.k8s.io/${version}`,
  metadata: metadataOf(entry),
});

/** Table columns and rows of entries (meta.k8s.io Table). */
export function table(
  resource: Resource,
  entries: readonly Entry[],
  version: string,
  meta: Record<string, unknown>,
  include: string,
  columns = true,
): Record<string, unknown> {
  const now = Date.now();
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: meta,
    columnDefinitions: columns
      ? resource.columns.map(({ name, type, format, description = '', priority }) => ({ name, type, format, description, priority }))
      : null,
    rows: entries.map((entry) => {
      const object = toObject(resource, entry);
      return {
        cells: resource.columns.map((c) => c.cell(object, now)),
        object: include === 'None' ? null : include === 'Object' ? object : partial(entry, version),
      };
    }),
  };
}

/** One object in the shape that the client asks for, as text. */
export function objectText(resource: Resource, entry: Entry, accepted: Accepted, include: string): string | Buffer {
  switch (accepted.shape) {
    case 'Table':
      return JSON.stringify(table(resource, [entry], accepted.version, { resourceVersion: String(entry.version) }, include));
    case 'PartialObjectMetadata':
      return JSON.stringify(partial(entry, accepted.version));
    default:
      return Buffer.concat(textParts(resource, entry));
  }
}

/** A list in the shape that the client asks for, as text in parts. */
export function listParts(
  resource: Resource,
  entries: readonly Entry[],
  meta: Record<string, unknown>,
  accepted: Accepted,
  include: string,
): Buffer[] {
  // Lists of custom resources always say where they go on.
  const listMeta = resource.custom ? { continue: '', ...meta } : meta;
  switch (accepted.shape) {
    case 'Table':
      return [Buffer.from(JSON.stringify(table(resource, entries, accepted.version, meta, include)))];
    case 'PartialObjectMetadataList':
      return [
        Buffer.from(
          JSON.stringify({
            kind: 'PartialObjectMetadataList',
            apiVersion: `meta.k8s.io/${accepted.version}`,
            metadata: meta,
            items: entries.map((e) => partial(e, accepted.version)),
          }),
        ),
      ];
    default:
      return [
        Buffer.from(
          `{"kind":"${resource.listKind}","apiVersion":"${groupVersion(resource)}","metadata":${JSON.stringify(listMeta)},"items":[`,
        ),
        ...entries.flatMap((e, i) => (i ? [COMMA, ...itemParts(resource, e)] : itemParts(resource, e))),
        END,
      ];
  }
}

/** The entry as its deletion shows it: the last state, at the deletion's version. */
export function deletedEntry(resource: Resource, before: Entry, version: number): Entry {
  return toEntry(resource, toObject(resource, before), version);
}

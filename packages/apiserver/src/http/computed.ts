import { groupVersion, type Resource } from '../kinds/resource.ts';
import { notFound } from './errors.ts';
import { selectionOf } from './list.ts';
import type { Call, Target } from './request.ts';
import { send } from './respond.ts';

/** Answers a get or list of a kind whose objects are made when they are asked for. */
export async function sendComputed(
  call: Call,
  { resource, namespace, name }: Target,
  objects: NonNullable<Resource['computed']>,
): Promise<void> {
  const { labels, fields } = selectionOf(resource, namespace, call.url.searchParams);
  const type = { kind: resource.kind, apiVersion: groupVersion(resource) };
  const all = await objects(namespace);
  if (name) {
    const found = all.find((o) => o['metadata'].name === name);
    if (!found) throw notFound(resource, name);
    return send(call, 200, { ...type, ...found });
  }
  const selected = all.filter(({ metadata }) => {
    const names = { 'metadata.name': metadata.name, 'metadata.namespace': metadata.namespace ?? '' };
    return (!labels || labels(metadata.labels ?? {})) && (!fields || fields(names));
  });
  send(call, 200, { kind: resource.listKind, apiVersion: type.apiVersion, metadata: {}, items: selected.map((o) => ({ ...type, ...o })) });
}

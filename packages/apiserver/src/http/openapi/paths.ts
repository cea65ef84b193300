import type { Resource, Subresource } from '../../kinds/resource.ts';
import { gvk, kindName, type Body } from './schemas.ts';

/** What can be done at a path by a method. */
export interface Operation {
  action: string;
  kind: Body;
  parameters: readonly (readonly [name: string, type: string])[];
  /** The schema of what is sent: that of the kind, or of a patch, which is any object. */
  body?: 'kind' | 'patch';
}

export const pathOf = (group: string, version: string): string => (group ? `apis/${group}/${version}` : `api/${version}`);

const strings = (...names: string[]): [string, string][] => names.map((name) => [name, 'string']);
const LIST = [
  ...strings('continue', 'fieldSelector', 'labelSelector', 'resourceVersion', 'resourceVersionMatch'),
  ['limit', 'integer'],
  ['timeoutSeconds', 'integer'],
  ['allowWatchBookmarks', 'boolean'],
  ['sendInitialEvents', 'boolean'],
  ['watch', 'boolean'],
] as const;
const WRITE = strings('dryRun', 'fieldManager', 'fieldValidation');
const DELETE = [...strings('dryRun', 'propagationPolicy'), ['gracePeriodSeconds', 'integer'], ['orphanDependents', 'boolean']] as const;

/** By the verb that a method stands for. */
const METHODS: Record<string, { method: string; action: string; parameters: Operation['parameters']; body?: 'kind' | 'patch' }> = {
  list: { method: 'get', action: 'list', parameters: LIST },
  create: { method: 'post', action: 'post', parameters: WRITE, body: 'kind' },
  deletecollection: { method: 'delete', action: 'deletecollection', parameters: [...LIST, ...DELETE] },
  get: { method: 'get', action: 'get', parameters: [] },
  update: { method: 'put', action: 'put', parameters: WRITE, body: 'kind' },
  patch: { method: 'patch', action: 'patch', parameters: [...WRITE, ['force', 'boolean']], body: 'patch' },
  delete: { method: 'delete', action: 'delete', parameters: DELETE },
};

function operations(kind: Body, has: readonly string[], verbs: readonly string[]): Record<string, Operation> {
  const found: Record<string, Operation> = {};
  for (const verb of verbs) {
    if (!has.includes(verb)) continue;
    const { method, ...rest } = METHODS[verb]!;
    // What has options for its kind opens a connection, whatever the method is.
    found[method] = String(kind['kind']).endsWith('Options') ? { kind, action: 'connect', parameters: [] } : { kind, ...rest };
  }
  return found;
}

/** The paths of a kind, with what is below its objects. */
export function pathsOf(r: Resource): Record<string, Record<string, Operation>> {
  const root = `/${pathOf(r.group, r.version)}`;
  const all = `${root}${r.namespaced ? '/namespaces/{namespace}' : ''}/${r.plural}`;
  const one = `${all}/{name}`;
  const ofSub = (s: Subresource): Body => gvk({ group: s.group ?? r.group, version: s.version ?? r.version, kind: s.kind });
  const paths = {
    ...(r.namespaced ? { [`${root}/${r.plural}`]: operations(gvk(r), r.verbs, ['list']) } : {}),
    [all]: operations(gvk(r), r.verbs, ['list', 'create', 'deletecollection']),
    [one]: operations(gvk(r), r.verbs, ['get', 'update', 'patch', 'delete']),
    ...Object.fromEntries(
      r.subresources.map((s) => [`${one}/${s.name}`, operations(ofSub(s), s.verbs, ['get', 'create', 'update', 'patch', 'delete'])]),
    ),
  };
  return Object.fromEntries(Object.entries(paths).filter(([, methods]) => Object.keys(methods).length));
}

/** The name of the schema of what an operation on a kind answers; undefined for what is below its objects and no object of its kind. */
export const answerOf = (r: Resource, { action, kind }: Operation): string | undefined =>
  kind['kind'] !== r.kind ? undefined : action === 'list' ? `${kindName(r)}List` : kindName(r);

/** What stands for something in a path. */
export const placeholders = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);

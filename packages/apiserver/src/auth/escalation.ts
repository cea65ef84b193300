import type { ApiError } from '../http/errors.ts';
import { forbidden, notFound } from '../http/errors.ts';
import type { Resource } from '../kinds/resource.ts';
import { equal, type JsonObject } from '../schema/schema.ts';
import type { Store } from '../storage/store.ts';
import { allowed, rulesOf } from './rbac.ts';
import type { User } from './tokens.ts';

/* Nobody gives rights away that they do not have: what roles and bindings are checked for before they are written. */

const GROUP = 'rbac.authorization.k8s.io';
const EVERYTHING: JsonObject[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/** One verb on one resource, of one name or any, or on one path. */
interface Right {
  verb: string;
  group: string;
  resource: string;
  name: string | undefined;
  path: string | undefined;
}

function rightsOf(rules: readonly JsonObject[]): Right[] {
  return rules.flatMap(({ verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }) => {
    const names: (string | undefined)[] = resourceNames.length ? resourceNames : [undefined];
    return (verbs as string[]).flatMap((verb) => [
      ...(apiGroups as string[]).flatMap((group) =>
        (resources as string[]).flatMap((resource) => names.map((name) => ({ verb, group, resource, name, path: undefined }))),
      ),
      ...(nonResourceURLs as string[]).map((path) => ({ verb, group: '', resource: '', name: undefined, path })),
    ]);
  });
}

const has = (list: string[] | undefined, value: string): boolean => Boolean(list?.includes('*') || list?.includes(value));

function covers(rule: JsonObject, { verb, group, resource, name, path }: Right): boolean {
  if (!has(rule['verbs'], verb)) return false;
  if (path !== undefined)
    return (rule['nonResourceURLs'] ?? []).some((u: string) => u === path || (u.endsWith('*') && path.startsWith(u.slice(0, -1))));
  const [, sub] = resource.split('/');
  return (
    has(rule['apiGroups'], group) &&
    (has(rule['resources'], resource) || (sub !== undefined && rule['resources']?.includes(`*/${sub}`))) &&
    (!rule['resourceNames']?.length || (name !== undefined && rule['resourceNames'].includes(name)))
  );
}

const list = (values: readonly string[]): string => `[${values.map((v) => JSON.stringify(v)).join(' ')}]`;

/** Rights as Kubernetes lists them: the verbs of a resource together. */
function shown(rights: readonly Right[]): string[] {
  const verbs = new Map<string, string[]>();
  for (const { verb, group, resource, name, path } of rights) {
    const key =
      path === undefined
        ? `APIGroups:${list([group])}, Resources:${list([resource])}${name === undefined ? '' : `, ResourceNames:${list([name])}`}`
        : `NonResourceURLs:${list([path])}`;
    const found = verbs.get(key) ?? [];
    if (!found.includes(verb)) verbs.set(key, [...found, verb]);
  }
  return [...verbs].map(([key, v]) => `{${key}, Verbs:${list(v)}}`).sort();
}

/**
 * What stands against a user writing this role or binding; undefined where nothing does, or the object is neither. `name` is the
 * object's, `old` what is there already.
 */
export function escalation(
  store: Store,
  user: User,
  resource: Resource,
  namespace: string,
  object: JsonObject,
  old: JsonObject | undefined,
): ApiError | undefined {
  if (resource.group !== GROUP || user.groups.includes('system:masters')) return undefined;
  const name: string = object['metadata'].name ?? '';
  const ref: JsonObject = object['roleRef'] ?? {};
  const binds = resource.plural.endsWith('bindings');
  const role = binds ? (ref['kind'] === 'ClusterRole' ? 'clusterroles' : 'roles') : resource.plural;
  const may = (verb: string, of: string): boolean =>
    allowed(store, user, { verb, group: GROUP, resource: role, namespace, name: of, path: '' });
  const same = binds
    ? equal(object['roleRef'], old?.['roleRef']) && equal(object['subjects'], old?.['subjects'])
    : equal(object['rules'], old?.['rules']) && equal(object['aggregationRule'], old?.['aggregationRule']);
  if ((old && same) || (binds ? may('bind', ref['name'] ?? '') : may('escalate', name))) return undefined;
  const own = rulesOf(store, user, namespace);
  const missing = (rules: readonly JsonObject[]): Right[] => rightsOf(rules).filter((right) => !own.some((rule) => covers(rule, right)));
  if (!binds && object['aggregationRule'] && missing(EVERYTHING).length)
    return forbidden(resource, name, 'must have cluster-admin privileges to use the aggregationRule');
  let rules: JsonObject[] = object['rules'] ?? [];
  if (binds) {
    const entry = store.get(`${role}.${GROUP}`, role === 'roles' ? `${namespace}/${ref['name']}` : ref['name']);
    if (!entry) return notFound(resource, ref['name'] ?? '');
    rules = (JSON.parse(entry.json) as JsonObject)['rules'] ?? [];
  }
  const lacking = missing(rules);
  if (!lacking.length) return undefined;
  const who = `user ${JSON.stringify(user.name)} (groups=${list(user.groups)})`;
  const rights = shown(lacking).join('\n');
  return forbidden(resource, name, `${who} is attempting to grant RBAC permissions not currently held:\n${rights}`);
}

import type { Entry, Store } from '../storage/store.ts';
import type { JsonObject } from '../schema/schema.ts';
import type { User } from './tokens.ts';

/** What somebody wants to do, as RBAC sees it. */
export interface Attributes {
  verb: string;
  group: string;
  /** `pods` or `pods/status`; empty for a path. */
  resource: string;
  namespace: string;
  name: string;
  path: string;
}

const specs = new WeakMap<Entry, JsonObject>();

/** Read once an entry: every request of who is no administrator asks for all of them. */
function specOf(entry: Entry): JsonObject {
  let spec = specs.get(entry);
  if (!spec) specs.set(entry, (spec = JSON.parse(entry.json) as JsonObject));
  return spec;
}

const has = (list: unknown, value: string): boolean => Array.isArray(list) && (list.includes('*') || list.includes(value));

function ruleAllows(rule: JsonObject, a: Attributes): boolean {
  if (!has(rule['verbs'], a.verb)) return false;
  if (a.path) {
    return (
      Array.isArray(rule['nonResourceURLs']) &&
      rule['nonResourceURLs'].some((u: string) => u === '*' || u === a.path || (u.endsWith('*') && a.path.startsWith(u.slice(0, -1))))
    );
  }
  const resources: unknown = rule['resources'];
  const [, sub] = a.resource.split('/');
  return (
    has(rule['apiGroups'], a.group) &&
    (has(resources, a.resource) || (sub !== undefined && Array.isArray(resources) && resources.includes(`*/${sub}`))) &&
    (!rule['resourceNames']?.length || rule['resourceNames'].includes(a.name))
  );
}

function isSubject(subject: JsonObject, user: User, namespace: string): boolean {
  switch (subject['kind']) {
    case 'User':
      return subject['name'] === user.name;
    case 'Group':
      return user.groups.includes(subject['name']);
    case 'ServiceAccount':
      return user.name === `system:serviceaccount:${subject['namespace'] ?? namespace}:${subject['name']}`;
    default:
      return false;
  }
}

interface Granted {
  rule: JsonObject;
  /** By which binding, worded as Kubernetes words it. */
  by: () => string;
}

const quote = (text: unknown): string => JSON.stringify(text);

function granted(store: Store, user: User, namespace: string): Granted[] {
  const found: Granted[] = [];
  const collect = (bindings: string, ns: string): void => {
    for (const entry of store.list(bindings, ns)) {
      const binding = specOf(entry);
      const subject = (binding['subjects'] ?? []).find((s: JsonObject) => isSubject(s, user, entry.namespace));
      if (!subject) continue;
      const ref: JsonObject = binding['roleRef'] ?? {};
      const role =
        ref['kind'] === 'ClusterRole'
          ? store.get('clusterroles.rbac.authorization.k8s.io', ref['name'])
          : store.get('roles.rbac.authorization.k8s.io', `${entry.namespace}/${ref['name']}`);
      const by = (): string => {
        const account = subject.kind === 'ServiceAccount' ? `/${subject.namespace ?? entry.namespace}` : '';
        const what = ns ? `RoleBinding ${quote(`${entry.name}/${ns}`)}` : `ClusterRoleBinding ${quote(entry.name)}`;
        return `${what} of ${ref['kind']} ${quote(ref['name'])} to ${subject.kind} ${quote(subject.name + account)}`;
      };
      if (role) for (const rule of specOf(role)['rules'] ?? []) found.push({ rule, by });
    }
  };
  collect('clusterrolebindings.rbac.authorization.k8s.io', '');
  if (namespace) collect('rolebindings.rbac.authorization.k8s.io', namespace);
  return found;
}

/** Rules that a user has, cluster-wide and in a namespace. */
export const rulesOf = (store: Store, user: User, namespace: string): JsonObject[] =>
  granted(store, user, namespace).map(({ rule }) => rule);

/** Whether RBAC lets a user do something, and why; members of system:masters may do everything. */
export function decide(store: Store, user: User, a: Attributes): { allowed: boolean; reason?: string } {
  if (user.groups.includes('system:masters')) return { allowed: true };
  const found = granted(store, user, a.namespace).find(({ rule }) => ruleAllows(rule, a));
  return found ? { allowed: true, reason: `RBAC: allowed by ${found.by()}` } : { allowed: false };
}

export const allowed = (store: Store, user: User, a: Attributes): boolean =>
  user.groups.includes('system:masters') || granted(store, user, a.namespace).some(({ rule }) => ruleAllows(rule, a));

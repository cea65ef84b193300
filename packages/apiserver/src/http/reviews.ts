import { allowed, rulesOf } from '../auth/rbac.ts';
import type { User } from '../auth/tokens.ts';
import type { Resource } from '../kinds/resource.ts';
import { isObject, type JsonObject } from '../schema/schema.ts';
import type { Store } from '../storage/store.ts';
import { badRequest } from './errors.ts';
import { fromClient } from '../objects/codec.ts';

export interface ReviewContext {
  store: Store;
  userOfToken: (token: string, audiences?: readonly string[]) => { user: User; audiences: string[] } | undefined;
}

/** Kinds that are asked and not kept: who may do what, and who somebody is. */
export async function review(resource: Resource, body: unknown, user: User, { store, userOfToken }: ReviewContext): Promise<JsonObject> {
  const object = fromClient(resource, body, 'Ignore', []);
  const spec: JsonObject = object['spec'] ?? {};
  const answer = (status: JsonObject): JsonObject => ({
    kind: resource.kind,
    apiVersion: `${resource.group}/${resource.version}`,
    metadata: object['metadata'],
    spec,
    status,
  });
  const access = (who: User): JsonObject => {
    const r: unknown = spec['resourceAttributes'];
    const n: unknown = spec['nonResourceAttributes'];
    const a = isObject(r)
      ? {
          verb: r['verb'] ?? '',
          group: r['group'] ?? '',
          resource: `${r['resource'] ?? ''}${r['subresource'] ? `/${r['subresource']}` : ''}`,
          namespace: r['namespace'] ?? '',
          name: r['name'] ?? '',
          path: '',
        }
      : isObject(n)
        ? { verb: n['verb'] ?? '', group: '', resource: '', namespace: '', name: '', path: n['path'] ?? '' }
        : undefined;
    if (!a) throw badRequest(`${resource.kind}: spec: exactly one of nonResourceAttributes or resourceAttributes must be specified`);
    return answer({ allowed: allowed(store, who, a) });
  };
  switch (resource.kind) {
    case 'SelfSubjectAccessReview':
      return access(user);
    case 'SubjectAccessReview':
    case 'LocalSubjectAccessReview':
      return access({ name: spec['user'] ?? '', groups: spec['groups'] ?? [] });
    case 'SelfSubjectReview':
      return {
        kind: resource.kind,
        apiVersion: `${resource.group}/${resource.version}`,
        metadata: object['metadata'],
        status: {
          userInfo: {
            username: user.name,
            ...(user.uid ? { uid: user.uid } : {}),
            groups: user.groups,
            ...(user.extra ? { extra: user.extra } : {}),
          },
        },
      };
    case 'TokenReview': {
      const wanted: unknown = spec['audiences'];
      const review = userOfToken(String(spec['token'] ?? ''), Array.isArray(wanted) && wanted.length ? wanted.map(String) : undefined);
      const found = review?.user;
      return answer(
        found
          ? {
              authenticated: true,
              user: {
                username: found.name,
                ...(found.uid ? { uid: found.uid } : {}),
                groups: found.groups,
                ...(found.extra ? { extra: found.extra } : {}),
              },
              audiences: review!.audiences,
            }
          : { user: {}, error: 'invalid bearer token' },
      );
    }
    case 'SelfSubjectRulesReview': {
      const rules = user.groups.includes('system:masters')
        ? [
            { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
            { verbs: ['*'], nonResourceURLs: ['*'] },
          ]
        : rulesOf(store, user, spec['namespace'] ?? '');
      return answer({
        resourceRules: rules.filter((r) => r['resources']),
        nonResourceRules: rules.filter((r) => r['nonResourceURLs']),
        incomplete: false,
      });
    }
    default:
      throw badRequest(`${resource.kind} cannot be created here`);
  }
}

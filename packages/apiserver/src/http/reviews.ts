import { decide, rulesOf } from '../auth/rbac.ts';
import type { User } from '../auth/tokens.ts';
import type { Resource } from '../kinds/resource.ts';
import { isObject, type JsonObject } from '../schema/schema.ts';
import type { Store } from '../storage/store.ts';
import { trackUpdate, type Writer } from '../apply/managers.ts';
import { badRequest, field, invalid, type Cause } from './errors.ts';
import { fromClient } from '../objects/codec.ts';
import { checkKind } from '../objects/objects.ts';

export interface ReviewContext {
  store: Store;
  userOfToken: (token: string, audiences?: readonly string[]) => { user: User; audiences: string[] } | undefined;
}

/** As Go's field errors show what has no JSON names. */
const asGo = ({ path = '', verb = '' }: JsonObject): JsonObject => ({ Path: path, Verb: verb });

/** What is wrong with a question about access; `namespace` is that of the path. */
function accessProblems({ kind, metadata, spec = {} }: JsonObject, namespace: string): Cause[] {
  const causes: Cause[] = [];
  const { resourceAttributes: resource, nonResourceAttributes: path, user, groups } = spec;
  if (resource && path)
    causes.push(field.invalid('spec.nonResourceAttributes', asGo(path), 'cannot be specified in combination with resourceAttributes'));
  if (!resource && !path)
    causes.push(
      field.invalid('spec.resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified'),
    );
  if (kind !== 'SelfSubjectAccessReview' && !user && !groups?.length)
    causes.push(field.invalid('spec.user', '', 'at least one of user or group must be specified'));
  const { managedFields: _m, namespace: own, ...rest } = metadata;
  const local = kind === 'LocalSubjectAccessReview';
  if (Object.keys(rest).length || (own && !local))
    causes.push(field.invalid('metadata', metadata, local ? 'must be empty except for namespace' : 'must be empty'));
  if (local && resource && resource.namespace !== namespace)
    causes.push(field.invalid('spec.resourceAttributes.namespace', resource.namespace ?? '', 'must match metadata.namespace'));
  if (local && path) causes.push(field.invalid('spec.nonResourceAttributes', asGo(path), 'disallowed on this kind of request'));
  return causes;
}

/** Kinds that are asked and not kept: who may do what, and who somebody is. */
export async function review(
  resource: Resource,
  namespace: string,
  body: unknown,
  user: User,
  { store, userOfToken }: ReviewContext,
  writer: Writer,
): Promise<JsonObject> {
  const object = fromClient(resource, body, 'Ignore', []);
  checkKind(resource, object);
  const spec: JsonObject = object['spec'] ?? {};
  // Before what it asks is looked at, as with objects that are kept.
  const asked: JsonObject = structuredClone(object['metadata']);
  trackUpdate(resource, undefined, object, writer);
  const answer = (status: JsonObject): JsonObject => ({
    kind: resource.kind,
    apiVersion: `${resource.group}/${resource.version}`,
    metadata: object['metadata'],
    spec,
    status,
  });
  const access = (who: User): JsonObject => {
    const causes = accessProblems({ ...object, metadata: asked }, namespace);
    if (causes.length) throw invalid({ ...resource, kind: '' }, '', causes);
    const r: unknown = spec['resourceAttributes'];
    const n: JsonObject = isObject(spec['nonResourceAttributes']) ? spec['nonResourceAttributes'] : {};
    return answer(
      decide(
        store,
        who,
        isObject(r)
          ? {
              verb: r['verb'] ?? '',
              group: r['group'] ?? '',
              resource: `${r['resource'] ?? ''}${r['subresource'] ? `/${r['subresource']}` : ''}`,
              namespace: r['namespace'] ?? '',
              name: r['name'] ?? '',
              path: '',
            }
          : { verb: n['verb'] ?? '', group: '', resource: '', namespace: '', name: '', path: n['path'] ?? '' },
      ),
    );
  };
  switch (resource.kind) {
    case 'SelfSubjectAccessReview':
      return access(user);
    case 'SubjectAccessReview':
    case 'LocalSubjectAccessReview':
      if (resource.namespaced) object['metadata'].namespace = namespace;
      return access({ name: spec['user'] ?? '', groups: spec['groups'] ?? [] });
    case 'SelfSubjectReview':
      return {
        kind: resource.kind,
        apiVersion: `${resource.group}/${resource.version}`,
        metadata: { ...object['metadata'], creationTimestamp: writer.now },
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
      if (!spec['token']) throw badRequest('token is required for TokenReview in authentication');
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
      if (!spec['namespace']) throw badRequest('no namespace on request');
      const rules = rulesOf(store, user, spec['namespace']);
      delete spec['namespace'];
      delete object['metadata'].managedFields;
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

import { randomUUID } from 'node:crypto';
import { ISSUER, type User } from '../auth/tokens.ts';
import { bind } from '../objects/binding.ts';
import { toObject } from '../objects/codec.ts';
import { timestamp, type WriteRequest, type Written } from '../objects/objects.ts';
import { isObject, type JsonObject } from '../schema/schema.ts';
import type { Entry } from '../storage/store.ts';
import type { KubeletCredentials } from '../streams/relay.ts';
import { ApiError, badRequest, conflict, field, invalid, methodNotAllowed, notFound, type Cause } from './errors.ts';
import type { Accepted } from './negotiate.ts';
import { readObject, type Call, type Target } from './request.ts';
import { send, sendText } from './respond.ts';
import { objectText } from './shapes.ts';
import { evict, type EvictionContext } from './eviction.ts';
import { scale } from './scale.ts';

export interface SubresourceContext extends EvictionContext {
  /** Reads a patch of any type and applies it. */
  patch: (call: Call, target: Target, write: WriteRequest) => Promise<Written>;
  /** Whose token it is, if it is good for one of the audiences; for this server without any. */
  userOfToken: (token: string, audiences?: readonly string[]) => { user: User; audiences: string[] } | undefined;
  /** The Node object. @throws 404 */
  node: (name: string) => JsonObject;
  kubeletCredentials: () => KubeletCredentials;
  serviceAccountToken: (namespace: string, account: Entry, seconds: number, audiences: string[], bound: JsonObject | undefined) => string;
}

/** Requests for subresources other than status. */
export async function subresourceRequest(
  call: Call,
  target: Target,
  verb: string,
  accept: Accepted,
  context: SubresourceContext,
  write: WriteRequest,
): Promise<void> {
  const { resource, name, namespace } = target;
  const which = target.subresource!.name;
  const { objects } = context;
  switch (which) {
    case 'scale':
      return scale(call, target, verb, accept, objects, write);
    case 'binding': {
      const body = await readObject(call.req, 'Binding');
      const own: unknown = body['metadata']?.name;
      if (own !== name) throw badRequest('name in URL does not match name in Binding object');
      const target: JsonObject = isObject(body['target']) ? body['target'] : {};
      const causes: Cause[] = [];
      if (target['kind'] && target['kind'] !== 'Node') causes.push(field.notSupported('target.kind', target['kind'], ['Node', '<empty>']));
      if (!target['name']) causes.push(field.required('target.name'));
      if (causes.length) throw invalid({ group: '', plural: 'bindings', kind: 'Binding' }, name, causes);
      await bind(objects, write, String(target['name']), body);
      return send(call, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
    }
    case 'eviction': {
      await evict(context, write, await readObject(call.req, 'Eviction'));
      return send(call, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
    }
    case 'token': {
      const body = await readObject(call.req, 'TokenRequest');
      const account = objects.get(resource, namespace, name);
      const spec: JsonObject = isObject(body['spec']) ? body['spec'] : {};
      const seconds: unknown = spec['expirationSeconds'] ?? 3600;
      if (!Number.isInteger(seconds) || (seconds as number) < 600) {
        throw invalid({ group: 'authentication.k8s.io', plural: 'tokenrequests', kind: 'TokenRequest' }, '', [
          field.invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes'),
        ]);
      }
      if ((seconds as number) > 2 ** 32)
        throw invalid({ group: 'authentication.k8s.io', plural: 'tokenrequests', kind: 'TokenRequest' }, '', [
          field.invalid('spec.expirationSeconds', seconds, 'may not specify a duration larger than 2^32 seconds'),
        ]);
      const audiences: string[] = spec['audiences']?.length ? spec['audiences'] : [ISSUER];
      const bound = boundTo(context, namespace, spec['boundObjectRef']);
      const token = context.serviceAccountToken(namespace, account, seconds as number, audiences, bound);
      return send(call, 201, {
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { name, namespace, uid: randomUUID(), creationTimestamp: timestamp() },
        spec: {
          audiences,
          expirationSeconds: seconds,
          boundObjectRef: bound ?? null,
        },
        status: { token, expirationTimestamp: timestamp(Date.now() + (seconds as number) * 1000) },
      });
    }
    case 'finalize':
    case 'approval':
    case 'ephemeralcontainers':
    case 'resize': {
      if (verb === 'get') return sendText(call, 200, objectText(resource, objects.get(resource, namespace, name), accept, 'Metadata'));
      const through = { ...write, subresource: which === 'approval' ? 'status' : resource.parts?.[which] ? which : undefined };
      const written =
        verb === 'patch'
          ? await context.patch(call, target, through)
          : await objects.update(through, await readObject(call.req, resource.kind));
      return sendText(call, 200, objectText(resource, written.entry, accept, 'Metadata'));
    }
    case 'log':
    case 'exec':
    case 'attach':
    case 'portforward': {
      const pod = toObject(resource, objects.get(resource, namespace, name));
      // Loaded with the first stream: most servers never have one.
      const { relay } = await import('../streams/relay.ts');
      return relay(call, which, pod, () => context.node(pod['spec'].nodeName), context.kubeletCredentials);
    }
    case 'proxy':
      objects.get(resource, namespace, name);
      throw new ApiError(503, 'ServiceUnavailable', `this server is no proxy: ${resource.plural} "${name}" cannot be reached through it`);
    default:
      throw methodNotAllowed();
  }
}

/** The object that a token is to end with, as it is now. @throws 404, 409 */
function boundTo({ store }: SubresourceContext, namespace: string, ref: JsonObject | undefined): JsonObject | undefined {
  if (!ref) return undefined;
  const { kind, name, uid } = ref;
  const plural = kind === 'Pod' ? 'pods' : kind === 'Secret' ? 'secrets' : undefined;
  if (!plural)
    throw badRequest(
      `cannot bind token to object of type ${ref['apiVersion']?.includes('/') ? '' : '/'}${ref['apiVersion'] ?? ''}, Kind=${kind}`,
    );
  const found = store.get(plural, `${namespace}/${String(name)}`);
  if (!found) throw notFound({ group: '', plural, kind }, String(name));
  if (uid && uid !== found.uid) {
    throw conflict(
      { group: '', plural, kind },
      String(name),
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  return { kind, apiVersion: 'v1', name, uid: found.uid };
}

import { ISSUER, type User } from '../auth/tokens.ts';
import { bind } from '../objects/binding.ts';
import { fromClient, toObject } from '../objects/codec.ts';
import { timestamp, type WriteRequest, type Written } from '../objects/objects.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { mergePatch } from '../patch/patch.ts';
import { isObject, type JsonObject } from '../schema/schema.ts';
import type { Entry } from '../storage/store.ts';
import type { KubeletCredentials } from '../streams/relay.ts';
import {
  ApiError,
  badRequest,
  conflict,
  field,
  invalid,
  methodNotAllowed,
  noRouteForType,
  notFound,
  unsupportedMediaType,
  type Cause,
} from './errors.ts';
import type { Accepted } from './negotiate.ts';
import { mediaType, parseBody, readBody, readObject, type Call, type Target } from './request.ts';
import { send, sendText } from './respond.ts';
import { objectText } from './shapes.ts';
import { evict, type EvictionContext } from './eviction.ts';

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
      return scale(call, target, verb, context, write);
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
        metadata: { name, namespace, creationTimestamp: timestamp() },
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
  if (!plural) throw badRequest(`cannot bind token for serviceaccount to object of type ${String(kind)}`);
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

const at = (object: JsonObject, path: string): unknown =>
  path
    .split('.')
    .slice(1)
    .reduce<unknown>((v, k) => (isObject(v) ? v[k] : undefined), object);

function put(object: JsonObject, path: string, value: unknown): void {
  const keys = path.split('.').slice(1);
  const last = keys.pop()!;
  let v = object;
  for (const k of keys) v = v[k] ??= {};
  v[last] = value;
}

function selectorText(selector: unknown): string {
  if (typeof selector === 'string') return selector;
  if (!isObject(selector)) return '';
  const labels: JsonObject = isObject(selector['matchLabels']) ? selector['matchLabels'] : selector['matchExpressions'] ? {} : selector;
  const parts = Object.keys(labels)
    .sort()
    .map((k) => `${k}=${String(labels[k])}`);
  for (const e of selector['matchExpressions'] ?? []) {
    const values = `(${[...(e.values ?? [])].sort().join(',')})`;
    parts.push(
      e.operator === 'In'
        ? `${e.key} in ${values}`
        : e.operator === 'NotIn'
          ? `${e.key} notin ${values}`
          : e.operator === 'Exists'
            ? e.key
            : `!${e.key}`,
    );
  }
  return parts.join(',');
}

/** autoscaling/v1 Scale of an object, by the paths that its kind declares. */
async function scale(
  call: Call,
  { resource, namespace, name }: Target,
  verb: string,
  { objects }: SubresourceContext,
  write: WriteRequest,
): Promise<void> {
  const paths = resource.custom?.scale ?? { spec: '.spec.replicas', status: '.status.replicas', selector: '.spec.selector' };
  const view = (entry: Entry): JsonObject => {
    const object = toObject(resource, entry);
    const { name: n, namespace: ns, uid, resourceVersion, creationTimestamp } = object['metadata'];
    const selector = paths.selector ? selectorText(at(object, paths.selector)) : '';
    return {
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: n, namespace: ns, uid, resourceVersion, creationTimestamp },
      spec: at(object, paths.spec) === undefined ? {} : { replicas: at(object, paths.spec) },
      status: { replicas: at(object, paths.status) ?? 0, ...(selector ? { selector } : {}) },
    };
  };
  let wanted: unknown = verb === 'update' ? await readObject(call.req, 'Scale') : undefined;
  const entry = objects.get(resource, namespace, name);
  if (verb === 'get') return send(call, 200, view(entry));
  const before = view(entry);
  if (verb === 'patch') {
    const body = await parseBody(await readBody(call.req), mediaType(call.req).endsWith('yaml'));
    switch (mediaType(call.req)) {
      case 'application/json-patch+json':
        wanted = applyJsonPatch(before, body);
        break;
      case 'application/merge-patch+json':
      case 'application/strategic-merge-patch+json':
      case 'application/apply-patch+yaml':
        wanted = mergePatch(before, body);
        break;
      default:
        throw resource.custom
          ? unsupportedMediaType(['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'])
          : noRouteForType();
    }
  }
  const replicas: unknown = isObject(wanted) ? (wanted['spec']?.replicas ?? 0) : undefined;
  if (!Number.isInteger(replicas)) {
    const why = 'Scale in version "v1" cannot be handled as a Scale: spec.replicas must be an integer';
    throw verb === 'patch' ? invalid({ group: '', plural: '', kind: '' }, '', [field.invalid('patch', wanted, why)]) : badRequest(why);
  }
  // Custom resources say themselves what they may have.
  if ((replicas as number) < 0 && !resource.custom) {
    throw invalid({ group: 'autoscaling', plural: 'scales', kind: 'Scale' }, name, [
      field.invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const object = toObject(resource, entry);
  const sent: unknown = isObject(wanted) ? wanted['metadata']?.resourceVersion : undefined;
  if (typeof sent === 'string') object['metadata'].resourceVersion = sent;
  put(object, paths.spec, replicas);
  const written = await objects.update({ ...write, subresource: 'scale' }, fromClient(resource, object, 'Ignore', []));
  send(call, 200, view(written.entry));
}

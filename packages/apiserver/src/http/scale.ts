import { builtinColumns } from '../kinds/columns.ts';
import type { Resource } from '../kinds/resource.ts';
import { fromClient, toEntry, toObject } from '../objects/codec.ts';
import { checkKind, refuseOtherName, type Objects, type WriteRequest } from '../objects/objects.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { mergePatch } from '../patch/patch.ts';
import { isObject, type JsonObject } from '../schema/schema.ts';
import type { Entry } from '../storage/store.ts';
import { field, invalid, noRouteForType, unsupportedMediaType } from './errors.ts';
import type { Accepted } from './negotiate.ts';
import { mediaType, parseBody, readBody, readObject, type Call, type Target } from './request.ts';
import { send, sendText } from './respond.ts';
import { objectText } from './shapes.ts';

/** Scales are not kept: they are shown of other objects. */
const SCALE: Resource = {
  group: 'autoscaling',
  version: 'v1',
  plural: 'scales',
  singular: 'scale',
  kind: 'Scale',
  listKind: 'ScaleList',
  namespaced: true,
  verbs: [],
  subresources: [],
  schema: { ref: 'autoscaling.v1.Scale', type: 'object' },
  columns: builtinColumns('scales.autoscaling', [
    ['Name', 'string', '', 0],
    ['Desired', 'integer', '', 0],
    ['Available', 'integer', '', 0],
    ['Age', 'string', '', 0],
  ]),
  storage: 'scales.autoscaling',
  storageVersion: 'v1',
  generation: false,
  statusSubresource: false,
};

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

/** What somebody sent as the Scale of the object of this name. @throws 400, 422 where that is of a patch */
function readScale(wanted: unknown, verb: string, name: string): JsonObject {
  let scale: JsonObject;
  try {
    scale = fromClient(SCALE, wanted, 'Ignore', []);
    checkKind(SCALE, scale);
  } catch (error) {
    if (verb !== 'patch') throw error;
    throw invalid({ group: '', plural: '', kind: '' }, '', [field.invalid('patch', JSON.stringify(wanted), (error as Error).message)]);
  }
  refuseOtherName(scale['metadata'].name, name);
  return scale;
}

/** autoscaling/v1 Scale of an object, by the paths that its kind declares. */
export async function scale(
  call: Call,
  { resource, namespace, name }: Target,
  verb: string,
  accept: Accepted,
  objects: Objects,
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
      spec: at(object, paths.spec) ? { replicas: at(object, paths.spec) } : {},
      status: { replicas: at(object, paths.status) ?? 0, ...(selector ? { selector } : {}) },
    };
  };
  const answer = (e: Entry): void =>
    accept.shape === 'object'
      ? send(call, 200, view(e))
      : sendText(
          call,
          200,
          objectText(SCALE, toEntry(SCALE, view(e), e.version), accept, call.url.searchParams.get('includeObject') ?? 'Metadata'),
        );
  const entry = objects.get(resource, namespace, name);
  if (verb === 'get') return answer(entry);
  const before = view(entry);
  let wanted: unknown;
  if (verb === 'update') wanted = await readObject(call.req, 'Scale');
  else {
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
  const sent = readScale(wanted, verb, name);
  const replicas: unknown = sent['spec']?.replicas ?? 0;
  // Custom resources say themselves what they may have.
  if ((replicas as number) < 0 && !resource.custom) {
    throw invalid(SCALE, name, [field.invalid('spec.replicas', replicas, 'must be greater than or equal to 0')]);
  }
  const object = toObject(resource, entry);
  if (sent['metadata'].resourceVersion !== undefined) object['metadata'].resourceVersion = sent['metadata'].resourceVersion;
  put(object, paths.spec, replicas);
  const written = await objects.update({ ...write, subresource: 'scale' }, fromClient(resource, object, 'Ignore', []));
  answer(written.entry);
}

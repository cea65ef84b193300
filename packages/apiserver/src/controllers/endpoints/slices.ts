import { ApiError } from '../../http/errors.ts';
import { equal } from '../../schema/schema.ts';
import { hashOf } from '../hash.ts';
import type { Context } from '../context.ts';
import {
  controllerRef,
  EndpointSlices,
  type Any,
  type Endpoint,
  type EndpointPort,
  type EndpointSlice,
  type Kind,
  type KubeObject,
} from '../kube.ts';
import { isTerminating } from '../pods.ts';

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const HEADLESS = 'service.kubernetes.io/headless';

const MAX_ENDPOINTS = 100;

/** Endpoints that may share a slice. */
export interface Group {
  addressType: string;
  ports: EndpointPort[];
  endpoints: Endpoint[];
}

export interface WantedSlices {
  /** What the slices are of, and end with. */
  ownerKind: Kind<Any>;
  owner: KubeObject;
  labels: Record<string, string>;
  groups: readonly Group[];
}

const idOf = (e: Endpoint): string => e.targetRef?.uid ?? e.addresses.join();
const groupId = (addressType: string, ports: readonly EndpointPort[] | undefined): string => hashOf([addressType, ports ?? []]);

export const slicesOf = (c: Context, namespace: string, service: string, manager: string): EndpointSlice[] =>
  c
    .informer(EndpointSlices)
    .list(namespace)
    .filter(({ metadata: { labels } }) => labels?.[SERVICE_NAME] === service && labels[MANAGED_BY] === manager);

/**
 * Brings `existing` to what is wanted with as few changed slices as can be: an endpoint stays in the slice that has it, and a
 * slice whose ports nothing has any more becomes another one before one is made.
 */
export async function reconcileSlices(c: Context, existing: readonly EndpointSlice[], wanted: WantedSlices): Promise<void> {
  const living = existing.filter((s) => !isTerminating(s));
  const of = (group: Group) => living.filter((s) => groupId(s.addressType, s.ports) === groupId(group.addressType, group.ports));
  const spare = new Set(living);
  for (const group of wanted.groups) for (const slice of of(group)) spare.delete(slice);
  for (const group of wanted.groups) await reconcileGroup(c, of(group), group, wanted, spare);
  for (const slice of spare) await c.client.delete(EndpointSlices, slice);
}

async function reconcileGroup(
  c: Context,
  slices: readonly EndpointSlice[],
  group: Group,
  wanted: WantedSlices,
  spare: Set<EndpointSlice>,
): Promise<void> {
  const missing = new Map(group.endpoints.map((e) => [idOf(e), e]));
  const filled = slices.map((slice) => {
    const endpoints = (slice.endpoints ?? []).map((e) => missing.get(idOf(e))).filter((e) => e !== undefined);
    for (const e of endpoints) missing.delete(idOf(e));
    return { slice, endpoints };
  });
  const rest = [...missing.values()];
  for (const { endpoints } of filled) endpoints.push(...rest.splice(0, Math.max(0, MAX_ENDPOINTS - endpoints.length)));
  const kept = filled.filter((f) => f.endpoints.length > 0);
  // A service without endpoints keeps one slice that says so.
  if (kept.length === 0 && filled.length > 0 && rest.length === 0) kept.push(filled[0]!);
  for (const { slice, endpoints } of filled) {
    if (!kept.some((k) => k.slice === slice)) await c.client.delete(EndpointSlices, slice);
    else if (!equal(slice.endpoints ?? [], endpoints) || !equal(slice.metadata.labels, wanted.labels)) {
      await c.client.update(EndpointSlices, slice, (o) => {
        o.endpoints = endpoints;
        o.metadata.labels = wanted.labels;
      });
    }
  }
  do {
    if (kept.length > 0 && rest.length === 0) return;
    const endpoints = rest.splice(0, MAX_ENDPOINTS);
    const slice = [...spare].find((s) => s.addressType === group.addressType);
    if (!slice) {
      await create(c, group, endpoints, wanted);
      continue;
    }
    spare.delete(slice);
    await c.client.update(EndpointSlices, slice, (o) => {
      o.endpoints = endpoints;
      o.ports = group.ports;
      o.metadata.labels = wanted.labels;
    });
  } while (rest.length > 0);
}

async function create(c: Context, group: Group, endpoints: Endpoint[], { owner, ownerKind, labels }: WantedSlices): Promise<void> {
  const { name, namespace = '' } = owner.metadata;
  try {
    await c.client.create(EndpointSlices, {
      metadata: { generateName: `${name}-`, namespace, labels, ownerReferences: [controllerRef(ownerKind, owner)] },
      addressType: group.addressType,
      endpoints,
      ports: group.ports,
    });
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 403)) throw error; // the namespace is going
  }
}

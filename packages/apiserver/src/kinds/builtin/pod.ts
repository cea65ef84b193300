import { field, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import type { Strategy } from '../resource.ts';
import { quantityValue } from '../quantity.ts';
import { firstOf } from './checks.ts';
import { priority, serviceAccount } from './pod-admission.ts';
import { podSpecDefaults, podSpecProblems } from './pod-spec.ts';

const containersOf = (spec: JsonObject): JsonObject[] => [...(spec['initContainers'] ?? []), ...(spec['containers'] ?? [])];

/** Requests that are not set are as the limits; only of pods themselves, not of templates. */
function requestsFromLimits(spec: JsonObject): void {
  for (const c of containersOf(spec)) {
    const { limits } = c['resources'] ?? {};
    if (!limits) continue;
    c['resources'].requests = { ...limits, ...c['resources'].requests };
  }
}

/** Guaranteed, Burstable or BestEffort (k8s.io/kubernetes/pkg/apis/core/v1/helper/qos). */
function qosClass(spec: JsonObject): string {
  let any = false;
  let guaranteed = true;
  for (const c of containersOf(spec)) {
    const { limits = {}, requests = {} } = (c['resources'] ?? {}) as { limits?: JsonObject; requests?: JsonObject };
    for (const key of ['cpu', 'memory']) {
      if (quantityValue(requests[key] ?? 0) > 0 || quantityValue(limits[key] ?? 0) > 0) any = true;
      if (limits[key] === undefined || quantityValue(limits[key]) !== quantityValue(requests[key])) guaranteed = false;
    }
  }
  return !any ? 'BestEffort' : guaranteed ? 'Guaranteed' : 'Burstable';
}

const NOT_READY = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** The spec without what may change after creation. */
function frozen(spec: JsonObject): JsonObject {
  const {
    activeDeadlineSeconds: _a,
    tolerations: _t,
    terminationGracePeriodSeconds: _g,
    ephemeralContainers: _e,
    schedulingGates: _s,
    ...rest
  } = spec;
  const strip = (list: JsonObject[] | undefined): unknown => list?.map(({ image: _i, ...c }) => c);
  return { ...rest, containers: strip(rest['containers']), initContainers: strip(rest['initContainers']) };
}

/** The containers of a pod with the resources that another state of it has for them. */
function resized(spec: JsonObject, old: JsonObject): JsonObject {
  const take = (key: string): JsonObject[] | undefined =>
    old[key]?.map((c: JsonObject) => {
      const { resources, resizePolicy } = (spec[key] ?? []).find((n: JsonObject) => n['name'] === c['name']) ?? c;
      return { ...c, resources, ...(resizePolicy ? { resizePolicy } : {}) };
    });
  const initContainers = take('initContainers');
  return { containers: take('containers'), ...(initContainers ? { initContainers } : {}) };
}

/** What the admission plug-in DefaultTolerationSeconds adds. */
function defaultTolerations(spec: JsonObject): void {
  const tolerations: JsonObject[] = spec['tolerations'] ?? [];
  for (const key of NOT_READY) {
    if (
      !tolerations.some(
        (t) => (t['key'] === key || (!t['key'] && t['operator'] === 'Exists')) && (!t['effect'] || t['effect'] === 'NoExecute'),
      )
    ) {
      tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });
    }
  }
  spec['tolerations'] = tolerations;
}

export const pod: Strategy = {
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    if (object['status']) firstOf(object['status'], 'podIP', 'podIPs', (ip) => ({ ip }));
    podSpecDefaults(spec);
    requestsFromLimits(spec);
    spec['enableServiceLinks'] ??= true;
  },
  create(object, context) {
    const spec: JsonObject = object['spec'];
    serviceAccount(object, context);
    priority(object, context);
    defaultTolerations(spec);
    object['status'] = { phase: 'Pending', qosClass: qosClass(spec) };
  },
  update(object) {
    defaultTolerations(object['spec']);
  },
  updateStatus(object, old) {
    object['status'] = { ...object['status'], qosClass: old['status']?.qosClass };
    if (object['status'].qosClass === undefined) delete object['status'].qosClass;
  },
  parts: {
    ephemeralcontainers: ({ spec }, old) => ({ ...old, spec: { ...old['spec'], ephemeralContainers: spec.ephemeralContainers } }),
    resize: ({ spec }, old) => ({ ...old, spec: { ...old['spec'], ...resized(spec, old['spec']) } }),
  },
  warnings: ({ spec }) =>
    spec.terminationGracePeriodSeconds < 0
      ? ['spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1']
      : [],
  validate: (object) => podSpecProblems(object['spec'], 'spec'),
  validateCreate: (object) =>
    object['spec'].ephemeralContainers?.length ? [field.forbidden('spec.ephemeralContainers', 'cannot be set on create')] : [],
  validateUpdate(object, old): Cause[] {
    const causes: Cause[] = [];
    for (const [i, t] of (old['spec'].tolerations ?? []).entries()) {
      if ((object['spec'].tolerations ?? []).some((n: JsonObject) => equal({ ...n, tolerationSeconds: 0 }, { ...t, tolerationSeconds: 0 })))
        continue;
      causes.push(field.forbidden('spec.tolerations', `existing toleration can not be modified except its tolerationSeconds: index ${i}`));
      break;
    }
    const deadline: number | undefined = object['spec'].activeDeadlineSeconds;
    const before: number | undefined = old['spec'].activeDeadlineSeconds;
    if (before !== undefined && deadline === undefined)
      causes.push(field.invalid('spec.activeDeadlineSeconds', null, 'must not update from a positive integer to nil value'));
    else if (before !== undefined && deadline! > before)
      causes.push(field.invalid('spec.activeDeadlineSeconds', deadline, 'must be less than or equal to previous value'));
    if (equal(frozen(object['spec']), frozen(old['spec']))) return causes;
    return [
      ...causes,
      field.forbidden(
        'spec',
        'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
      ),
    ];
  },
  fields: ({ spec = {}, status = {} }) => ({
    'spec.nodeName': spec.nodeName ?? '',
    'spec.restartPolicy': spec.restartPolicy ?? '',
    'spec.schedulerName': spec.schedulerName ?? '',
    'spec.serviceAccountName': spec.serviceAccountName ?? '',
    'spec.hostNetwork': String(spec.hostNetwork ?? false),
    'status.phase': status.phase ?? '',
    'status.podIP': status.podIP ?? '',
    'status.nominatedNodeName': status.nominatedNodeName ?? '',
  }),
  gracePeriod(object, asked) {
    // A pod that is on no node, or has ended, has nobody who would end it.
    if (!object['spec']?.nodeName || ['Succeeded', 'Failed'].includes(object['status']?.phase)) return 0;
    const period: number = Math.max(0, asked ?? object['spec'].terminationGracePeriodSeconds ?? 30);
    const before: unknown = object['metadata'].deletionGracePeriodSeconds;
    return object['metadata'].deletionTimestamp && typeof before === 'number' ? Math.min(before, period) : period;
  },
  returnsDeleted: true,
};

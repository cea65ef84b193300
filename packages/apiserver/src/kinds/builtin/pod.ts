import { field, type Cause } from '../../http/errors.ts';
import { equal, type JsonObject } from '../../schema/schema.ts';
import { dnsSubdomain, labelKey } from '../names.ts';
import type { Strategy } from '../resource.ts';
import { quantityValue } from '../quantity.ts';
import { checked, firstOf, ip, subdomain } from './checks.ts';
import { accountReady, priority, serviceAccount } from './pod-admission.ts';
import { podSpecDefaults, podSpecProblems } from './pod-spec.ts';
import { podWarnings } from './pod-warnings.ts';
import { mayRestart } from './restarts.ts';

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
  // What the pod has as a whole counts instead, also if that is nothing.
  for (const c of spec['resources'] ? [spec] : containersOf(spec)) {
    const { limits = {}, requests = {} } = (c['resources'] ?? {}) as { limits?: JsonObject; requests?: JsonObject };
    for (const key of ['cpu', 'memory']) {
      if (quantityValue(requests[key] ?? 0) > 0 || quantityValue(limits[key] ?? 0) > 0) any = true;
      if (limits[key] === undefined || quantityValue(limits[key]) !== quantityValue(requests[key])) guaranteed = false;
    }
  }
  return !any ? 'BestEffort' : guaranteed ? 'Guaranteed' : 'Burstable';
}

const NOT_READY = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** What of a spec may not change; `old` is the spec before. */
function frozen(spec: JsonObject, old: JsonObject): JsonObject {
  const { activeDeadlineSeconds: _a, tolerations: _t, schedulingGates: _s, ...rest } = spec;
  const strip = (list: JsonObject[] | undefined): unknown => list?.map(({ image: _i, ...c }) => c);
  const { terminationGracePeriodSeconds: grace } = old;
  return {
    ...rest,
    containers: strip(rest['containers']),
    initContainers: strip(rest['initContainers']),
    ...(grace < 0 && spec['terminationGracePeriodSeconds'] === 1 ? { terminationGracePeriodSeconds: grace } : {}),
    // A pod that nobody may schedule yet can be narrowed down.
    ...(old['schedulingGates']?.length ? { nodeSelector: undefined } : {}),
  };
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

/** What is wrong with a pod, beside what is wrong with a template, too. */
function podProblems({ metadata, spec }: JsonObject): Cause[] {
  const causes = podSpecProblems(spec, 'spec', undefined, true);
  const { annotations = {} } = metadata as { annotations?: JsonObject };
  if ('kubernetes.io/config.mirror' in annotations && !spec.nodeName)
    causes.push(
      field.invalid(
        'metadata.annotations[kubernetes.io/config.mirror]',
        annotations['kubernetes.io/config.mirror'],
        'must set spec.nodeName if mirror pod annotation is set',
      ),
    );
  const cost: unknown = annotations['controller.kubernetes.io/pod-deletion-cost'];
  if (cost !== undefined && !(/^(0|-?[1-9]\d*)$/.test(String(cost)) && Math.abs(Number(cost)) < 2 ** 31))
    causes.push(field.invalid('metadata.annotations[controller.kubernetes.io/pod-deletion-cost]', cost, 'must be a 32bit integer'));
  for (const key of ['containers', 'initContainers'])
    for (const [i, { image = '' }] of (spec[key] ?? []).entries())
      if (image !== image.trim())
        causes.push(field.invalid(`spec.${key}[${i}].image`, image, 'must not have leading or trailing whitespace'));
  return causes;
}

/** Ephemeral containers are only added. */
function ephemeralUpdate({ spec }: JsonObject, old: JsonObject): Cause[] {
  const causes: Cause[] = [];
  for (const c of old['spec'].ephemeralContainers ?? []) {
    const now = (spec.ephemeralContainers ?? []).find((n: JsonObject) => n['name'] === c.name);
    if (!now) causes.push(field.forbidden('spec.ephemeralContainers', `existing ephemeral containers "${c.name}" may not be removed`));
    else if (!equal(now, c))
      causes.push(field.forbidden('spec.ephemeralContainers', `existing ephemeral containers "${c.name}" may not be changed`));
  }
  return causes;
}

const without = (list: JsonObject | undefined): JsonObject => {
  const { cpu: _c, memory: _m, ...rest } = list ?? {};
  return rest;
};

/** A resize changes amounts of cpu and memory, and takes none away. */
function resizeProblems({ spec }: JsonObject, old: JsonObject): Cause[] {
  const causes: Cause[] = [];
  if (qosClass(spec) !== qosClass(old['spec']))
    causes.push(field.invalid('spec', old['status']?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'));
  for (const key of ['initContainers', 'containers'])
    for (const [i, c] of (spec[key] ?? []).entries()) {
      const was: JsonObject = old['spec'][key][i].resources ?? {};
      const is: JsonObject = c.resources ?? {};
      if (key === 'initContainers' && c.restartPolicy !== 'Always') {
        if (!equal(is, was)) causes.push(field.forbidden('spec', 'resources for non-sidecar init containers are immutable'));
        continue;
      }
      for (const part of ['requests', 'limits']) {
        if (Object.keys(was[part] ?? {}).some((name) => is[part]?.[name] === undefined))
          causes.push(field.forbidden(`spec.${key}[${i}].resources.${part}`, `resource ${part} cannot be removed`));
        else if (!equal(without(is[part]), without(was[part])))
          causes.push(field.forbidden('spec', 'only cpu and memory resources are mutable'));
      }
    }
  return causes;
}

/** What is wrong with the status of a pod. */
function statusProblems({ spec, status = {} }: JsonObject, old: JsonObject): Cause[] {
  const causes: Cause[] = [];
  if (status.qosClass !== old['status']?.qosClass)
    causes.push(field.invalid('status.qosClass', status.qosClass ?? '', 'field is immutable'));
  causes.push(...subdomain(status.nominatedNodeName, 'status.nominatedNodeName'));
  for (const [i, c] of (status.resourceClaimStatuses ?? []).entries()) {
    const at = `status.resourceClaimStatuses[${i}]`;
    if (!spec.resourceClaims?.some((known: JsonObject) => known['name'] === c.name))
      causes.push(field.invalid(`${at}.name`, c.name ?? '', 'must match the name of an entry in `spec.resourceClaims`'));
    if (c.resourceClaimName !== undefined) causes.push(...checked(c.resourceClaimName, `${at}.resourceClaimName`, dnsSubdomain));
  }
  for (const [i, c] of (status.conditions ?? []).entries())
    if (!['PodScheduled', 'Ready', 'Initialized'].includes(c.type))
      causes.push(...checked(c.type, `status.conditions[${i}].Type`, labelKey));
  for (const [list, first] of [
    ['podIPs', 'podIP'],
    ['hostIPs', 'hostIP'],
  ] as const) {
    const addresses: string[] = (status[list] ?? []).map((a: JsonObject) => String(a['ip'] ?? ''));
    if (list === 'hostIPs' && addresses.length && status[first] !== addresses[0])
      causes.push(field.invalid(`status.${list}[0].ip`, addresses[0], `must be equal to \`${first}\``));
    for (const [i, a] of addresses.entries()) {
      causes.push(...checked(a, `status.${list}[${i}]`, ip));
      if (addresses.indexOf(a) < i) causes.push(field.duplicate(`status.${list}[${i}]`, { ip: a }));
    }
    if (addresses.length > 2 || (addresses.length === 2 && addresses[0]!.includes(':') === addresses[1]!.includes(':')))
      causes.push(field.invalid(`status.${list}`, status[list], 'may specify no more than one IP for each IP family'));
  }
  for (const list of ['containerStatuses', 'initContainerStatuses'])
    for (const [i, was] of (old['status']?.[list] ?? []).entries()) {
      if (!was.state?.terminated || mayRestart(spec, was.name, was.state.terminated.exitCode)) continue;
      const now = (status[list] ?? []).find((c: JsonObject) => c['name'] === was.name);
      if (now && !now.state?.terminated)
        causes.push(field.forbidden(`status.${list}[${i}].state`, 'may not be transitioned to non-terminated state'));
    }
  return causes;
}

const GATED = {
  type: 'PodScheduled',
  status: 'False',
  lastProbeTime: null,
  reason: 'SchedulingGated',
  message: 'Scheduling is blocked due to non-empty scheduling gates',
};

export const pod: Strategy = {
  defaults(object) {
    const spec: JsonObject = (object['spec'] ??= {});
    if (object['status']) firstOf(object['status'], 'podIP', 'podIPs', (ip) => ({ ip }));
    podSpecDefaults(spec);
    requestsFromLimits(spec);
    spec['enableServiceLinks'] ??= true;
    if (spec['hostNetwork']) for (const c of containersOf(spec)) for (const port of c['ports'] ?? []) port.hostPort ||= port.containerPort;
  },
  ready: accountReady,
  create(object, context) {
    const spec: JsonObject = object['spec'];
    serviceAccount(object, context);
    priority(object, context);
    defaultTolerations(spec);
    object['status'] = {
      phase: 'Pending',
      ...(spec['schedulingGates']?.length ? { conditions: [{ ...GATED, lastTransitionTime: context.now }] } : {}),
      qosClass: qosClass(spec),
    };
  },
  update(object, old) {
    const spec: JsonObject = object['spec'];
    for (const key of ['priority', 'preemptionPolicy']) spec[key] ??= old['spec'][key];
    defaultTolerations(spec);
  },
  updateStatus(object, old) {
    if (!object['status']?.qosClass && old['status']?.qosClass)
      object['status'] = { ...object['status'], qosClass: old['status'].qosClass };
  },
  parts: {
    ephemeralcontainers: ({ spec }, old) => ({ ...old, spec: { ...old['spec'], ephemeralContainers: spec.ephemeralContainers } }),
    resize: ({ spec }, old) => ({ ...old, spec: { ...old['spec'], ...resized(spec, old['spec']) } }),
  },
  warnings: (pod) => podWarnings(pod),
  validate: (object) => podProblems(object),
  validateCreate: ({ spec }) => [
    ...subdomain(spec.schedulerName, 'spec.schedulerName'),
    ...(spec.ephemeralContainers?.length ? [field.forbidden('spec.ephemeralContainers', 'cannot be set on create')] : []),
    ...(spec.nodeName && spec.schedulingGates?.length
      ? [field.forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared')]
      : []),
  ],
  validateUpdate(object, old): Cause[] {
    const causes: Cause[] = [];
    for (const key of ['containers', 'initContainers'])
      if ((object['spec'][key]?.length ?? 0) !== (old['spec'][key]?.length ?? 0))
        return [field.forbidden(`spec.${key}`, 'pod updates may not add or remove containers')];
    for (const key of ['containers', 'initContainers'])
      for (const [i, c] of (object['spec'][key] ?? []).entries()) if (!c.image) causes.push(field.required(`spec.${key}[${i}].image`));
    for (const [i, g] of (object['spec'].schedulingGates ?? []).entries())
      if (!(old['spec'].schedulingGates ?? []).some((o: JsonObject) => o['name'] === g.name))
        causes.push(
          field.forbidden(`spec.schedulingGates[${i}].name`, `only deletion is allowed, but found new scheduling gate '${g.name}'`),
        );
    if (old['spec'].schedulingGates?.length)
      for (const [key, value] of Object.entries(old['spec'].nodeSelector ?? {}))
        if (object['spec'].nodeSelector?.[key] !== value) {
          causes.push(
            field.invalid(
              'spec.nodeSelector',
              object['spec'].nodeSelector ?? null,
              'only additions are allowed (no mutations or deletions)',
            ),
          );
          break;
        }
    for (const t of old['spec'].tolerations ?? []) {
      if ((object['spec'].tolerations ?? []).some((n: JsonObject) => equal({ ...n, tolerationSeconds: 0 }, { ...t, tolerationSeconds: 0 })))
        continue;
      causes.push(field.forbidden('spec.tolerations', `existing toleration can not be modified except its tolerationSeconds`));
      break;
    }
    const deadline: number | undefined = object['spec'].activeDeadlineSeconds;
    const before: number | undefined = old['spec'].activeDeadlineSeconds;
    if (before !== undefined && deadline === undefined)
      causes.push(field.invalid('spec.activeDeadlineSeconds', null, 'must not update from a positive integer to nil value'));
    else if (before !== undefined && deadline! > before)
      causes.push(field.invalid('spec.activeDeadlineSeconds', deadline, 'must be less than or equal to previous value'));
    if (equal(frozen(object['spec'], old['spec']), frozen(old['spec'], old['spec']))) return causes;
    return [
      ...causes,
      field.forbidden(
        'spec',
        'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
      ),
    ];
  },
  partProblems: { ephemeralcontainers: ephemeralUpdate, resize: resizeProblems },
  validateStatus: statusProblems,
  fields: ({ spec = {}, status = {} }) => ({
    'spec.nodeName': spec.nodeName ?? '',
    'spec.restartPolicy': spec.restartPolicy ?? '',
    'spec.schedulerName': spec.schedulerName ?? '',
    'spec.serviceAccountName': spec.serviceAccountName ?? '',
    'spec.hostNetwork': String(spec.hostNetwork ?? false),
    'status.phase': status.phase ?? '',
    'status.podIP': status.podIP ?? '',
    'status.podIPs': status.podIP ?? '',
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

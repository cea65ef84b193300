import { humanDuration } from './cells.ts';
import type { Column } from './resource.ts';
import type { JsonObject } from '../schema/schema.ts';

type Cells = Record<string, Column['cell']>;

const UNSET = '<unset>';
const NONE = '<none>';
const condition = (o: JsonObject, type: string): JsonObject | undefined =>
  (o['status']?.conditions ?? []).find((c: JsonObject) => c['type'] === type);
const count =
  (list: (o: JsonObject) => unknown[] | undefined): Column['cell'] =>
  (o) =>
    list(o)?.length ?? 0;

/** What is used of what a quota allows, of resources that are limits or of all others. */
const quota =
  (limits: boolean): Column['cell'] =>
  ({ status = {} }) =>
    Object.keys(status.hard ?? {})
      .sort()
      .filter((name) => name.startsWith('limits.') === limits)
      .map((name) => `${name}: ${status.used?.[name] ?? '0'}/${status.hard[name]}`)
      .join(', ');

function parameters(p: JsonObject | undefined): string {
  return p ? `${p['kind']}${p['apiGroup'] ? `.${p['apiGroup']}` : ''}/${p['name']}` : NONE;
}

function parent(ref: JsonObject | undefined): string {
  if (!ref) return NONE;
  const kind = `${ref['resource'] ?? ''}${ref['group'] ? `.${ref['group']}` : ''}`.toLowerCase();
  return [kind, ref['namespace'], ref['name']].filter(Boolean).join('/');
}

function available(o: JsonObject): string {
  const found = condition(o, 'Available');
  if (!found) return 'Unknown';
  return found['status'] === 'True' ? 'True' : `${found['status']} (${found['reason'] ?? ''})`;
}

function requestState(o: JsonObject): string {
  const decided = ['Denied', 'Approved'].find((type) => condition(o, type));
  const failed = condition(o, 'Failed') ? ',Failed' : '';
  return `${decided ?? 'Pending'}${failed}${o['status']?.certificate ? ',Issued' : ''}`;
}

/** Targets of an autoscaler: what its resource metrics are, of what they should be. */
function targets({ spec = {}, status = {} }: JsonObject): string {
  const shown = (spec.metrics ?? []).map((m: JsonObject) => {
    if (m['type'] !== 'Resource') return `${UNSET}/${UNSET}`;
    const { name, target } = m['resource'] as JsonObject;
    const now = (status.currentMetrics ?? []).find((c: JsonObject) => c['resource']?.name === name)?.resource.current;
    return target.type === 'Utilization'
      ? `${name}: ${now?.averageUtilization === undefined ? '<unknown>' : `${now.averageUtilization}%`}/${target.averageUtilization}%`
      : `${name}: ${now?.averageValue ?? '<unknown>'}/${target.averageValue}`;
  });
  if (spec.targetCPUUtilizationPercentage !== undefined) {
    const now: unknown = status.currentCPUUtilizationPercentage;
    return `cpu: ${now === undefined ? '<unknown>' : `${String(now)}%`}/${spec.targetCPUUtilizationPercentage}%`;
  }
  return shown.length ? shown.join(', ') : NONE;
}

const autoscaler: Cells = {
  Reference: (o) => `${o['spec']?.scaleTargetRef?.kind}/${o['spec']?.scaleTargetRef?.name}`,
  Targets: targets,
  MinPods: (o) => String(o['spec']?.minReplicas ?? UNSET),
  MaxPods: (o) => o['spec']?.maxReplicas ?? 0,
  Replicas: (o) => o['status']?.currentReplicas ?? 0,
};

const kindOf = (p: JsonObject | undefined): string => (p ? `${p['apiVersion']}/${p['kind']}` : UNSET);
const nameOf = (p: JsonObject | undefined): string => (p ? [p['namespace'], p['name'] ?? '*'].filter(Boolean).join('/') : UNSET);
const policy = (key: string): Cells => ({
  Validations: count((o) => o['spec']?.[key]),
  Mutations: count((o) => o['spec']?.[key]),
  ParamKind: (o) => kindOf(o['spec']?.paramKind),
});
const policyBinding: Cells = { PolicyName: (o) => o['spec']?.policyName ?? '', ParamRef: (o) => nameOf(o['spec']?.paramRef) };
const webhooks: Cells = { Webhooks: count((o) => o['webhooks']) };
const queuing =
  (key: string): Column['cell'] =>
  (o) =>
    o['spec']?.limited?.limitResponse?.queuing?.[key] ?? NONE;

/** Cells of the kinds that run a cluster, by kind and column. */
export const platformCells: Record<string, Cells> = {
  resourcequotas: { Request: quota(false), Limit: quota(true) },
  'apiservices.apiregistration.k8s.io': {
    Service: (o) => (o['spec']?.service ? `${o['spec'].service.namespace}/${o['spec'].service.name}` : 'Local'),
    Available: available,
  },
  'horizontalpodautoscalers.autoscaling': autoscaler,
  'certificatesigningrequests.certificates.k8s.io': {
    SignerName: (o) => o['spec']?.signerName || NONE,
    Requestor: (o) => o['spec']?.username ?? '',
    RequestedDuration: (o) => (o['spec']?.expirationSeconds === undefined ? NONE : humanDuration(o['spec'].expirationSeconds * 1000)),
    Condition: requestState,
  },
  'ingressclasses.networking.k8s.io': {
    Controller: (o) => o['spec']?.controller ?? '',
    Parameters: (o) => parameters(o['spec']?.parameters),
  },
  'ipaddresses.networking.k8s.io': { ParentRef: (o) => parent(o['spec']?.parentRef) },
  'csidrivers.storage.k8s.io': {
    AttachRequired: (o) => o['spec']?.attachRequired ?? true,
    PodInfoOnMount: (o) => o['spec']?.podInfoOnMount ?? false,
    StorageCapacity: (o) => o['spec']?.storageCapacity ?? false,
    TokenRequests: (o) =>
      o['spec']?.tokenRequests?.length ? o['spec'].tokenRequests.map((t: JsonObject) => t['audience']).join(',') : UNSET,
    RequiresRepublish: (o) => o['spec']?.requiresRepublish ?? false,
    Modes: (o) => (o['spec']?.volumeLifecycleModes ?? []).join(',') || NONE,
  },
  'csinodes.storage.k8s.io': { Drivers: count((o) => o['spec']?.drivers) },
  'volumeattachments.storage.k8s.io': {
    Attacher: (o) => o['spec']?.attacher ?? '',
    PV: (o) => o['spec']?.source?.persistentVolumeName ?? '',
    Node: (o) => o['spec']?.nodeName ?? '',
    Attached: (o) => o['status']?.attached ?? false,
  },
  'volumeattributesclasses.storage.k8s.io': { DriverName: (o) => o['driverName'] },
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': webhooks,
  'validatingwebhookconfigurations.admissionregistration.k8s.io': webhooks,
  'validatingadmissionpolicies.admissionregistration.k8s.io': policy('validations'),
  'mutatingadmissionpolicies.admissionregistration.k8s.io': policy('mutations'),
  'validatingadmissionpolicybindings.admissionregistration.k8s.io': policyBinding,
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io': policyBinding,
  'runtimeclasses.node.k8s.io': { Handler: (o) => o['handler'] },
  'resourceclaims.resource.k8s.io': {
    State: ({ metadata, status = {} }) =>
      [
        ...(metadata.deletionTimestamp ? ['deleted'] : []),
        ...(status.allocation ? ['allocated'] : metadata.deletionTimestamp ? [] : ['pending']),
        ...(status.reservedFor?.length ? ['reserved'] : []),
      ].join(','),
  },
  'resourceslices.resource.k8s.io': {
    Node: (o) => o['spec']?.nodeName ?? '',
    Driver: (o) => o['spec']?.driver ?? '',
    Pool: (o) => o['spec']?.pool?.name ?? '',
  },
  'flowschemas.flowcontrol.apiserver.k8s.io': {
    PriorityLevel: (o) => o['spec']?.priorityLevelConfiguration?.name ?? '',
    MatchingPrecedence: (o) => o['spec']?.matchingPrecedence ?? 0,
    DistinguisherMethod: (o) => o['spec']?.distinguisherMethod?.type ?? NONE,
    MissingPL: (o) => condition(o, 'Dangling')?.['status'] ?? '?',
  },
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io': {
    Type: (o) => o['spec']?.type ?? '',
    NominalConcurrencyShares: (o) => o['spec']?.limited?.nominalConcurrencyShares ?? NONE,
    Queues: queuing('queues'),
    HandSize: queuing('handSize'),
    QueueLengthLimit: queuing('queueLengthLimit'),
  },
};

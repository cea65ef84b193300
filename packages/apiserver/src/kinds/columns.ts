import type { JsonObject } from '../schema/schema.ts';
import { age, humanDuration, since } from './cells.ts';
import type { KindFacts } from './facts.ts';
import { platformCells } from './platform-cells.ts';
import { podCells } from './pod-cells.ts';
import type { Column } from './resource.ts';

type Cell = Column['cell'];

const NONE = '<none>';
const join = (list: unknown, separator = ','): string => (Array.isArray(list) && list.length ? list.join(separator) : NONE);
const containers =
  (pick: 'name' | 'image', path: readonly string[]): Cell =>
  (o) => {
    const spec = path.reduce<JsonObject | undefined>((v, k) => v?.[k], o);
    return (spec?.['containers'] ?? []).map((c: JsonObject) => c[pick]).join(',');
  };
const TEMPLATE = ['spec', 'template', 'spec'];

function labelText(labels: JsonObject | undefined): string {
  const parts = Object.entries(labels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${k}=${String(v)}`);
  return parts.length ? parts.join(',') : NONE;
}

function selectorText(selector: JsonObject | undefined): string {
  if (!selector) return NONE;
  const parts = Object.entries(selector['matchLabels'] ?? {}).map(([k, v]) => [k, `${k}=${String(v)}`] as [key: string, text: string]);
  for (const e of selector['matchExpressions'] ?? []) {
    parts.push([
      e.key,
      e.operator === 'Exists'
        ? e.key
        : e.operator === 'DoesNotExist'
          ? `!${e.key}`
          : `${e.key} ${e.operator === 'In' ? 'in' : 'notin'} (${[...(e.values ?? [])].sort().join(',')})`,
    ]);
  }
  const byKey = parts.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return byKey.map(([, text]) => text).join(',') || NONE;
}

function nodeStatus(o: JsonObject): string {
  const ready = (o['status']?.conditions ?? []).find((c: JsonObject) => c['type'] === 'Ready');
  return [
    ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown',
    ...(o['spec']?.unschedulable ? ['SchedulingDisabled'] : []),
  ].join(',');
}

function nodeRoles(o: JsonObject): string {
  const roles = new Set<string>();
  for (const [k, v] of Object.entries(o['metadata'].labels ?? {})) {
    if (k.startsWith('node-role.kubernetes.io/') && k.length > 24) roles.add(k.slice(24));
    else if (k === 'kubernetes.io/role' && v) roles.add(String(v));
  }
  return [...roles].sort().join(',') || NONE;
}

const nodeAddress =
  (type: string): Cell =>
  (o) =>
    (o['status']?.addresses ?? []).find((a: JsonObject) => a['type'] === type)?.address ?? NONE;
const nodeInfo =
  (key: string): Cell =>
  (o) =>
    o['status']?.nodeInfo?.[key] || '<unknown>';

function externalIp({ spec, status }: JsonObject): string {
  const external: string[] = spec?.externalIPs ?? [];
  if (spec?.type === 'ExternalName') return spec.externalName || NONE;
  if (spec?.type !== 'LoadBalancer') return join(external);
  const all = [...(status?.loadBalancer?.ingress ?? []).map((i: JsonObject) => i['ip'] || i['hostname']).filter(Boolean), ...external];
  return all.length ? all.join(',') : '<pending>';
}

function shortModes(modes: string[] | undefined): string {
  const names: Record<string, string> = { ReadWriteOnce: 'RWO', ReadOnlyMany: 'ROX', ReadWriteMany: 'RWX', ReadWriteOncePod: 'RWOP' };
  return [...new Set(modes ?? [])].map((m) => names[m] ?? m).join(',');
}

function endpointsText(subsets: JsonObject[] | undefined): string {
  const all = (subsets ?? []).flatMap((s) =>
    (s['ports']?.length ? s['ports'] : [undefined]).flatMap((p: JsonObject | undefined) =>
      (s['addresses'] ?? []).map((a: JsonObject) => (p ? `${a['ip']}:${p['port']}` : a['ip'])),
    ),
  );
  return all.length === 0 ? NONE : all.length > 3 ? `${all.slice(0, 3).join(',')} + ${all.length - 3} more...` : all.join(',');
}

const many = (list: string[]): string =>
  list.length === 0 ? NONE : list.length > 3 ? `${list.slice(0, 3).join(',')} + ${list.length - 3} more...` : list.join(',');

function eventTime(o: JsonObject, now: number, last: boolean): string {
  const first: unknown = o['firstTimestamp'] ?? o['eventTime'] ?? o['deprecatedFirstTimestamp'];
  const seen: unknown = last ? (o['series']?.lastObservedTime ?? o['lastTimestamp'] ?? o['deprecatedLastTimestamp'] ?? first) : first;
  return since(seen, now);
}

const about = (o: JsonObject): JsonObject => o['involvedObject'] ?? o['regarding'] ?? {};

const subjects =
  (kind: string): Cell =>
  (o) =>
    (o['subjects'] ?? [])
      .filter((s: JsonObject) => s['kind'] === kind)
      .map((s: JsonObject) => (kind === 'ServiceAccount' ? `${s['namespace']}/${s['name']}` : s['name']))
      .join(', ');

const workload = {
  Containers: containers('name', TEMPLATE),
  Images: containers('image', TEMPLATE),
  Selector: (o: JsonObject) => selectorText(o['spec']?.selector),
};
const events: Record<string, Cell> = {
  'Last Seen': (o, now) => eventTime(o, now, true),
  Type: (o) => o['type'] ?? '',
  Reason: (o) => o['reason'] ?? '',
  Object: (o) =>
    about(o)['name'] ? `${String(about(o)['kind'] ?? '').toLowerCase()}/${about(o)['name']}` : String(about(o)['kind'] ?? '').toLowerCase(),
  Subobject: (o) => about(o)['fieldPath'] ?? '',
  Source: (o) =>
    [o['source']?.component || o['reportingComponent'] || o['reportingController'], o['source']?.host].filter(Boolean).join(', '),
  Message: (o) => String(o['message'] ?? o['note'] ?? '').trim(),
  'First Seen': (o, now) => eventTime(o, now, false),
  Count: (o) => o['series']?.count ?? o['count'] ?? 1,
};
const bindings: Record<string, Cell> = {
  Role: (o) => `${o['roleRef']?.kind}/${o['roleRef']?.name}`,
  Users: subjects('User'),
  Groups: subjects('Group'),
  ServiceAccounts: subjects('ServiceAccount'),
};

/** Cells by kind and column; Name, Age and Created At are the same everywhere. */
const cells: Record<string, Record<string, Cell>> = {
  ...platformCells,
  pods: podCells,
  podtemplates: {
    Containers: containers('name', ['template', 'spec']),
    Images: containers('image', ['template', 'spec']),
    'Pod Labels': (o) => labelText(o['template']?.metadata?.labels),
  },
  configmaps: { Data: (o) => Object.keys(o['data'] ?? {}).length + Object.keys(o['binaryData'] ?? {}).length },
  secrets: { Type: (o) => o['type'], Data: (o) => Object.keys(o['data'] ?? {}).length },
  namespaces: { Status: (o) => o['status']?.phase ?? '' },
  endpoints: { Endpoints: (o) => endpointsText(o['subsets']) },
  events,
  'events.events.k8s.io': events,
  nodes: {
    Status: nodeStatus,
    Roles: nodeRoles,
    Version: (o) => o['status']?.nodeInfo?.kubeletVersion ?? '',
    'Internal-IP': nodeAddress('InternalIP'),
    'External-IP': nodeAddress('ExternalIP'),
    'OS-Image': nodeInfo('osImage'),
    'Kernel-Version': nodeInfo('kernelVersion'),
    'Container-Runtime': nodeInfo('containerRuntimeVersion'),
  },
  services: {
    Type: (o) => o['spec']?.type ?? '',
    'Cluster-IP': (o) => o['spec']?.clusterIP || NONE,
    'External-IP': externalIp,
    'Port(s)': (o) =>
      join((o['spec']?.ports ?? []).map((p: JsonObject) => `${p['port']}${p['nodePort'] ? `:${p['nodePort']}` : ''}/${p['protocol']}`)),
    Selector: (o) => labelText(o['spec']?.selector),
  },
  persistentvolumeclaims: {
    Status: (o) => (o['metadata'].deletionTimestamp ? 'Terminating' : (o['status']?.phase ?? '')),
    Volume: (o) => o['spec']?.volumeName ?? '',
    Capacity: (o) => (o['spec']?.volumeName ? (o['status']?.capacity?.storage ?? '0') : ''),
    'Access Modes': (o) => (o['spec']?.volumeName ? shortModes(o['status']?.accessModes) : ''),
    StorageClass: (o) => o['spec']?.storageClassName ?? '',
    VolumeAttributesClass: (o) => o['spec']?.volumeAttributesClassName ?? '<unset>',
    VolumeMode: (o) => o['spec']?.volumeMode ?? '<unset>',
  },
  persistentvolumes: {
    Capacity: (o) => o['spec']?.capacity?.storage ?? '',
    'Access Modes': (o) => shortModes(o['spec']?.accessModes),
    'Reclaim Policy': (o) => o['spec']?.persistentVolumeReclaimPolicy ?? '',
    Status: (o) => (o['metadata'].deletionTimestamp ? 'Terminating' : (o['status']?.phase ?? '')),
    Claim: (o) => (o['spec']?.claimRef ? `${o['spec'].claimRef.namespace}/${o['spec'].claimRef.name}` : ''),
    StorageClass: (o) => o['spec']?.storageClassName ?? '',
    VolumeAttributesClass: (o) => o['spec']?.volumeAttributesClassName ?? '<unset>',
    Reason: (o) => o['status']?.reason ?? '',
    VolumeMode: (o) => o['spec']?.volumeMode ?? '<unset>',
  },
  'deployments.apps': {
    Ready: (o) => `${o['status']?.readyReplicas ?? 0}/${o['spec']?.replicas ?? 0}`,
    'Up-to-date': (o) => o['status']?.updatedReplicas ?? 0,
    Available: (o) => o['status']?.availableReplicas ?? 0,
    ...workload,
  },
  'replicasets.apps': {
    Desired: (o) => o['spec']?.replicas ?? 0,
    Current: (o) => o['status']?.replicas ?? 0,
    Ready: (o) => o['status']?.readyReplicas ?? 0,
    ...workload,
  },
  replicationcontrollers: {
    Desired: (o) => o['spec']?.replicas ?? 0,
    Current: (o) => o['status']?.replicas ?? 0,
    Ready: (o) => o['status']?.readyReplicas ?? 0,
    ...workload,
    Selector: (o) => labelText(o['spec']?.selector),
  },
  'statefulsets.apps': { Ready: (o) => `${o['status']?.readyReplicas ?? 0}/${o['spec']?.replicas ?? 0}`, ...workload },
  'daemonsets.apps': {
    Desired: (o) => o['status']?.desiredNumberScheduled ?? 0,
    Current: (o) => o['status']?.currentNumberScheduled ?? 0,
    Ready: (o) => o['status']?.numberReady ?? 0,
    'Up-to-date': (o) => o['status']?.updatedNumberScheduled ?? 0,
    Available: (o) => o['status']?.numberAvailable ?? 0,
    'Node Selector': (o) => labelText(o['spec']?.template?.spec?.nodeSelector),
    ...workload,
  },
  'jobs.batch': {
    Status: (o) =>
      ['Complete', 'Failed', 'Suspended'].find((type) =>
        (o['status']?.conditions ?? []).some((c: JsonObject) => c['type'] === type && c['status'] === 'True'),
      ) ?? (o['metadata'].deletionTimestamp ? 'Terminating' : 'Running'),
    Completions: (o) => `${o['status']?.succeeded ?? 0}/${o['spec']?.completions ?? `1 of ${o['spec']?.parallelism ?? 1}`}`,
    Duration: (o, now) =>
      o['status']?.startTime
        ? humanDuration((o['status'].completionTime ? Date.parse(o['status'].completionTime) : now) - Date.parse(o['status'].startTime))
        : '',
    ...workload,
  },
  'cronjobs.batch': {
    Schedule: (o) => o['spec']?.schedule,
    Timezone: (o) => o['spec']?.timeZone ?? NONE,
    Suspend: (o) => (o['spec']?.suspend ? 'True' : 'False'),
    Active: (o) => o['status']?.active?.length ?? 0,
    'Last Schedule': (o, now) => (o['status']?.lastScheduleTime ? since(o['status'].lastScheduleTime, now) : NONE),
    Containers: containers('name', ['spec', 'jobTemplate', ...TEMPLATE]),
    Images: containers('image', ['spec', 'jobTemplate', ...TEMPLATE]),
    Selector: (o) => selectorText(o['spec']?.jobTemplate?.spec?.selector),
  },
  'controllerrevisions.apps': {
    Controller: (o) => {
      const c = (o['metadata'].ownerReferences ?? []).find((r: JsonObject) => r['controller']);
      return c ? `${String(c.kind).toLowerCase()}.${String(c.apiVersion).split('/')[0]}/${c.name}` : NONE;
    },
    Revision: (o) => o['revision'],
  },
  'leases.coordination.k8s.io': { Holder: (o) => o['spec']?.holderIdentity ?? '' },
  'endpointslices.discovery.k8s.io': {
    AddressType: (o) => o['addressType'],
    Ports: (o) => (o['ports']?.length ? many(o['ports'].map((p: JsonObject) => String(p['port'] ?? '*'))) : '<unset>'),
    Endpoints: (o) => (o['endpoints']?.length ? many(o['endpoints'].flatMap((e: JsonObject) => e['addresses'] ?? [])) : '<unset>'),
  },
  'networkpolicies.networking.k8s.io': { 'Pod-Selector': (o) => selectorText(o['spec']?.podSelector) },
  'ingresses.networking.k8s.io': {
    Class: (o) => o['spec']?.ingressClassName ?? NONE,
    Hosts: (o) => (o['spec']?.rules?.length ? many(o['spec'].rules.map((r: JsonObject) => r['host'] ?? '*')) : '*'),
    Address: (o) => (o['status']?.loadBalancer?.ingress ?? []).map((i: JsonObject) => i['ip'] || i['hostname']).join(','),
    Ports: (o) => (o['spec']?.tls?.length ? '80, 443' : '80'),
  },
  'scales.autoscaling': { Desired: (o) => o['spec']?.replicas ?? 0, Available: (o) => o['status']?.replicas ?? 0 },
  'servicecidrs.networking.k8s.io': { CIDRs: (o) => join(o['spec']?.cidrs) },
  'storageclasses.storage.k8s.io': {
    Provisioner: (o) => o['provisioner'],
    ReclaimPolicy: (o) => o['reclaimPolicy'],
    VolumeBindingMode: (o) => o['volumeBindingMode'],
    AllowVolumeExpansion: (o) => o['allowVolumeExpansion'] ?? false,
  },
  'poddisruptionbudgets.policy': {
    'Min Available': (o) => String(o['spec']?.minAvailable ?? 'N/A'),
    'Max Unavailable': (o) => String(o['spec']?.maxUnavailable ?? 'N/A'),
    'Allowed Disruptions': (o) => o['status']?.disruptionsAllowed ?? 0,
  },
  'priorityclasses.scheduling.k8s.io': {
    Value: (o) => o['value'],
    'Global-Default': (o) => o['globalDefault'] ?? false,
    PreemptionPolicy: (o) => o['preemptionPolicy'] ?? '',
  },
  'rolebindings.rbac.authorization.k8s.io': bindings,
  'clusterrolebindings.rbac.authorization.k8s.io': bindings,
};

const common: Record<string, Cell> = { Name: (o) => o['metadata'].name, Age: age, 'Created At': (o) => o['metadata'].creationTimestamp };

export const noCell: Cell = () => '';

/** Columns of a built-in kind; one that no cell is written for stays empty. */
export function builtinColumns(id: string, columns: KindFacts['columns']): Column[] {
  return columns.map(([name, type, format, priority]) => ({
    name,
    type,
    format,
    priority,
    cell: cells[id]?.[name] ?? common[name] ?? noCell,
  }));
}

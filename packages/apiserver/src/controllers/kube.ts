import type { LabelSelector } from '../kinds/label-selector.ts';

export type { LabelSelector };

/** What controllers read and write of Kubernetes' objects. */

// oxlint-disable-next-line typescript/no-explicit-any
export type Any = any;

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface Meta {
  name: string;
  generateName?: string;
  /** Absent in objects of the cluster. */
  namespace?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

export interface KubeObject {
  metadata: Meta;
}

export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
  lastUpdateTime?: string;
  lastProbeTime?: string | null;
  lastHeartbeatTime?: string;
  observedGeneration?: number;
}

export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string>; finalizers?: string[]; name?: string };
  spec: PodSpec;
}

export interface Container {
  name: string;
  image?: string;
  ports?: { name?: string; containerPort: number; hostPort?: number; hostIP?: string; protocol?: string }[];
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  restartPolicy?: string;
  env?: { name: string; value?: string; valueFrom?: Any }[];
}

export interface Toleration {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
  tolerationSeconds?: number;
}

export interface Taint {
  key: string;
  value?: string;
  effect: string;
  timeAdded?: string;
}

export interface NodeSelectorTerm {
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
  matchFields?: { key: string; operator: string; values?: string[] }[];
}

export interface PodAffinityTerm {
  labelSelector?: LabelSelector;
  namespaces?: string[];
  namespaceSelector?: LabelSelector;
  topologyKey: string;
}

export interface Affinity {
  nodeAffinity?: {
    requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms: NodeSelectorTerm[] };
    preferredDuringSchedulingIgnoredDuringExecution?: { weight: number; preference: NodeSelectorTerm }[];
  };
  podAffinity?: PodAffinityRules;
  podAntiAffinity?: PodAffinityRules;
}

export interface PodAffinityRules {
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[];
  preferredDuringSchedulingIgnoredDuringExecution?: { weight: number; podAffinityTerm: PodAffinityTerm }[];
}

export interface TopologySpreadConstraint {
  maxSkew: number;
  topologyKey: string;
  whenUnsatisfiable: string;
  labelSelector?: LabelSelector;
  minDomains?: number;
  matchLabelKeys?: string[];
}

export interface PodSpec {
  nodeName?: string;
  schedulerName?: string;
  hostname?: string;
  subdomain?: string;
  hostNetwork?: boolean;
  restartPolicy?: string;
  priority?: number;
  containers: Container[];
  initContainers?: Container[];
  overhead?: Record<string, string>;
  nodeSelector?: Record<string, string>;
  affinity?: Affinity;
  tolerations?: Toleration[];
  topologySpreadConstraints?: TopologySpreadConstraint[];
  schedulingGates?: { name: string }[];
  terminationGracePeriodSeconds?: number;
  volumes?: ({ name: string; persistentVolumeClaim?: { claimName: string }; ephemeral?: Any } & Record<string, Any>)[];
}

export interface Pod extends KubeObject {
  spec: PodSpec;
  status?: {
    phase?: string;
    conditions?: Condition[];
    podIP?: string;
    podIPs?: { ip: string }[];
    hostIP?: string;
    nominatedNodeName?: string;
    reason?: string;
    message?: string;
    startTime?: string;
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

export interface ContainerStatus {
  name: string;
  restartCount: number;
  state?: { terminated?: { exitCode: number; finishedAt?: string } };
  lastState?: { terminated?: { exitCode: number; finishedAt?: string } };
}

export interface ReplicaSet extends KubeObject {
  spec: { replicas: number; minReadySeconds?: number; selector: LabelSelector; template: PodTemplate };
  status?: ReplicaSetStatus;
}

export interface ReplicaSetStatus {
  replicas: number;
  fullyLabeledReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  terminatingReplicas?: number;
  observedGeneration?: number;
  conditions?: Condition[];
}

export interface Deployment extends KubeObject {
  spec: {
    replicas: number;
    paused?: boolean;
    minReadySeconds?: number;
    revisionHistoryLimit?: number;
    progressDeadlineSeconds?: number;
    selector: LabelSelector;
    strategy: { type: string; rollingUpdate?: { maxSurge: number | string; maxUnavailable: number | string } };
    template: PodTemplate;
  };
  status?: DeploymentStatus;
}

export interface DeploymentStatus {
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  unavailableReplicas?: number;
  terminatingReplicas?: number;
  collisionCount?: number;
  conditions?: Condition[];
}

export interface Service extends KubeObject {
  spec: {
    type: string;
    clusterIP?: string;
    clusterIPs?: string[];
    ipFamilies?: string[];
    selector?: Record<string, string>;
    publishNotReadyAddresses?: boolean;
    trafficDistribution?: string;
    ports?: { name?: string; port: number; protocol: string; targetPort: number | string; appProtocol?: string }[];
  };
}

export interface EndpointSlice extends KubeObject {
  addressType: string;
  endpoints: Endpoint[] | null;
  ports?: EndpointPort[];
}

export interface EndpointPort {
  name?: string;
  port?: number;
  protocol?: string;
  appProtocol?: string;
}

export interface Endpoint {
  addresses: string[];
  conditions: { ready?: boolean; serving?: boolean; terminating?: boolean };
  hostname?: string;
  nodeName?: string;
  zone?: string;
  hints?: { forZones?: { name: string }[]; forNodes?: { name: string }[] };
  targetRef?: { kind: string; namespace: string; name: string; uid: string };
}

export interface EndpointAddress {
  ip: string;
  hostname?: string;
  nodeName?: string;
  targetRef?: { kind: string; namespace: string; name: string; uid: string };
}

export interface Endpoints extends KubeObject {
  subsets?: { addresses?: EndpointAddress[]; notReadyAddresses?: EndpointAddress[]; ports?: EndpointPort[] }[];
}

export interface Node extends KubeObject {
  spec: { unschedulable?: boolean; taints?: Taint[]; podCIDR?: string };
  status?: { conditions?: Condition[]; allocatable?: Record<string, string>; capacity?: Record<string, string> };
}

export interface Namespace extends KubeObject {
  spec?: { finalizers?: string[] };
  status?: { phase?: string; conditions?: Condition[] };
}

export interface ControllerRevision extends KubeObject {
  data: { spec: { template: PodTemplate & { $patch?: string } } };
  revision: number;
}

export interface StatefulSet extends KubeObject {
  spec: {
    replicas: number;
    serviceName?: string;
    selector: LabelSelector;
    template: PodTemplate;
    volumeClaimTemplates?: { metadata: Pick<Meta, 'name' | 'labels' | 'annotations'>; spec: Claim['spec'] }[];
    podManagementPolicy: string;
    updateStrategy: { type: string; rollingUpdate?: { partition?: number } };
    revisionHistoryLimit?: number;
    minReadySeconds?: number;
    ordinals?: { start: number };
    persistentVolumeClaimRetentionPolicy: { whenDeleted: string; whenScaled: string };
  };
  status?: StatefulSetStatus;
}

export interface StatefulSetStatus {
  observedGeneration?: number;
  replicas: number;
  readyReplicas?: number;
  currentReplicas?: number;
  updatedReplicas?: number;
  availableReplicas: number;
  currentRevision?: string;
  updateRevision?: string;
  collisionCount?: number;
}

export interface DaemonSet extends KubeObject {
  spec: {
    selector: LabelSelector;
    template: PodTemplate;
    updateStrategy: { type: string; rollingUpdate?: { maxUnavailable?: number | string; maxSurge?: number | string } };
    minReadySeconds?: number;
    revisionHistoryLimit?: number;
  };
  status?: DaemonSetStatus;
}

export interface DaemonSetStatus {
  currentNumberScheduled: number;
  numberMisscheduled: number;
  desiredNumberScheduled: number;
  numberReady: number;
  observedGeneration?: number;
  updatedNumberScheduled?: number;
  numberAvailable?: number;
  numberUnavailable?: number;
  collisionCount?: number;
}

export interface Claim extends KubeObject {
  spec: {
    accessModes: string[];
    resources?: { requests?: { storage?: string } };
    selector?: LabelSelector;
    storageClassName?: string;
    volumeMode?: string;
    volumeName?: string;
  };
  status?: { phase?: string; accessModes?: string[]; capacity?: { storage?: string } };
}

export interface Volume extends KubeObject {
  spec: {
    accessModes: string[];
    capacity: { storage: string };
    claimRef?: { kind?: string; apiVersion?: string; namespace: string; name: string; uid?: string; resourceVersion?: string };
    persistentVolumeReclaimPolicy: string;
    storageClassName?: string;
    volumeMode?: string;
    nodeAffinity?: { required?: { nodeSelectorTerms: NodeSelectorTerm[] } };
    hostPath?: { path: string; type?: string };
  };
  status?: { phase?: string; reason?: string; message?: string };
}

export interface StorageClass extends KubeObject {
  provisioner: string;
  reclaimPolicy: string;
  volumeBindingMode: string;
  parameters?: Record<string, string>;
  mountOptions?: string[];
}

export interface PodFailureRule {
  action: 'FailJob' | 'Ignore' | 'Count' | 'FailIndex';
  onExitCodes?: { containerName?: string; operator: 'In' | 'NotIn'; values: number[] };
  onPodConditions?: { type: string; status: string }[];
}

export interface JobSpec {
  parallelism: number;
  completions?: number;
  backoffLimit: number;
  backoffLimitPerIndex?: number;
  maxFailedIndexes?: number;
  activeDeadlineSeconds?: number;
  ttlSecondsAfterFinished?: number;
  completionMode: string;
  suspend?: boolean;
  managedBy?: string;
  podReplacementPolicy?: string;
  podFailurePolicy?: { rules: PodFailureRule[] };
  successPolicy?: { rules: { succeededIndexes?: string; succeededCount?: number }[] };
  selector: LabelSelector;
  template: PodTemplate;
}

export interface Job extends KubeObject {
  spec: JobSpec;
  status?: JobStatus;
}

export interface JobStatus {
  active?: number;
  ready?: number;
  terminating?: number;
  succeeded?: number;
  failed?: number;
  completedIndexes?: string;
  failedIndexes?: string;
  startTime?: string;
  completionTime?: string;
  uncountedTerminatedPods?: { succeeded?: string[]; failed?: string[] };
  conditions?: Condition[];
}

export interface CronJob extends KubeObject {
  spec: {
    schedule: string;
    timeZone?: string;
    startingDeadlineSeconds?: number;
    concurrencyPolicy: string;
    suspend?: boolean;
    successfulJobsHistoryLimit?: number;
    failedJobsHistoryLimit?: number;
    jobTemplate: { metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }; spec: JobSpec };
  };
  status?: {
    active?: { kind: string; namespace: string; name: string; uid: string; apiVersion: string; resourceVersion?: string }[];
    lastScheduleTime?: string;
    lastSuccessfulTime?: string;
  };
}

/** A kind that controllers know. */
export interface Kind<T extends KubeObject> {
  readonly group: string;
  /** v1 where it says nothing. */
  readonly version?: string;
  readonly plural: string;
  readonly kind: string;
  /** Only for the compiler. */
  readonly type?: T;
}

const kind = <T extends KubeObject>(group: string, plural: string, name: string): Kind<T> => ({ group, plural, kind: name });

export const Pods = kind<Pod>('', 'pods', 'Pod');
export const Nodes = kind<Node>('', 'nodes', 'Node');
export const Namespaces = kind<Namespace>('', 'namespaces', 'Namespace');
export const Services = kind<Service>('', 'services', 'Service');
export const EndpointsKind = kind<Endpoints>('', 'endpoints', 'Endpoints');
export const EndpointSlices = kind<EndpointSlice>('discovery.k8s.io', 'endpointslices', 'EndpointSlice');
export const ReplicaSets = kind<ReplicaSet>('apps', 'replicasets', 'ReplicaSet');
export const ConfigMaps = kind<KubeObject & { data?: Record<string, string> }>('', 'configmaps', 'ConfigMap');
export const ServiceAccounts = kind<KubeObject>('', 'serviceaccounts', 'ServiceAccount');
export const Leases = kind<KubeObject & { spec?: { renewTime?: string } }>('coordination.k8s.io', 'leases', 'Lease');
export const Deployments = kind<Deployment>('apps', 'deployments', 'Deployment');

export const ControllerRevisions = kind<ControllerRevision>('apps', 'controllerrevisions', 'ControllerRevision');
export const StatefulSets = kind<StatefulSet>('apps', 'statefulsets', 'StatefulSet');
export const DaemonSets = kind<DaemonSet>('apps', 'daemonsets', 'DaemonSet');
export const Claims = kind<Claim>('', 'persistentvolumeclaims', 'PersistentVolumeClaim');
export const Volumes = kind<Volume>('', 'persistentvolumes', 'PersistentVolume');
export const StorageClasses = kind<StorageClass>('storage.k8s.io', 'storageclasses', 'StorageClass');

export const Jobs = kind<Job>('batch', 'jobs', 'Job');
export const CronJobs = kind<CronJob>('batch', 'cronjobs', 'CronJob');

export const apiVersionOf = ({ group, version = 'v1' }: { group: string; version?: string }): string =>
  group ? `${group}/${version}` : version;

/** `namespace/name`, or the name of an object of the cluster. */
export const keyOf = ({ metadata: { namespace, name } }: KubeObject): string => (namespace ? `${namespace}/${name}` : name);

export function splitKey(key: string): [namespace: string, name: string] {
  const slash = key.indexOf('/');
  return slash < 0 ? ['', key] : [key.slice(0, slash), key.slice(slash + 1)];
}

export const controllerOf = ({ metadata: { ownerReferences } }: KubeObject): OwnerReference | undefined =>
  ownerReferences?.find((r) => r.controller);

/** The reference of an object to the one that manages it. */
export const controllerRef = (k: Kind<Any>, { metadata: { name, uid } }: KubeObject): OwnerReference => ({
  apiVersion: apiVersionOf(k),
  kind: k.kind,
  name,
  uid,
  controller: true,
  blockOwnerDeletion: true,
});

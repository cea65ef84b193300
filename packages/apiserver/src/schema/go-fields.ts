import { resolve } from '../kinds/facts.ts';
import type { JsonObject, Schema } from './schema.ts';

/*
 * What the definitions do not say of Kubernetes' Go types, and what its JSON shows: an optional scalar is left out when it
 * is zero, unless Go has a pointer to it; a struct that is held by value is written also when it is empty, and a time as null.
 */

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Optional scalars behind a pointer: a zero that somebody wrote is kept. */
const POINTERS = new Set(
  words(`
    activeDeadlineSeconds adminAccess allNodes allocateLoadBalancerNodePorts allowMultipleAllocations allowPrivilegeEscalation
    allowVolumeExpansion appProtocol attachRequired automountServiceAccountToken averageUtilization backoffLimit backoffLimitPerIndex
    bindsToNode blockOwnerDeletion bool borrowingLimitPercent cachingMode capacity collisionCount completionMode completions controller
    currentCPUUtilizationPercentage currentVolumeAttributesClassName defaultMode deletionGracePeriodSeconds deprecationWarning
    distinctAttribute enableServiceLinks endPort endpointsNamespace errorCode expirationSeconds extendedResourceName
    failedIndexes failedJobsHistoryLimit failurePolicy fsGroup fsGroupChangePolicy fsGroupPolicy gmsaCredentialSpec gmsaCredentialSpecName
    holderIdentity hostProcess hostUsers hostnameOverride immutable ingressClassName initiatorName int internalTrafficPolicy ipFamilyPolicy
    ipMode labelSelectorPath leaseDurationSeconds leaseTransitions lendablePercent loadBalancerClass localhostProfile lun managedBy
    manualSelector matchAttribute matchPolicy maxExpirationSeconds maxFailedIndexes minDomains minReplicas mode mountPropagation
    nodeAffinityPolicy nodeAllocatableUpdatePeriodSeconds nodeTaintsPolicy nominalConcurrencyShares optional optionalOldSelf parallelism
    parameterNotFoundAction perDeviceNodeSelection persistentVolumeName podGroupName podInfoOnMount podReplacementPolicy port
    preemptionPolicy preferredHolder preventPodSchedulingIfMissing priority privileged procMount progressDeadlineSeconds
    readOnlyRootFilesystem ready reclaimPolicy recursiveReadOnly recursiveReadOnlyMounts requiresRepublish resourceClaimName
    resourceClaimTemplateName revisionHistoryLimit runAsGroup runAsNonRoot runAsUser runAsUserName runtimeClassName
    seLinuxChangePolicy seLinuxMount selectPolicy serviceAccountTokenInSecrets serving setHostnameAsFQDN shareID shareProcessNamespace
    stabilizationWindowSeconds started startingDeadlineSeconds stopSignal storageCapacity strategy string succeededCount succeededIndexes
    successfulJobsHistoryLimit supplementalGroupsPolicy suspend targetCPUUtilizationPercentage terminating terminatingReplicas
    terminationGracePeriodSeconds timeZone tolerationSeconds trafficDistribution ttlSecondsAfterFinished unhealthyPodEvictionPolicy url
    userNamespaces volumeAttributesClassName volumeBindingMode volumeMode zone
    AzureDiskVolumeSource.readOnly CSIVolumeSource.readOnly PersistentVolumeClaimSpec.storageClassName ResourceHealth.message
    Validation.reason TypedObjectReference.namespace IngressClassParametersReference.namespace HostPathVolumeSource.type
    AzureDiskVolumeSource.fsType LocalVolumeSource.fsType CSIVolumeSource.fsType ServiceReference.path ClusterTrustBundleProjection.name
    discovery.v1.EndpointPort.name RollingUpdateStatefulSetStrategy.partition AzureDiskVolumeSource.kind
    ClusterTrustBundleProjection.signerName discovery.v1.EndpointPort.protocol NetworkPolicyPort.protocol PodDNSConfigOption.value
    PodFailurePolicyOnExitCodesRequirement.containerName ClientIPConfig.timeoutSeconds ValidatingWebhook.timeoutSeconds
    MutatingWebhook.timeoutSeconds Container.restartPolicy EphemeralContainer.restartPolicy HorizontalPodAutoscalerStatus.observedGeneration EndpointAddress.nodeName
    Endpoint.nodeName ResourceSliceSpec.nodeName Device.nodeName Endpoint.hostname ReplicationControllerSpec.replicas
    StatefulSetSpec.replicas DeploymentSpec.replicas ReplicaSetSpec.replicas PortStatus.error IngressPortStatus.error
    VolumeNodeResources.count IngressClassParametersReference.apiGroup MutatingWebhook.reinvocationPolicy DeviceAttribute.version
    RuleWithOperations.scope NamedRuleWithOperations.scope IngressClassParametersReference.scope`),
);

/** Scalars of these names that some type holds by value all the same. */
const VALUES = new Set(words('core.v1.EndpointPort.port ServicePort.port APIServiceSpec.version'));

/** Fields that are always written beside the required ones; a `?` marks those that are null when nobody set them. */
const WRITTEN: Record<string, string> = {
  'core.v1.PersistentVolume': 'spec status',
  'core.v1.PersistentVolumeClaim': 'spec status',
  'core.v1.PersistentVolumeClaimSpec': 'resources',
  'core.v1.TypedObjectReference': 'apiGroup?',
  'core.v1.PersistentVolumeClaimCondition': 'lastProbeTime lastTransitionTime',
  'core.v1.AzureFilePersistentVolumeSource': 'secretNamespace?',
  'core.v1.ProjectedVolumeSource': 'sources',
  'core.v1.PersistentVolumeClaimTemplate': 'metadata',
  'core.v1.ResourceFieldSelector': 'divisor',
  'core.v1.Container': 'resources',
  'core.v1.EphemeralContainer': 'resources',
  'core.v1.ContainerStateRunning': 'startedAt',
  'core.v1.ContainerStateTerminated': 'startedAt finishedAt',
  'core.v1.ContainerStatus': 'state lastState',
  'core.v1.PodCondition': 'lastProbeTime lastTransitionTime',
  'core.v1.Pod': 'spec status',
  'core.v1.PodTemplateSpec': 'metadata spec',
  'core.v1.PodTemplate': 'template',
  'core.v1.ReplicationControllerCondition': 'lastTransitionTime',
  'core.v1.ReplicationController': 'spec status',
  'core.v1.ServiceStatus': 'loadBalancer',
  'core.v1.Service': 'spec status',
  'core.v1.NodeDaemonEndpoints': 'kubeletEndpoint',
  'core.v1.NodeStatus': 'daemonEndpoints nodeInfo',
  'core.v1.ContainerImage': 'names',
  'core.v1.NodeCondition': 'lastHeartbeatTime lastTransitionTime',
  'core.v1.Node': 'spec status',
  'core.v1.NamespaceCondition': 'lastTransitionTime',
  'core.v1.Namespace': 'spec status',
  'core.v1.TypedLocalObjectReference': 'apiGroup?',
  'core.v1.Event': 'source firstTimestamp lastTimestamp eventTime reportingComponent reportingInstance',
  'core.v1.EventSeries': 'lastObservedTime',
  'core.v1.LimitRange': 'spec',
  'core.v1.ResourceQuota': 'spec status',
  'apps.v1.StatefulSet': 'spec status',
  'apps.v1.StatefulSetOrdinals': 'start',
  'apps.v1.StatefulSetSpec': 'serviceName updateStrategy',
  'apps.v1.StatefulSetStatus': 'availableReplicas',
  'apps.v1.StatefulSetCondition': 'lastTransitionTime',
  'apps.v1.Deployment': 'spec status',
  'apps.v1.DeploymentSpec': 'strategy',
  'apps.v1.DeploymentCondition': 'lastUpdateTime lastTransitionTime',
  'apps.v1.DaemonSetSpec': 'updateStrategy',
  'apps.v1.DaemonSetCondition': 'lastTransitionTime',
  'apps.v1.DaemonSet': 'spec status',
  'apps.v1.ReplicaSet': 'spec status',
  'apps.v1.ReplicaSetSpec': 'template',
  'apps.v1.ReplicaSetCondition': 'lastTransitionTime',
  'apps.v1.ControllerRevision': 'data',
  'batch.v1.Job': 'spec status',
  'batch.v1.PodFailurePolicyOnPodConditionsPattern': 'status',
  'batch.v1.JobCondition': 'lastProbeTime lastTransitionTime',
  'batch.v1.JobTemplateSpec': 'metadata spec',
  'batch.v1.CronJob': 'spec status',
  'discovery.v1.EndpointSlice': 'endpoints ports',
  'discovery.v1.Endpoint': 'conditions',
  'events.v1.Event': 'regarding deprecatedSource deprecatedFirstTimestamp deprecatedLastTimestamp',
  'networking.v1.NetworkPolicy': 'spec',
  'networking.v1.NetworkPolicySpec': 'podSelector',
  'networking.v1.Ingress': 'spec status',
  'networking.v1.IngressStatus': 'loadBalancer',
  'networking.v1.IngressServiceBackend': 'port',
  'networking.v1.IngressClass': 'spec',
  'networking.v1.IPAddress': 'spec',
  'networking.v1.ServiceCIDR': 'spec status',
  'coordination.v1.Lease': 'spec',
  'policy.v1.PodDisruptionBudgetStatus': 'disruptionsAllowed currentHealthy desiredHealthy expectedPods',
  'policy.v1.PodDisruptionBudget': 'spec status',
  'rbac.v1.RoleRef': 'apiGroup',
  'rbac.v1.Role': 'rules',
  'rbac.v1.ClusterRole': 'rules',
  'storage.v1.VolumeAttachment': 'status',
  'storage.v1.VolumeError': 'time',
  'storage.v1.CSINodeDriver': 'topologyKeys',
  'scheduling.v1.PriorityClass': 'value',
  'admissionregistration.v1.ValidatingAdmissionPolicy': 'spec status',
  'admissionregistration.v1.ValidatingAdmissionPolicyBinding': 'spec',
  'admissionregistration.v1.MutatingAdmissionPolicy': 'spec',
  'admissionregistration.v1.MutatingAdmissionPolicyBinding': 'spec',
  'autoscaling.v1.HorizontalPodAutoscaler': 'spec status',
  'autoscaling.v1.Scale': 'spec status',
  'autoscaling.v2.HorizontalPodAutoscaler': 'spec status',
  'autoscaling.v2.HorizontalPodAutoscalerStatus': 'currentMetrics',
  'autoscaling.v2.HorizontalPodAutoscalerCondition': 'lastTransitionTime',
  'certificates.v1.CertificateSigningRequest': 'status',
  'certificates.v1.CertificateSigningRequestCondition': 'lastUpdateTime lastTransitionTime',
  'flowcontrol.v1.FlowSchema': 'spec status',
  'flowcontrol.v1.FlowSchemaSpec': 'matchingPrecedence',
  'flowcontrol.v1.ResourcePolicyRule': 'namespaces',
  'flowcontrol.v1.FlowSchemaCondition': 'lastTransitionTime',
  'flowcontrol.v1.PriorityLevelConfiguration': 'spec status',
  'flowcontrol.v1.LimitedPriorityLevelConfiguration': 'nominalConcurrencyShares? limitResponse',
  'flowcontrol.v1.QueuingConfiguration': 'queues handSize queueLengthLimit',
  'flowcontrol.v1.PriorityLevelConfigurationCondition': 'lastTransitionTime',
  'resource.v1.ResourceClaim': 'status',
  'resource.v1.ResourceClaimSpec': 'devices',
  'resource.v1.AllocationResult': 'devices',
  'resource.v1.ResourceClaimTemplateSpec': 'metadata',
  'resource.v1.AllocatedDeviceStatus': 'conditions',
  'apiregistration.v1.APIService': 'spec status',
  'apiregistration.v1.APIServiceCondition': 'lastTransitionTime',
  'apiextensions.v1.CustomResourceDefinitionCondition': 'lastTransitionTime',
};

/** Required by the definitions, and left out all the same where they are empty, or null as pointers are. */
const LEFT_OUT = new Set(
  words(`
    PodCertificateProjection.signerName PodCertificateProjection.keyType ImageVolumeStatus.imageRef ContainerRestartRule.action
    ContainerRestartRuleOnExitCodes.operator IPAddressSpec.parentRef ParentReference.resource ParentReference.name
    ValidatingAdmissionPolicyBindingSpec.policyName ValidatingAdmissionPolicyBindingSpec.validationActions TokenReviewSpec.token
    CounterSet.counters DeviceCounterConsumption.counters CapacityRequestPolicyRange.min`),
);
const NULLS = new Set(
  words(`
    ScaleIOVolumeSource.secretRef ScaleIOPersistentVolumeSource.secretRef StatefulSetSpec.selector DeploymentSpec.selector
    DaemonSetSpec.selector ReplicaSetSpec.selector HTTPIngressPath.pathType ValidatingWebhook.sideEffects MutatingWebhook.sideEffects`),
);

/** How one Go struct is written. */
export interface GoFields {
  /** Scalars that are left out when they are zero. */
  readonly omitted: ReadonlySet<string>;
  /** What is written when nobody set it. */
  readonly written: readonly (readonly [key: string, zero: () => unknown])[];
}

const NOTHING: GoFields = { omitted: new Set(), written: [] };
const known = new Map<string, GoFields>();

/** The rules of a built-in type. */
export function goFields(ref: string | undefined): GoFields {
  if (!ref) return NOTHING;
  let found = known.get(ref);
  if (!found) known.set(ref, (found = rulesOf(ref, resolve({ ref }))));
  return found;
}

function rulesOf(ref: string, { properties = {}, required = [] }: Schema): GoFields {
  const short = ref.split('.').at(-1)!;
  const has = (set: ReadonlySet<string>, key: string): boolean => set.has(`${short}.${key}`) || set.has(`${ref}.${key}`);
  const extra = words(WRITTEN[ref] ?? '').filter(Boolean);
  const nulls = new Set(extra.filter((e) => e.endsWith('?')).map((e) => e.slice(0, -1)));
  const keys = [...required.filter((k) => !has(LEFT_OUT, k)), ...extra.map((e) => e.replace('?', ''))].filter(
    (k) => k !== 'metadata' || extra.includes(k),
  );
  const always = new Set(keys.filter((k) => properties[k]));
  const omitted = Object.keys(properties).filter(
    (k) =>
      !always.has(k) &&
      ['string', 'integer', 'number', 'boolean'].includes(resolve(properties[k]!).type ?? '') &&
      ((!POINTERS.has(k) && !has(POINTERS, k)) || has(VALUES, k)),
  );
  const written = [...always].map((k) => [k, nulls.has(k) || has(NULLS, k) ? (): null => null : zeroOf(properties[k]!)] as const);
  return { omitted: new Set(omitted), written };
}

/** What Go writes for a value of this type that nobody set. */
function zeroOf(schema: Schema): () => unknown {
  const s = resolve(schema);
  if (s.intOrString) return s.format === 'quantity' ? () => '0' : () => 0;
  switch (s.type) {
    case 'string':
      return s.format === 'date-time' || s.format === 'byte' ? () => null : () => '';
    case 'boolean':
      return () => false;
    case 'integer':
    case 'number':
      return () => 0;
    case 'object':
      if (s.properties || (schema.ref && !s.additionalProperties && !s.preserveUnknown))
        return () => {
          const out: JsonObject = {};
          fillIn(schema.ref, out);
          return out;
        };
  }
  return () => null;
}

/** Writes what Go always writes of a struct and is not there. */
export function fillIn(ref: string | undefined, object: JsonObject): void {
  for (const [key, zero] of goFields(ref).written) if (object[key] === undefined) object[key] = zero();
}

/** The same also in all structs below. */
export function fillInDeep(schema: Schema, value: unknown): void {
  const s = resolve(schema);
  if (Array.isArray(value)) {
    for (const item of value) fillInDeep(s.items ?? {}, item);
  } else if (typeof value === 'object' && value !== null) {
    const object = value as JsonObject;
    if (s.properties) {
      fillIn(schema.ref, object);
      for (const [key, below] of Object.entries(object)) if (s.properties[key]) fillInDeep(s.properties[key], below);
    } else if (s.additionalProperties) {
      for (const below of Object.values(object)) fillInDeep(s.additionalProperties, below);
    }
  }
}

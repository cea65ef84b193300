/*
 * Names of Go's types for texts and maps, which the definitions call strings and objects: errors tell of a wrong value by them. Of the
 * Kubernetes API types; without the package's version where that is the kind's.
 */

/** By field, or `Struct.field` where structs differ. */
const NAMES: Record<string, string> = Object.fromEntries(
  `accessModes PersistentVolumeAccessMode
  PodFailurePolicyRule.action PodFailurePolicyAction
  ContainerRestartRule.action ContainerRestartRuleAction
  add Capability
  drop Capability
  addressType AddressType
  allocationMode DeviceAllocationMode
  cachingMode AzureDataDiskCachingMode
  completionMode CompletionMode
  concurrencyPolicy ConcurrencyPolicy
  conditionType PodConditionType
  dnsPolicy DNSPolicy
  Taint.effect TaintEffect
  Toleration.effect TaintEffect
  DeviceToleration.effect DeviceTaintEffect
  DeviceTaint.effect DeviceTaintEffect
  externalTrafficPolicy ServiceExternalTrafficPolicy
  failurePolicy FailurePolicyType
  NamespaceSpec.finalizers FinalizerName
  fsGroupChangePolicy PodFSGroupChangePolicy
  fsGroupPolicy FSGroupPolicy
  imagePullPolicy PullPolicy
  pullPolicy PullPolicy
  internalTrafficPolicy ServiceInternalTrafficPolicy
  ipFamilies IPFamily
  ipFamilyPolicy IPFamilyPolicy
  ipMode LoadBalancerIPMode
  matchPolicy MatchPolicyType
  medium StorageMedium
  mountPropagation MountPropagationMode
  nodeAffinityPolicy NodeInclusionPolicy
  nodeTaintsPolicy NodeInclusionPolicy
  operations OperationType
  LabelSelectorRequirement.operator LabelSelectorOperator
  NodeSelectorRequirement.operator NodeSelectorOperator
  Toleration.operator TolerationOperator
  DeviceToleration.operator DeviceTolerationOperator
  ScopedResourceSelectorRequirement.operator ScopeSelectorOperator
  PodFailurePolicyOnExitCodesRequirement.operator PodFailurePolicyOnExitCodesOperator
  ContainerRestartRuleOnExitCodes.operator ContainerRestartRuleOnExitCodesOperator
  parameterNotFoundAction ParameterNotFoundActionType
  patchType PatchType
  pathType PathType
  persistentVolumeReclaimPolicy PersistentVolumeReclaimPolicy
  NamespaceStatus.phase NamespacePhase
  NodeStatus.phase NodePhase
  PersistentVolumeClaimStatus.phase PersistentVolumeClaimPhase
  PersistentVolumeStatus.phase PersistentVolumePhase
  PodStatus.phase PodPhase
  podManagementPolicy PodManagementPolicyType
  podReplacementPolicy PodReplacementPolicy
  policyTypes PolicyType
  preemptionPolicy PreemptionPolicy
  procMount ProcMountType
  propagationPolicy DeletionPropagation
  protocol Protocol
  qosClass PodQOSClass
  reclaimPolicy PersistentVolumeReclaimPolicy
  reinvocationPolicy ReinvocationPolicyType
  ContainerResizePolicy.restartPolicy ResourceResizeRestartPolicy
  Container.restartPolicy ContainerRestartPolicy
  EphemeralContainer.restartPolicy ContainerRestartPolicy
  PodSpec.restartPolicy RestartPolicy
  ContainerResizePolicy.resourceName ResourceName
  scheme URIScheme
  CustomResourceDefinitionSpec.scope ResourceScope
  NamedRuleWithOperations.scope ScopeType
  RuleWithOperations.scope ScopeType
  scopes ResourceQuotaScope
  scopeName ResourceQuotaScope
  seLinuxChangePolicy PodSELinuxChangePolicy
  selectPolicy ScalingPolicySelect
  sessionAffinity ServiceAffinity
  sideEffects SideEffectClass
  stopSignal Signal
  supplementalGroupsPolicy SupplementalGroupsPolicy
  terminationMessagePolicy TerminationMessagePolicy
  LimitRangeItem.type LimitType
  HostPathVolumeSource.type HostPathType
  AppArmorProfile.type AppArmorProfileType
  SeccompProfile.type SeccompProfileType
  PodCondition.type PodConditionType
  PodFailurePolicyOnPodConditionsPattern.type PodConditionType
  Secret.type SecretType
  ServiceSpec.type ServiceType
  DaemonSetUpdateStrategy.type DaemonSetUpdateStrategyType
  DeploymentStrategy.type DeploymentStrategyType
  StatefulSetUpdateStrategy.type StatefulSetUpdateStrategyType
  MetricTarget.type MetricTargetType
  MetricSpec.type MetricSourceType
  HPAScalingPolicy.type HPAScalingPolicyType
  PriorityLevelConfigurationSpec.type PriorityLevelEnablement
  LimitResponse.type LimitResponseType
  FlowDistinguisherMethod.type FlowDistinguisherMethodType
  FlowSchemaSpec.kind SubjectKind
  usages KeyUsage
  unhealthyPodEvictionPolicy UnhealthyPodEvictionPolicyType
  validationActions ValidationAction
  volumeBindingMode VolumeBindingMode
  volumeLifecycleModes VolumeLifecycleMode
  volumeMode PersistentVolumeMode
  whenDeleted PersistentVolumeClaimRetentionPolicyType
  whenScaled PersistentVolumeClaimRetentionPolicyType
  whenUnsatisfiable UnsatisfiableConstraintAction
  ObjectMeta.uid UID
  OwnerReference.uid UID
  ObjectReference.uid UID
  Preconditions.uid UID
  capacity ResourceList
  hard ResourceList
  limits ResourceList
  requests ResourceList
  max ResourceList
  min ResourceList
  default ResourceList
  defaultRequest ResourceList
  maxLimitRequestRatio ResourceList
  podFixed ResourceList`
    .split('\n')
    .map((line) => line.trim().split(' ') as [string, string]),
);

/** The name of the Go type of a text or map in this field, where it has one. */
export function namedType(struct: string, field: string, version: string, type: string): string | undefined {
  const name = NAMES[`${struct}.${field}`] ?? NAMES[field];
  if (!name || (type === 'map') !== (name === 'ResourceList')) return undefined;
  return name === 'UID' ? 'types.UID' : `${version}.${name}`;
}

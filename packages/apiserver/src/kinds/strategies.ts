import * as access from './builtin/access.ts';
import { podAutoscaler } from './builtin/autoscaling.ts';
import * as events from './builtin/events.ts';
import * as extensions from './builtin/extensions.ts';
import * as jobs from './builtin/jobs.ts';
import * as misc from './builtin/misc.ts';
import * as network from './builtin/network.ts';
import { pod } from './builtin/pod.ts';
import * as quotas from './builtin/quotas.ts';
import { service } from './builtin/service.ts';
import * as persistentVolume from './builtin/persistent-volume.ts';
import * as policies from './builtin/policies.ts';
import * as storage from './builtin/storage.ts';
import * as workloads from './builtin/workloads.ts';
import { CRD_STORAGE, crdStrategy } from './crd.ts';
import type { Strategy } from './resource.ts';

/** What is particular to built-in kinds, by `plural.group`. */
export const strategies: Record<string, Strategy> = {
  configmaps: misc.configMap,
  endpoints: network.endpoints,
  events: events.event,
  namespaces: misc.namespace,
  nodes: misc.node,
  persistentvolumeclaims: storage.claim,
  persistentvolumes: persistentVolume.volume,
  pods: pod,
  podtemplates: workloads.podTemplate,
  replicationcontrollers: workloads.replicationController,
  secrets: misc.secret,
  serviceaccounts: misc.serviceAccount,
  services: service,
  'controllerrevisions.apps': workloads.controllerRevision,
  'daemonsets.apps': workloads.daemonSet,
  'deployments.apps': workloads.deployment,
  'replicasets.apps': workloads.replicaSet,
  'statefulsets.apps': workloads.statefulSet,
  'horizontalpodautoscalers.autoscaling': podAutoscaler,
  'jobs.batch': jobs.job,
  'cronjobs.batch': jobs.cronJob,
  'events.events.k8s.io': events.newEvent,
  'leases.coordination.k8s.io': misc.lease,
  'endpointslices.discovery.k8s.io': network.endpointSlice,
  'ingresses.networking.k8s.io': network.ingress,
  'networkpolicies.networking.k8s.io': network.networkPolicy,
  'storageclasses.storage.k8s.io': storage.storageClass,
  [CRD_STORAGE]: crdStrategy,
  limitranges: quotas.limitRange,
  resourcequotas: quotas.resourceQuota,
  'apiservices.apiregistration.k8s.io': extensions.apiService,
  'csidrivers.storage.k8s.io': extensions.csiDriver,
  'csinodes.storage.k8s.io': extensions.csiNode,
  'volumeattachments.storage.k8s.io': extensions.volumeAttachment,
  'volumeattributesclasses.storage.k8s.io': extensions.volumeAttributesClass,
  'csistoragecapacities.storage.k8s.io': extensions.capacity,
  'validatingadmissionpolicies.admissionregistration.k8s.io': policies.validatingPolicy,
  'validatingadmissionpolicybindings.admissionregistration.k8s.io': policies.validatingBinding,
  'mutatingadmissionpolicies.admissionregistration.k8s.io': policies.mutatingPolicy,
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io': policies.mutatingBinding,
  'runtimeclasses.node.k8s.io': extensions.runtimeClass,
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': extensions.mutatingWebhooks,
  'validatingwebhookconfigurations.admissionregistration.k8s.io': extensions.validatingWebhooks,
  'ingressclasses.networking.k8s.io': network.ingressClass,
  'servicecidrs.networking.k8s.io': network.serviceCidr,
  'ipaddresses.networking.k8s.io': network.ipAddress,
  'poddisruptionbudgets.policy': network.disruptionBudget,
  'priorityclasses.scheduling.k8s.io': access.priorityClass,
  'certificatesigningrequests.certificates.k8s.io': access.signingRequest,
  'roles.rbac.authorization.k8s.io': access.role,
  'rolebindings.rbac.authorization.k8s.io': access.roleBinding,
  'clusterroles.rbac.authorization.k8s.io': access.clusterRole,
  'clusterrolebindings.rbac.authorization.k8s.io': access.clusterRoleBinding,
};

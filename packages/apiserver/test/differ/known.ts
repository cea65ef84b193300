import type { Difference } from './compare.ts';

/** Differences that stay, each with its reason: of the case and step, and of the place in the answer. */
const KNOWN: [where: RegExp, at: RegExp, why: string][] = [
  [/./, /\/columnDefinitions\/\d+\/description$/, 'prose is left out'],
  [/\/version/, /^\/(gitCommit|buildDate|goVersion|compiler|platform|gitTreeState)$/, 'another program'],
  [/certificatesigningrequests|selfsubjectreviews/, /\/uid$/, 'the user of the real server comes from a file that gives it one'],
  [/apiservices/, /conditions|managedFields/, 'nothing is aggregated, so nothing is found out about it'],
  [/customresourcedefinitions|delete the definition/, /managedFields/, 'what the server itself writes of a definition is nobody’s'],
  [/customresourcedefinitions: .*\| (update with|let it go)/, /^\/status\//, 'what its controllers find out is there at once'],
  [/SelfSubjectRules|selfsubjectrulesreviews/, /Rules(\/|$)/, 'in the order of a Go map'],
  [/openapi|debug|GET \/ /, /./, 'documents of its own'],
  [/generateName":"Bad_/, /\/details\/name/, 'generated'],
  [/./, /openid|issuer|\/spec\/audiences|id_token_signing/, 'an issuer of its own, with keys of another kind'],
];

export const isKnown = (d: Difference): boolean => KNOWN.some(([where, at]) => where.test(`${d.case} | ${d.do}`) && at.test(d.at));

/** What a case is about: a kind, or its own name. */
export const subjectOf = (name: string): string => name.split(':')[0]!;

/**
 * How many differences there are yet to look into, by what they are about; the wording of messages is not counted. These only
 * become fewer: features that are off and still owned, expressions of policies that are not compiled, fields that hardly anybody sets.
 */
export const OPEN: Record<string, number> = {
  'admissionregistration.k8s.io/v1/mutatingadmissionpolicies': 43,
  'admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings': 1,
  'admissionregistration.k8s.io/v1/mutatingwebhookconfigurations': 17,
  'admissionregistration.k8s.io/v1/validatingadmissionpolicies': 88,
  'admissionregistration.k8s.io/v1/validatingwebhookconfigurations': 16,
  'apiextensions.k8s.io/v1/customresourcedefinitions': 49,
  'apiregistration.k8s.io/v1/apiservices': 20,
  'apps/v1/controllerrevisions': 2,
  'apps/v1/daemonsets': 14,
  'apps/v1/deployments': 6,
  'apps/v1/replicasets': 6,
  'apps/v1/statefulsets': 26,
  'autoscaling/v2/horizontalpodautoscalers': 7,
  'batch/v1/cronjobs': 11,
  'batch/v1/jobs': 22,
  bodies: 11,
  'certificates.k8s.io/v1/certificatesigningrequests': 2,
  definitions: 27,
  'discovery.k8s.io/v1/endpointslices': 12,
  'events.k8s.io/v1/events': 4,
  'media types': 3,
  'networking.k8s.io/v1/ingresses': 6,
  'networking.k8s.io/v1/ipaddresses': 8,
  'networking.k8s.io/v1/networkpolicies': 1,
  'networking.k8s.io/v1/servicecidrs': 2,
  'node.k8s.io/v1/runtimeclasses': 9,
  patches: 2,
  paths: 6,
  'policy/v1/poddisruptionbudgets': 1,
  'rbac.authorization.k8s.io/v1/clusterroles': 39,
  'rbac.authorization.k8s.io/v1/roles': 3,
  reviews: 3,
  'storage.k8s.io/v1/csidrivers': 6,
  'storage.k8s.io/v1/csinodes': 2,
  'storage.k8s.io/v1/csistoragecapacities': 2,
  'storage.k8s.io/v1/storageclasses': 2,
  'storage.k8s.io/v1/volumeattachments': 2,
  'v1/endpoints': 1,
  'v1/events': 1,
  'v1/limitranges': 8,
  'v1/namespaces': 2,
  'v1/nodes': 8,
  'v1/persistentvolumeclaims': 4,
  'v1/pods': 152,
  'v1/podtemplates': 5,
  'v1/replicationcontrollers': 8,
  'v1/services': 12,
};

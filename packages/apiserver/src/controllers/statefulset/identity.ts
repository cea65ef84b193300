import type { Draft } from '../client.ts';
import { controllerRef, StatefulSets, type Claim, type Pod, type PodTemplate, type StatefulSet } from '../kube.ts';
import { podOf } from '../pods.ts';

export const REVISION_LABEL = 'controller-revision-hash';
const POD_NAME = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX = 'apps.kubernetes.io/pod-index';

export const podName = (set: StatefulSet, ordinal: number): string => `${set.metadata.name}-${ordinal}`;

/** A pod's number in its set; undefined for a pod that is none of it. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const { name } = pod.metadata;
  const prefix = `${set.metadata.name}-`;
  const rest = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^(0|[1-9]\d*)$/.test(rest) ? Number(rest) : undefined;
}

export const firstOrdinal = ({ spec }: StatefulSet): number => spec.ordinals?.start ?? 0;
export const isWanted = (set: StatefulSet, ordinal: number): boolean =>
  ordinal >= firstOrdinal(set) && ordinal < firstOrdinal(set) + set.spec.replicas;

const claimName = (set: StatefulSet, template: string, ordinal: number): string => `${template}-${set.metadata.name}-${ordinal}`;

/** The claims that a pod of the set has, as they would be made. */
export function claimsOf(set: StatefulSet, ordinal: number): Draft<Claim>[] {
  const { namespace = '' } = set.metadata;
  return (set.spec.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    metadata: {
      name: claimName(set, metadata.name, ordinal),
      namespace,
      labels: { ...metadata.labels, ...set.spec.selector.matchLabels },
      ...(metadata.annotations && { annotations: metadata.annotations }),
    },
    spec: structuredClone(spec),
  }));
}

/** A pod of the set with its name, host name, labels and claims. */
export function statefulPod(set: StatefulSet, template: PodTemplate, revision: string, ordinal: number): Draft<Pod> {
  const name = podName(set, ordinal);
  const draft = podOf(template, set.metadata.namespace ?? '', controllerRef(StatefulSets, set), {
    name,
    generateName: `${set.metadata.name}-`,
  });
  draft.metadata.labels = { ...draft.metadata.labels, [POD_NAME]: name, [POD_INDEX]: String(ordinal), [REVISION_LABEL]: revision };
  draft.spec.hostname = name;
  if (set.spec.serviceName) draft.spec.subdomain = set.spec.serviceName;
  const templates = (set.spec.volumeClaimTemplates ?? []).map((t) => t.metadata.name);
  const volumes = [
    ...templates.map((t) => ({ name: t, persistentVolumeClaim: { claimName: claimName(set, t, ordinal) } })),
    ...(draft.spec.volumes ?? []).filter((v) => !templates.includes(v.name)),
  ];
  if (volumes.length > 0) draft.spec.volumes = volumes;
  return draft;
}

/** Labels by which a pod is known, where it lacks one. */
export function missingLabels(pod: Pod, ordinal: number): Record<string, string> | undefined {
  const { labels = {}, name } = pod.metadata;
  if (labels[POD_NAME] === name && labels[POD_INDEX] === String(ordinal)) return undefined;
  return { ...labels, [POD_NAME]: name, [POD_INDEX]: String(ordinal) };
}

import { quantityValue } from '@kosmos/apiserver/quantity';
import type { Container, FieldRef, Pod, ResourceFieldRef } from '../kube.ts';
import { containersOf } from '../kube.ts';

/** What of a pod's place is known on its node only. */
export interface PodPlace {
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
  /** Of the node: what a container without a limit may use. */
  readonly allocatable: Readonly<Record<string, string>>;
}

type Field = (pod: Pod, place: PodPlace) => string | undefined;

const FIELDS: Readonly<Record<string, Field>> = {
  'metadata.name': (pod) => pod.metadata.name,
  'metadata.namespace': (pod) => pod.metadata.namespace,
  'metadata.uid': (pod) => pod.metadata.uid,
  'metadata.labels': (pod) => lines(pod.metadata.labels),
  'metadata.annotations': (pod) => lines(pod.metadata.annotations),
  'spec.nodeName': (pod) => pod.spec.nodeName,
  'spec.serviceAccountName': (pod) => pod.spec.serviceAccountName ?? 'default',
  'status.podIP': (_pod, place) => place.podIPs[0],
  'status.podIPs': (_pod, place) => place.podIPs.join(','),
  'status.hostIP': (_pod, place) => place.hostIPs[0],
  'status.hostIPs': (_pod, place) => place.hostIPs.join(','),
};

/** As in downward API files: a line a label, values quoted. */
const lines = (map: Readonly<Record<string, string>> = {}): string =>
  Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');

/** The value of a field of the pod. Throws for a path that is none of those that can be asked for. */
export function fieldValue(pod: Pod, { fieldPath }: FieldRef, place: PodPlace): string {
  const entry = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath);
  if (entry) return pod.metadata[entry[1] as 'labels' | 'annotations']?.[entry[2] as string] ?? '';
  const field = FIELDS[fieldPath];
  if (!field)
    throw new Error(
      `there is no field '${fieldPath}': there are ${Object.keys(FIELDS).join(', ')}, metadata.labels['KEY'] and metadata.annotations['KEY']`,
    );
  return field(pod, place) ?? '';
}

/** A container's limit or request in units of the divisor, rounded up. */
export function resourceValue(pod: Pod, own: Container | undefined, ref: ResourceFieldRef, place: PodPlace): string {
  const container = ref.containerName === undefined ? own : containersOf(pod).find((c) => c.name === ref.containerName);
  if (!container) throw new Error(`there is no container '${ref.containerName ?? ''}'`);
  const match = /^(limits|requests)\.(.+)$/.exec(ref.resource);
  if (!match) throw new Error(`'${ref.resource}' is no resource: limits.NAME and requests.NAME are`);
  const [, kind, name] = match as unknown as [string, 'limits' | 'requests', string];
  const given = container.resources?.[kind]?.[name] ?? (kind === 'limits' ? place.allocatable[name] : undefined) ?? 0;
  const divisor = ref.divisor === undefined || quantityValue(ref.divisor) === 0 ? 1 : quantityValue(ref.divisor);
  // What floating point leaves behind the sixth digit is no fraction of a unit.
  return String(Math.ceil(Number((quantityValue(given) / divisor).toFixed(6))));
}

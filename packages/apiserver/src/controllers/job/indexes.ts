import type { Draft } from '../client.ts';
import { controllerRef, Jobs, type Container, type Job, type Pod } from '../kube.ts';
import { podOf } from '../pods.ts';

export const TRACKING = 'batch.kubernetes.io/job-tracking';
const INDEX = 'batch.kubernetes.io/job-completion-index';
const INDEX_ENV = 'JOB_COMPLETION_INDEX';

export const isIndexed = ({ spec }: Job): boolean => spec.completionMode === 'Indexed';

export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[INDEX];
  return text === undefined ? undefined : Number(text);
}

/** Indexes as a status has them: `0,2-4`. */
export function parseIndexes(text: string | undefined): Set<number> {
  const found = new Set<number>();
  for (const part of (text ?? '').split(',').filter(Boolean)) {
    const [from, to = from] = part.split('-').map(Number) as [number, number?];
    for (let i = from; i <= to; i += 1) found.add(i);
  }
  return found;
}

export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length;) {
    let end = i;
    while (sorted[end + 1] === sorted[end]! + 1) end += 1;
    // Two in a row are written apart, as Kubernetes does.
    if (end === i) parts.push(String(sorted[i]));
    else parts.push(end === i + 1 ? `${sorted[i]},${sorted[end]}` : `${sorted[i]}-${sorted[end]}`);
    i = end + 1;
  }
  return parts.join(',');
}

/** The next so many indexes that neither are done nor have a pod. */
export function freeIndexes(job: Job, taken: ReadonlySet<number>, count: number): number[] {
  const free: number[] = [];
  for (let i = 0; i < (job.spec.completions ?? 0) && free.length < count; i += 1) if (!taken.has(i)) free.push(i);
  return free;
}

/** A pod of the job, kept by a finalizer until it is counted; `annotations` are those of an index. */
export function jobPod(job: Job, index: number | undefined, annotations: Record<string, string>): Draft<Pod> {
  const { name, namespace = '' } = job.metadata;
  const prefix = index === undefined ? `${name}-` : `${name}-${index}-`;
  const draft = podOf(job.spec.template, namespace, controllerRef(Jobs, job), { generateName: prefix });
  draft.metadata.finalizers = [...(draft.metadata.finalizers ?? []), TRACKING];
  if (index === undefined) return draft;
  draft.metadata.annotations = { ...draft.metadata.annotations, ...annotations, [INDEX]: String(index) };
  draft.metadata.labels = { ...draft.metadata.labels, [INDEX]: String(index) };
  draft.spec.hostname = `${name}-${index}`;
  const env = { name: INDEX_ENV, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${INDEX}']` } } };
  for (const container of [...(draft.spec.initContainers ?? []), ...draft.spec.containers] as Container[])
    if (!container.env?.some((e) => e.name === INDEX_ENV)) container.env = [...(container.env ?? []), env];
  return draft;
}

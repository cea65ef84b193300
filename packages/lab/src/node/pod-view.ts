import { containersOf, type Pod } from '../kube.ts';
import type { ContainerWorker } from './container-worker.ts';
import type { Running } from './container.ts';
import type { PodRecord } from './record.ts';

/** What streams and measurements need to know of a pod. */
export interface PodView {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly netns: string;
  container(name: string): ContainerView | undefined;
  /** Containers that run: their mount namespaces, and since when. */
  measured(): readonly { readonly name: string; readonly namespace: string; readonly startedAt: number }[];
}

export interface ContainerView {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly log: string;
  readonly logFrom: number | undefined;
  readonly previousFrom: number | undefined;
  readonly running: Running | undefined;
  /** Why it does not run yet. */
  readonly waiting: string | undefined;
}

export function viewOf(record: PodRecord, pod: Pod | undefined, workers: ReadonlyMap<string, ContainerWorker>): PodView {
  const { uid, namespace, name, netns } = record;
  return {
    uid,
    namespace,
    name,
    netns,
    measured: () =>
      record.containers.flatMap((entry) => {
        const inside = workers.get(entry.name)?.run?.namespace;
        return inside === undefined ? [] : [{ name: entry.name, namespace: inside, startedAt: entry.startedAt ?? 0 }];
      }),
    container: (wanted) => {
      const entry = record.containers.find((c) => c.name === wanted);
      const container = pod && containersOf(pod).find((c) => c.name === wanted);
      const worker = workers.get(wanted);
      if (!entry || !container || !worker) return undefined;
      return {
        env: worker.run?.env ?? {},
        cwd: container.workingDir,
        stdin: container.stdin === true,
        tty: container.tty === true,
        log: entry.log,
        logFrom: entry.logFrom,
        previousFrom: entry.previousFrom,
        running: worker.run?.running,
        waiting: entry.state.waiting?.reason,
      };
    },
  };
}

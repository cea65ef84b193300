import type { Informer } from '@kosmos/kernel';
import type { Pod } from '../kube.ts';
import type { PodServices } from './pod-context.ts';
import type { PodView } from './pod-view.ts';
import { PodWorker } from './pod-worker.ts';
import { readRecords, type PodRecord } from './record.ts';

/** Runs the pods that are bound to this node: one worker a pod. */
export class Kubelet {
  readonly #workers = new Map<string, PodWorker>();
  readonly #services: PodServices;
  readonly #pods: Informer<Pod>;

  constructor(services: Omit<PodServices, 'changed' | 'done'>, pods: Informer<Pod>) {
    this.#pods = pods;
    this.#services = {
      ...services,
      changed: (uid) => this.#workers.get(uid)?.kick(),
      done: (uid) => this.#workers.delete(uid),
    };
  }

  /** Takes over what an earlier kubelet left, and follows the pods. The informer has synced before. */
  start(): void {
    const { config, network } = this.#services;
    const records = new Map(readRecords(config.pods).map((r) => [r.uid, r]));
    network.keep([...records.values()].filter((r) => !r.over).map((r) => r.ip));
    for (const pod of this.#pods.list()) this.#worker(pod, records.get(pod.metadata.uid)).kick();
    for (const record of records.values()) {
      if (this.#workers.has(record.uid)) continue;
      const worker = new PodWorker(this.#services, undefined, record);
      this.#workers.set(record.uid, worker);
      worker.kick();
    }
    this.#pods.on({
      add: (pod) => this.#worker(pod, undefined).update(pod),
      update: (pod, old) => {
        // Deleted and made again under the same name between two looks.
        if (old.metadata.uid !== pod.metadata.uid) this.#workers.get(old.metadata.uid)?.update(undefined);
        this.#worker(pod, undefined).update(pod);
      },
      remove: (pod) => this.#workers.get(pod.metadata.uid)?.update(undefined),
    });
  }

  /** An object that pods refer to has changed: their volumes follow, and what waited for it is tried again. */
  sourceChanged(namespace: string | undefined, name: string): void {
    for (const worker of this.#workers.values()) if (worker.refersTo(namespace, name)) worker.kick();
  }

  /** A pod that is here, by its name; a new one rather than one that ends. */
  find(namespace: string, name: string): PodView | undefined {
    return this.views().findLast((v) => v.namespace === namespace && v.name === name);
  }

  views(): PodView[] {
    return [...this.#workers.values()].flatMap((w) => w.view ?? []);
  }

  #worker(pod: Pod, record: PodRecord | undefined): PodWorker {
    const { uid } = pod.metadata;
    const known = this.#workers.get(uid);
    if (known) return known;
    const worker = new PodWorker(this.#services, pod, record);
    this.#workers.set(uid, worker);
    return worker;
  }
}

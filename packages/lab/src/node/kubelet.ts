import type { Informer, KubeClient, Logger } from '@kosmos/kernel';
import type { Pod } from '../kube.ts';
import type { NodeConfig } from './config.ts';
import { podEvents } from './events.ts';
import { PodWorker, type PodServices, type PodView } from './pod-worker.ts';
import type { PodNetwork } from './pod-network.ts';
import { readRecords } from './record.ts';

/** Runs the pods that are bound to this node: one worker a pod. */
export class Kubelet {
  readonly #workers = new Map<string, PodWorker>();
  readonly #services: PodServices;
  readonly #pods: Informer<Pod>;

  constructor(o: { config: NodeConfig; client: KubeClient; network: PodNetwork; pods: Informer<Pod>; log: Logger }) {
    this.#pods = o.pods;
    this.#services = {
      config: o.config,
      client: o.client,
      network: o.network,
      events: podEvents(o.client, o.config.node, o.log),
      log: o.log,
      done: (uid) => this.#workers.delete(uid),
    };
  }

  /** Takes over what an earlier kubelet left, and follows the pods. The informer has synced before. */
  start(): void {
    const { config, network } = this.#services;
    const records = new Map(readRecords(config.pods).map((r) => [r.uid, r]));
    network.keep([...records.values()].map((r) => r.ip));
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

  /** A pod that is here, by its name; a new one rather than one that ends. */
  find(namespace: string, name: string): PodView | undefined {
    const views = [...this.#workers.values()].map((w) => w.view);
    return views.findLast((v) => v?.namespace === namespace && v.name === name);
  }

  #worker(pod: Pod, record: ConstructorParameters<typeof PodWorker>[2]): PodWorker {
    const { uid } = pod.metadata;
    const known = this.#workers.get(uid);
    if (known) return known;
    const worker = new PodWorker(this.#services, pod, record);
    this.#workers.set(uid, worker);
    return worker;
  }
}

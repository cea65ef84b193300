import type { KubeClient, Logger } from '@kosmos/kernel';
import type { Pod } from '../kube.ts';
import type { NodeConfig } from './config.ts';
import type { Events } from './events.ts';
import type { PodPlace } from './fields.ts';
import type { PodNetwork } from './pod-network.ts';
import type { PodRecord } from './record.ts';
import type { RootPlan } from './root/layers.ts';
import type { Sources } from './sources.ts';
import type { PodVolumes } from './volumes/volumes.ts';

/** What the workers of a node's pods share. */
export interface PodServices {
  readonly config: NodeConfig;
  readonly client: KubeClient;
  readonly network: PodNetwork;
  readonly sources: Sources;
  readonly events: Events;
  readonly log: Logger;
  /** What the roots of containers consist of on this machine. */
  readonly root: RootPlan;
  /** What pods may use of the node. */
  readonly allocatable: Readonly<Record<string, string>>;
  /** Something about a pod changed here: it is looked at. */
  readonly changed: (uid: string) => void;
  /** The pod is gone from this node and from the API server. */
  readonly done: (uid: string) => void;
}

/** One pod as its containers see it. */
export interface PodContext {
  readonly services: PodServices;
  readonly record: PodRecord;
  /** In the lab's memory: roots of containers, volumes with secrets. */
  readonly dirs: { readonly memory: string };
  readonly volumes: PodVolumes;
  /** As the API server has it; undefined when it is gone there. */
  pod(): Pod | undefined;
  place(): PodPlace;
  /** The time that the pod gives its containers to end. */
  graceMs(): number;
  save(): void;
  /** Looks at the pod again soon, for something that is not there yet. */
  wake(): void;
}

import type { KubeClient } from '@kosmos/kernel';
import type { Pod, PodStatus } from '../kube.ts';
import type { PodServices } from './pod-context.ts';
import { podStatus, seconds, type ContainerRecord, type PodFacts } from './status.ts';

const STRATEGIC = 'application/strategic-merge-patch+json';

/** Writes a pod's status, where it differs from what the API server has. */
export class StatusWriter {
  readonly #client: KubeClient;
  #written = '';

  constructor({ client }: PodServices) {
    this.#client = client;
  }

  async write(pod: Pod, records: readonly ContainerRecord[], facts: Omit<PodFacts, 'now'>): Promise<void> {
    await this.#send(pod, podStatus(pod, records, { ...facts, now: seconds() }));
  }

  /** The last status of a pod that is deleted: all of its containers have ended. */
  async writeEnd(pod: Pod, records: readonly ContainerRecord[], { podIPs, hostIPs }: Pick<PodFacts, 'podIPs' | 'hostIPs'>): Promise<void> {
    const failed = records.some((r) => r.state.terminated && r.state.terminated.exitCode !== 0);
    const asNever = { ...pod, spec: { ...pod.spec, restartPolicy: 'Never' as const } };
    const status = podStatus(asNever, records, { podIPs, hostIPs, isPrepared: false, now: seconds() });
    const phase = status.phase === 'Pending' || status.phase === 'Running' ? (failed ? 'Failed' : 'Succeeded') : status.phase;
    await this.#send(pod, { ...status, phase }).catch(ignoreGone);
  }

  /** The node has nothing of it any more: it goes from the API server, too. */
  async remove({ metadata: { name, namespace = 'default', uid } }: Pod): Promise<void> {
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, preconditions: { uid } };
    await this.#client.request('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`, { body }).catch(ignoreGone);
  }

  async #send(pod: Pod, status: PodStatus): Promise<void> {
    const text = JSON.stringify(status);
    if (text === this.#written || text === JSON.stringify(pod.status)) return;
    const { name, namespace = 'default', uid } = pod.metadata;
    const { hostIPs, podIPs } = status;
    // Conditions are merged by type, so that those of others stay; addresses are not.
    const lists = {
      conditions: status.conditions?.map((c) => ({ reason: null, message: null, ...c })), // what a merge leaves out stays
      ...(hostIPs && { hostIPs: wholly(hostIPs) }),
      ...(podIPs && { podIPs: wholly(podIPs) }),
    };
    // The uid makes the server refuse when another pod has taken the name.
    const body = { metadata: { uid }, status: { ...status, ...lists } };
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/status?fieldManager=lab-kubelet`;
    await this.#client.request('PATCH', path, { body, contentType: STRATEGIC });
    this.#written = text;
  }
}

/** A list for a strategic merge patch that is to be all that there is. */
export const wholly = (list: readonly object[]): object[] => [{ $patch: 'replace' }, ...list];

function ignoreGone(error: unknown): void {
  const { status } = error as { status?: number };
  if (status !== 404 && status !== 409) throw error;
}

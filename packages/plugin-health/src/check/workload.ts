/** What a check makes in one cluster, and takes away again: a namespace with two pods a node, and a Service for one of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { rfc3339 } from '@kosmos/api';
import { atOnce, type KubeClient } from '@kosmos/kernel';
import { Namespaces, type Pod, Pods, type Service, Services } from './kinds.ts';
import { PORT, probeCommand, PROGRAM, PROGRAM_VARIABLE, WHO_VARIABLE } from './probe.ts';

/** On the namespace and all that is in it; its value is the run. */
export const LABEL = 'kosmos.io/check';
/** On the namespace, renewed while the check runs: after this time it is a leftover. */
export const UNTIL = 'kosmos.io/check-until';
export const SERVICE_PORT = 80;
const FIELD_MANAGER = 'kosmos/health/check';
const LIFE_MS = 60_000;
const RENEW_MS = 15_000;
const POLL_MS = 250;
/** Nodes whose pods are made at the same time. */
const AT_ONCE = 8;
/** Should nobody be left to delete them. */
const POD_SECONDS = 3600;

export interface WorkloadOptions {
  /** Of this run, a part of names. */
  readonly run: string;
  readonly image: string;
  /** Until all pods are ready. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface CheckedNode {
  /** Of the ClusterNode. */
  readonly name: string;
  /** Of the Kubernetes node. */
  readonly nodeName: string;
}

/** The pods of one node. */
export interface NodePods extends CheckedNode {
  /** Of the pod in the pod network, which answers and asks. */
  readonly pod: string;
  readonly podIPs: readonly string[];
  readonly clusterIPs: readonly string[];
  /** Of the pod in the node's own network, which asks. */
  readonly host: string;
}

export class Workload {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly #options: WorkloadOptions;
  #renewal: NodeJS.Timeout | undefined;

  constructor(client: KubeClient, options: WorkloadOptions) {
    this.client = client;
    this.namespace = `kosmos-check-${options.run}`;
    this.#options = options;
  }

  /** Resolves when the pods are ready: those of the nodes where they are, and of the others why they are not. */
  async start(nodes: readonly CheckedNode[]): Promise<{ readonly pods: NodePods[]; readonly missing: string[] }> {
    const { signal, run } = this.#options;
    signal.throwIfAborted();
    await this.#makeNamespace();
    this.#renewal = setInterval(() => void this.#renew().catch(() => {}), RENEW_MS);
    const names = nodes.map((of, i) => ({ ...of, pod: `node-${i}`, host: `host-${i}` }));
    const o = { fieldManager: FIELD_MANAGER, force: true, signal };
    const labels = (pod: string) => ({ [LABEL]: run, 'kosmos.io/check-pod': pod });
    const meta = (name: string) => ({ name, namespace: this.namespace, labels: labels(name) });
    await atOnce(AT_ONCE, names, async ({ nodeName, name: who, pod, host }) => {
      await this.client.apply(Pods, { metadata: meta(pod), spec: this.#spec(nodeName, false, who) }, o);
      await this.client.apply(Pods, { metadata: meta(host), spec: this.#spec(nodeName, true, who) }, o);
      const ports = ['TCP', 'UDP'].map((protocol) => ({ name: protocol.toLowerCase(), protocol, port: SERVICE_PORT, targetPort: PORT }));
      const spec = { selector: labels(pod), ports, ipFamilyPolicy: 'PreferDualStack' };
      await this.client.apply(Services, { metadata: meta(pod), spec }, o);
    });
    const { ready, seen } = await this.#ready(names.flatMap(({ pod, host }) => [pod, host]));
    const services = await this.client.list<Service>(Services, { namespace: this.namespace, signal });
    const late = (pod: string) => (ready.has(pod) ? [] : [`pod ${pod} ${reasonOf(seen.get(pod))}`]);
    const missing = names.flatMap(({ name, pod, host }) => {
      const [why] = [...late(pod), ...late(host)];
      return why === undefined ? [] : [{ name, why: `${name} is not checked: after ${this.#options.timeoutMs / 1000} s its ${why}` }];
    });
    return {
      missing: missing.map(({ why }) => why),
      pods: names
        .filter(({ name }) => !missing.some((of) => of.name === name))
        .map((of) => ({
          ...of,
          podIPs: (ready.get(of.pod)?.status?.podIPs ?? []).map(({ ip }) => ip),
          clusterIPs: services.find(({ metadata }) => metadata.name === of.pod)?.spec?.clusterIPs ?? [],
        })),
    };
  }

  /** Takes all of it away, also what was made only in part. Does not wait for the pods' ends. */
  async stop(): Promise<void> {
    clearInterval(this.#renewal);
    await this.client.delete(Namespaces, this.namespace, { signal: AbortSignal.timeout(LIFE_MS) });
  }

  /** Not to be interrupted: a namespace that comes after it was taken away would stay. */
  async #makeNamespace(): Promise<void> {
    const metadata = {
      name: this.namespace,
      // Pods in the node's own network are for namespaces that say so.
      labels: { [LABEL]: this.#options.run, 'pod-security.kubernetes.io/enforce': 'privileged' },
      annotations: this.#until(),
    };
    await this.client.apply(Namespaces, { metadata }, { fieldManager: FIELD_MANAGER, force: true });
  }

  /** A patch, since an apply would make it anew once it is gone. */
  async #renew(): Promise<void> {
    await this.client.patch(Namespaces, this.namespace, { metadata: { annotations: this.#until() } });
  }

  #until(): Record<string, string> {
    return { [UNTIL]: rfc3339(Date.now() + LIFE_MS) };
  }

  #spec(nodeName: string, hostNetwork: boolean, who: string): object {
    return {
      nodeName,
      hostNetwork,
      // Nodes that take no pods are part of the network all the same.
      tolerations: [{ operator: 'Exists' }],
      restartPolicy: 'Always',
      activeDeadlineSeconds: POD_SECONDS,
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      containers: [
        {
          name: 'probe',
          image: this.#options.image,
          command: hostNetwork ? ['sleep', String(POD_SECONDS)] : probeCommand('serve', String(PORT)),
          env: [
            { name: PROGRAM_VARIABLE, value: PROGRAM },
            { name: WHO_VARIABLE, value: who },
          ],
          // To ping; and to read the nft tables and filter rules of the node, which takes a right that could change them too.
          securityContext: { capabilities: { drop: ['ALL'], add: hostNetwork ? ['NET_RAW', 'NET_ADMIN'] : ['NET_RAW'] } },
          ...(!hostNetwork && { readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 1, failureThreshold: 60 } }),
        },
      ],
    };
  }

  async #ready(names: readonly string[]): Promise<{ readonly ready: ReadonlyMap<string, Pod>; readonly seen: ReadonlyMap<string, Pod> }> {
    const { signal, timeoutMs } = this.#options;
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const pods = await this.client.list<Pod>(Pods, { namespace: this.namespace, signal });
      const seen = new Map(pods.map((pod) => [pod.metadata.name, pod]));
      const ready = new Map([...seen].filter(([, pod]) => isReady(pod)));
      if (names.every((name) => ready.has(name)) || Date.now() > deadline) return { ready, seen };
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}

/** Deletes the namespaces of checks that ended without doing so; returns their names. */
export async function removeLeftovers(client: KubeClient, signal: AbortSignal): Promise<string[]> {
  const found = await client.list(Namespaces, { labels: LABEL, signal });
  const over = found.filter(({ metadata }) => !(Date.parse(metadata.annotations?.[UNTIL] ?? '') > Date.now()));
  await Promise.all(over.map(({ metadata }) => client.delete(Namespaces, metadata.name, { uid: metadata.uid, signal })));
  return over.map(({ metadata }) => metadata.name);
}

const isReady = ({ status }: Pod) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;

function reasonOf(pod: Pod | undefined): string {
  if (!pod) return 'is not there';
  const { status } = pod;
  const waiting = status?.containerStatuses?.map(({ state }) => state?.waiting).find((w) => w !== undefined);
  const why = [waiting?.reason ?? status?.reason, waiting?.message ?? status?.message].filter(Boolean).join(': ');
  return why ? `is not ready: ${why}` : 'is not ready';
}

/** The registry of clusters: who is there, how to reach it, and whether it answers. */
import { isDeepStrictEqual } from 'node:util';
import { KosmosError, KosmosErrors } from '../contracts/error.ts';
import type { Clock, ClusterAccess, ClusterState, Clusters, KubeClient, Logger } from '../contracts/services.ts';
import { ListBudget } from '../bus/budget.ts';
import { Client } from '../bus/client.ts';
import { isKosmosError } from '../host/errors.ts';
import { readAccess } from './kubeconfig.ts';
import { Transport } from '../bus/transport.ts';

interface Entry {
  readonly name: string;
  access: ClusterAccess;
  transport: Transport;
  client: Client;
  readonly budget: ListBudget;
  state: ClusterState;
}
type Change = Parameters<Parameters<Clusters['on']>[0]>[1];

export class Registry implements Clusters {
  readonly #entries = new Map<string, Entry>();
  readonly #handlers = new Set<(name: string, change: Change) => void>();
  readonly #clock: Clock;
  readonly #log: Logger;
  /** What is wrong with the access to clusters of the config. */
  readonly #problems = new Map<string, KosmosError>();

  constructor(access: Readonly<Record<string, ClusterAccess>>, clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
    for (const [name, how] of Object.entries(access)) {
      try {
        this.join(name, how);
      } catch (error) {
        if (!isKosmosError(error)) throw error;
        this.#problems.set(name, error);
      }
    }
  }

  /** Throws every problem with the access of the config at once. A command that needs no cluster does not ask. */
  check(): void {
    if (this.#problems.size > 0) throw new KosmosErrors([...this.#problems.values()]);
  }

  join(name: string, access: ClusterAccess): void {
    const known = this.#entries.get(name);
    if (known && isDeepStrictEqual(known.access, access)) return;
    const transport = new Transport(readAccess(name, access), this.#clock);
    const client = new Client(name, transport);
    if (known) {
      known.transport.close(); // its watches end, and go on with the new access
      Object.assign(known, { access, transport, client });
      return;
    }
    this.#entries.set(name, { name, access, transport, client, budget: new ListBudget(this.#clock), state: 'connecting' });
    this.#tell(name, 'joined');
  }

  leave(name: string): void {
    const entry = this.#entries.get(name);
    if (!entry) return;
    this.#entries.delete(name);
    this.#tell(name, 'left');
    entry.transport.close();
  }

  names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  members(): readonly string[] {
    return this.names().filter((name) => name !== 'host');
  }

  state(name: string): ClusterState | undefined {
    return this.#entries.get(name)?.state;
  }

  client(name: string): KubeClient {
    return this.#entry(name).client;
  }

  transport(name: string): Transport {
    return this.#entry(name).transport;
  }

  budget(name: string): ListBudget {
    return this.#entry(name).budget;
  }

  on(handler: (name: string, change: Change) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** Said by the reflectors: the cluster answered, or did not, and why. */
  seen(name: string, state: 'live' | 'unreachable', reason?: string): void {
    const entry = this.#entries.get(name);
    if (!entry || entry.state === state) return;
    const fields = { cluster: name, server: entry.transport.server };
    if (state === 'unreachable') this.#log.warn({ ...fields, reason }, 'cluster does not answer');
    else if (entry.state === 'unreachable') this.#log.info(fields, 'cluster answers again');
    entry.state = state;
    this.#tell(name, state);
  }

  close(): void {
    for (const { transport } of this.#entries.values()) transport.close();
  }

  #tell(name: string, change: Change): void {
    for (const handler of this.#handlers) {
      try {
        handler(name, change);
      } catch (error) {
        this.#log.error({ cluster: name, change, err: error }, 'a handler of cluster changes threw');
      }
    }
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry) return entry;
    const problem = this.#problems.get(name);
    if (problem) throw problem;
    const known = this.names().join(', ') || 'none';
    const hint =
      name === 'host'
        ? 'Give clusters.host in the config: a kubeconfigFile of the cluster that holds the Kosmos objects.'
        : 'Join it first: kosmos join NAME --kubeconfig FILE.';
    throw new KosmosError('KOSMOS_E_CLUSTER_UNKNOWN', `there is no cluster '${name}'; known: ${known}`, { where: `cluster ${name}`, hint });
  }
}

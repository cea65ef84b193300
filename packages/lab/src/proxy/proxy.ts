import { createHostNet, type HostNet } from '@kosmos/hostnet';
import type { Informer, Logger } from '@kosmos/kernel';
import { familyOf, type Family } from '../cidr.ts';
import { messageOf } from '../errors.ts';
import type { Node } from '../kube.ts';
import { BY_SERVICE, type EndpointSlice, type Service } from '../services.ts';
import { forget, staleFlows } from './conntrack.ts';
import { rulesetOf, type Ruleset } from './ruleset.ts';
import { servicePortsOf, type ServicePort } from './service-ports.ts';
import { changes, wholeTable } from './transaction.ts';

export interface ProxyOptions {
  readonly node: string;
  /** Node ports are served at these. */
  readonly addresses: readonly string[];
  /** Of the cluster, one of each family that is to be served. */
  readonly podCIDRs: readonly string[];
  readonly services: Informer<Service>;
  /** With the index `BY_SERVICE`. */
  readonly slices: Informer<EndpointSlice>;
  /** Only this node. */
  readonly nodes: Informer<Node>;
  readonly log: Logger;
}

/** Changes within this time are one transaction. */
const DEBOUNCE_MS = 20;
const RETRY_MS = 1000;
const ZONE = 'topology.kubernetes.io/zone';

interface Applied {
  readonly ports: readonly ServicePort[];
  readonly ruleset: Ruleset;
}

/** kube-proxy's part of a node: translates the addresses of services to those of their endpoints, by an nft table for each family. */
export class Proxy {
  readonly #options: ProxyOptions;
  readonly #net: HostNet;
  /** What the kernel has; undefined before the first transaction, and after one that failed. */
  readonly #applied = new Map<Family, Applied | undefined>();
  #due = false;
  #busy = false;
  #again = false;
  #warned = false;

  constructor(options: ProxyOptions, net: HostNet = createHostNet()) {
    this.#options = options;
    this.#net = net;
  }

  /** The informers have synced. Resolves when the rules are in the kernel. */
  async start(): Promise<void> {
    const { services, slices, nodes } = this.#options;
    const later = () => this.#later(DEBOUNCE_MS);
    for (const each of [services, slices, nodes]) each.on({ add: later, update: later, remove: later });
    await this.#sync();
  }

  #later(ms: number): void {
    if (this.#due) return;
    this.#due = true;
    setTimeout(() => {
      this.#due = false;
      void this.#sync();
    }, ms);
  }

  async #sync(): Promise<void> {
    this.#again = true;
    if (this.#busy) return;
    this.#busy = true;
    while (this.#again) {
      this.#again = false;
      for (const podCIDR of this.#options.podCIDRs) {
        try {
          await this.#apply(familyOf(podCIDR), podCIDR);
        } catch (error) {
          // What the kernel has now is not known: the whole table is next.
          this.#applied.set(familyOf(podCIDR), undefined);
          this.#options.log.warn({ error: messageOf(error) }, 'service rules not written, will be tried again');
          this.#later(RETRY_MS);
        }
      }
    }
    this.#busy = false;
  }

  async #apply(family: Family, podCIDR: string): Promise<void> {
    const { node: name, services, slices, nodes, addresses } = this.#options;
    const node = { name, zone: [...nodes.list()].find((n) => n.metadata.name === name)?.metadata.labels?.[ZONE] };
    const ports = [...services.list()]
      .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
      .flatMap((service) => servicePortsOf(service, [...slices.by(BY_SERVICE, keyOf(service))], family, node));
    const ruleset = rulesetOf(ports, { family, podCIDR });
    const before = this.#applied.get(family);
    const own = addresses.filter((a) => familyOf(a) === family);
    const text = before ? changes(family, before.ruleset, ruleset) : wholeTable(family, own, ruleset);
    if (text !== '') await this.#net.nftScript(text);
    this.#applied.set(family, { ports, ruleset });
    for (const flow of staleFlows(before?.ports ?? [], ports)) await this.#forget(flow, family);
  }

  async #forget(flow: readonly string[], family: Family): Promise<void> {
    const wrong = await forget(flow, family === 'IPv4' ? 'ipv4' : 'ipv6');
    if (wrong === '' || this.#warned) return;
    this.#warned = true;
    this.#options.log.warn(
      { error: wrong },
      'UDP flows to endpoints that are gone go on until they time out (Debian: apt-get install conntrack)',
    );
  }
}

const keyOf = (service: Service): string => `${service.metadata.namespace}/${service.metadata.name}`;

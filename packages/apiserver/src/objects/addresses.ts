import { field, invalid } from '../http/errors.ts';
import type { JsonObject } from '../schema/schema.ts';
import type { Store } from '../storage/store.ts';
import { type IpFamily, ServiceRange } from './service-range.ts';

const SERVICE = { group: '', plural: 'services', kind: 'Service' };
/** Kubernetes' default range of node ports. */
const NODE_PORTS = { first: 30000, last: 32767 };
/** How long an address stays taken that was given to a write which may have failed. */
const HOLD = 30_000;

/** Gives ClusterIPs and node ports that no service has. */
export class Addresses {
  /** One of each family, the primary first. */
  readonly #ranges: readonly ServiceRange[];
  readonly #used = new Map<string, string>();
  readonly #held = new Map<string, number>();
  readonly #unlisten: () => void;
  #nextPort = 0;

  /** @param cidrs a range, or one of each family, e.g. 10.96.0.0/12, fd00:96::/112 */
  constructor(store: Store, cidrs: readonly string[]) {
    this.#ranges = cidrs.map((cidr) => new ServiceRange(cidr));
    if (new Set(this.families).size < cidrs.length || cidrs.length === 0)
      throw new TypeError(`serviceCIDRs: expected one range, or one of each IP family, not ${cidrs.join(', ') || 'none'}`);
    for (const e of store.list('services')) this.#note(e.json, `${e.namespace}/${e.name}`);
    this.#unlisten = store.listen('services', ({ entry, before, key }) => {
      if (before) this.#note(before.json, undefined);
      if (entry) this.#note(entry.json, key);
    });
  }

  get families(): readonly IpFamily[] {
    return this.#ranges.map((r) => r.family);
  }

  get cidrs(): readonly string[] {
    return this.#ranges.map((r) => r.cidr);
  }

  /** The address of the service `kubernetes`. */
  get first(): string {
    return this.#ranges[0]!.first;
  }

  #note(json: string, owner: string | undefined): void {
    const spec: JsonObject = (JSON.parse(json) as JsonObject)['spec'] ?? {};
    const ids: string[] = [
      ...(spec['clusterIPs'] ?? []),
      ...(spec['healthCheckNodePort'] ? [`port ${spec['healthCheckNodePort']}`] : []),
      ...(spec['ports'] ?? []).filter((p: JsonObject) => p['nodePort']).map((p: JsonObject) => `port ${p['nodePort']}`),
    ];
    for (const id of ids) {
      if (owner) this.#used.set(id, owner);
      else this.#used.delete(id);
      this.#held.delete(id);
    }
  }

  #taken(id: string): boolean {
    return this.#used.has(id) || (this.#held.get(id) ?? 0) > Date.now();
  }

  #take(id: string, dryRun: boolean): void {
    if (!dryRun) this.#held.set(id, Date.now() + HOLD);
  }

  clusterIP(family: IpFamily, wanted: string | undefined, dryRun: boolean): string {
    const range = this.#ranges.find((r) => r.family === family);
    if (!range) throw invalid(SERVICE, '', [field.invalid('spec.ipFamilies[0]', family, 'not configured on this cluster')]);
    if (wanted) {
      const refuse = (why: string): never => {
        throw invalid(SERVICE, '', [field.invalid('spec.clusterIPs', [wanted], `failed to allocate IP ${wanted}: ${why}`)]);
      };
      if (!range.holds(wanted)) refuse(`the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${range.cidr}`);
      if (this.#taken(wanted)) refuse('provided IP is already allocated');
      this.#take(wanted, dryRun);
      return wanted;
    }
    const ip = range.next((candidate) => this.#taken(candidate));
    if (ip !== undefined) {
      this.#take(ip, dryRun);
      return ip;
    }
    throw invalid(SERVICE, '', [field.invalid('spec.clusterIPs', [], `failed to allocate a serviceIP: range ${range.cidr} is full`)]);
  }

  nodePort(wanted: number | undefined, dryRun: boolean): number {
    if (wanted) {
      // A dry run takes whatever is asked for.
      if (dryRun) return wanted;
      if (wanted < NODE_PORTS.first || wanted > NODE_PORTS.last) {
        throw invalid(SERVICE, '', [
          field.invalid(
            'spec.ports[0].nodePort',
            wanted,
            `provided port is not in the valid range. The range of valid ports is ${NODE_PORTS.first}-${NODE_PORTS.last}`,
          ),
        ]);
      }
      if (this.#taken(`port ${wanted}`))
        throw invalid(SERVICE, '', [field.invalid('spec.ports[0].nodePort', wanted, 'provided port is already allocated')]);
      this.#take(`port ${wanted}`, false);
      return wanted;
    }
    const count = NODE_PORTS.last - NODE_PORTS.first + 1;
    for (let i = 0; i < count; i += 1) {
      const port = NODE_PORTS.first + ((this.#nextPort + i) % count);
      if (this.#taken(`port ${port}`)) continue;
      this.#nextPort = (this.#nextPort + i + 1) % count;
      this.#take(`port ${port}`, dryRun);
      return port;
    }
    throw invalid(SERVICE, '', [field.invalid('spec.ports[0].nodePort', 0, 'failed to allocate a nodePort: range is full')]);
  }

  stop(): void {
    this.#unlisten();
  }
}

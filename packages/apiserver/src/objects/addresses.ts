import { BlockList, isIPv4 } from 'node:net';
import { field, invalid } from '../http/errors.ts';
import type { JsonObject } from '../schema/schema.ts';
import type { Store } from '../storage/store.ts';

const SERVICE = { group: '', plural: 'services', kind: 'Service' };
/** Kubernetes' default range of node ports. */
const NODE_PORTS = { first: 30000, last: 32767 };
/** How long an address stays taken that was given to a write which may have failed. */
const HOLD = 30_000;

const toNumber = (ip: string): number => ip.split('.').reduce((n, part) => n * 256 + Number(part), 0);
const toIp = (n: number): string => [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join('.');

/** Gives ClusterIPs and node ports that no service has. */
export class Addresses {
  readonly #first: number;
  readonly #size: number;
  readonly cidr: string;
  readonly #range = new BlockList();
  readonly #used = new Map<string, string>();
  readonly #held = new Map<string, number>();
  readonly #unlisten: () => void;
  #next: number;
  #nextPort = 0;

  /** @param cidr an IPv4 range, e.g. 10.96.0.0/12 */
  constructor(store: Store, cidr: string) {
    const [ip, bits] = cidr.split('/');
    if (!ip || !isIPv4(ip) || !/^\d+$/.test(bits ?? '') || Number(bits) < 8 || Number(bits) > 30) {
      throw new TypeError(`serviceCIDRs: ${JSON.stringify(cidr)} is no IPv4 range between /8 and /30, such as 10.96.0.0/12`);
    }
    this.cidr = cidr;
    this.#size = 2 ** (32 - Number(bits));
    this.#first = Math.floor(toNumber(ip) / this.#size) * this.#size;
    this.#range.addSubnet(toIp(this.#first), Number(bits), 'ipv4');
    // The first addresses are kept for those who ask for one, as kube-apiserver keeps a part of the range.
    this.#next = Math.min(Math.max(16, Math.floor(this.#size / 16)), 256, this.#size / 2);
    for (const e of store.list('services')) this.#note(e.json, `${e.namespace}/${e.name}`);
    this.#unlisten = store.listen('services', ({ entry, before, key }) => {
      if (before) this.#note(before.json, undefined);
      if (entry) this.#note(entry.json, key);
    });
  }

  /** The address of the service `kubernetes`. */
  get first(): string {
    return toIp(this.#first + 1);
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

  clusterIP(wanted: string | undefined, dryRun: boolean): string {
    if (wanted) {
      const refuse = (why: string): never => {
        throw invalid(SERVICE, '', [field.invalid('spec.clusterIPs', [wanted], `failed to allocate IP ${wanted}: ${why}`)]);
      };
      if (!isIPv4(wanted) || !this.#range.check(wanted, 'ipv4'))
        refuse(`the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${this.cidr}`);
      if (this.#taken(wanted)) refuse('provided IP is already allocated');
      this.#take(wanted, dryRun);
      return wanted;
    }
    for (let i = 0; i < this.#size - 2; i += 1) {
      const ip = toIp(this.#first + 1 + ((this.#next + i) % (this.#size - 2)));
      if (this.#taken(ip)) continue;
      this.#next = (this.#next + i + 1) % (this.#size - 2);
      this.#take(ip, dryRun);
      return ip;
    }
    throw invalid(SERVICE, '', [field.invalid('spec.clusterIPs', [], `failed to allocate a serviceIP: range ${this.cidr} is full`)]);
  }

  nodePort(wanted: number | undefined, dryRun: boolean): number {
    if (wanted) {
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
      this.#take(`port ${wanted}`, dryRun);
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

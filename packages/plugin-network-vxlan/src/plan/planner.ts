import { isDeepStrictEqual } from 'node:util';
import type { Cluster, ClusterNode } from '@kosmos/api';
import type { Announced, Family, Mapping, NetworkHooks } from '../contracts.ts';
import { type Cidr, hostCidr, type Ip, parseIp } from './address.ts';
import { baseAnnounced, baseClass, baseNat, ENDPOINT } from './base.ts';
import { Claims } from './claims.ts';
import { ClassPlan } from './class-plan.ts';
import { findConditions, type ObjectConditions } from './conditions.ts';
import { exceptOwn } from './except-own.ts';
import { devicesOf, peersOf, samePeers } from './devices.ts';
import { V4 } from './families.ts';
import { gatewaysOf } from './gateways.ts';
import { intervals, type Intervals } from './intervals.ts';
import { mapsOf, seenIp } from './maps.ts';
import { mappedRules, translatedPods } from './translate.ts';
import {
  type ClusterState,
  type Exclusion,
  isGateway,
  nodeExclusion,
  type NodeState,
  NOTHING,
  type OwnNetworks,
  readCluster,
  readNode,
} from './model.ts';
import { type Changes, type Entry, makeBlock, MANY, Table } from './table.ts';
import type { Nat, NodePlan } from './types.ts';

const NO_CHANGES: Changes = new Map();

export interface PlannerOptions {
  /** MTU of all tunnel devices; absent: the agent takes the underlay's less the overhead. */
  readonly mtu?: number | undefined;
}

/**
 * Plans every node from Cluster and ClusterNode objects: pure, deterministic whatever the order of calls, incremental.
 * Nothing in an object makes it throw: what cannot be used is left out and said in `conditions()`.
 */
export interface Planner {
  setCluster(object: Cluster): void;
  removeCluster(name: string): void;
  setNode(object: ClusterNode): void;
  removeNode(name: string): void;
  /**
   * The plan of a ClusterNode; undefined if there is no such object. A node that takes no part has a plan with empty
   * lists. The same object as before means that nothing changed for this node.
   */
  planOf(node: string): NodePlan | undefined;
  /** Every plan, by ClusterNode name. */
  all(): Generator<NodePlan>;
  /** What is wrong, by object; objects without findings are not listed. */
  conditions(): ObjectConditions[];
  /** See `Network.seenAs`. */
  seenAs(cluster: string, ip: string): string;
  /** See `Network.reachable`. */
  reachable(cluster: string): boolean;
  /** Every tunnel device of the nodes that take part. */
  ends(): Generator<TunnelEnd>;
}

/** A tunnel device, by the MAC address that tells it from all others. */
export interface TunnelEnd {
  readonly mac: string;
  readonly dev: string;
  /** Name of the ClusterNode. */
  readonly node: string;
  readonly cluster: string;
  /** Does the node stand for its cluster there? */
  readonly gateway: boolean;
}

export function createPlanner(hooks: NetworkHooks, options: PlannerOptions = {}): Planner {
  return new IncrementalPlanner(hooks, options);
}

class IncrementalPlanner implements Planner {
  readonly #hooks: NetworkHooks;
  readonly #options: PlannerOptions;
  readonly #clusters = new Map<string, ClusterState>();
  readonly #nodes = new Map<string, NodeState>();
  /** ClusterNodes by what their spec.clusterName says, whether that cluster exists or not. */
  readonly #members = new Map<string, Map<string, NodeState>>();
  readonly #classPlans = new Map<string, Map<string, ClassPlan>>();
  readonly #table = new Table();
  readonly #claims = new Claims();
  readonly #dirty = new Set<string>();
  #families: readonly Family[] | undefined;
  #version = 0;
  #revision = 0;

  constructor(hooks: NetworkHooks, options: PlannerOptions) {
    this.#hooks = hooks;
    this.#options = options;
  }

  setCluster(object: Cluster): void {
    const { name } = object.metadata;
    const old = this.#clusters.get(name);
    const concerning = ({ metadata, spec, status }: Cluster) => [
      metadata.creationTimestamp,
      spec?.clusterLinkOptions,
      status?.clusterLinkStatus,
    ];
    if (old && isDeepStrictEqual(concerning(old.object), concerning(object))) return;
    const cluster = readCluster(object, this.#allFamilies());
    this.#clusters.set(name, cluster);
    for (const node of this.#members.get(name)?.values() ?? []) node.cluster = cluster;
    this.#dirty.add(name);
    // Who is older decides who keeps an address that several claim.
    if (old && old.created !== cluster.created) for (const other of this.#clusters.keys()) this.#dirty.add(other);
  }

  removeCluster(name: string): void {
    if (this.#clusters.delete(name)) this.#dirty.add(name);
  }

  setNode(object: ClusterNode): void {
    const { name } = object.metadata;
    const old = this.#nodes.get(name);
    if (old && isDeepStrictEqual(old.object.spec, object.spec)) return;
    this.#forget(name);
    const clusterName = object.spec?.clusterName ?? '';
    const node = readNode(object, this.#clusters.get(clusterName) ?? missing(clusterName));
    node.rev = this.#revision += 1;
    // What comes out the same is to stay the same object.
    if (old) Object.assign(node, { plan: old.plan, devices: old.devices, nat: old.nat, natKey: old.natKey, exceptOwn: old.exceptOwn });
    this.#nodes.set(name, node);
    let members = this.#members.get(clusterName);
    if (!members) this.#members.set(clusterName, (members = new Map()));
    members.set(name, node);
    this.#dirty.add(clusterName);
  }

  removeNode(name: string): void {
    this.#forget(name);
  }

  planOf(name: string): NodePlan | undefined {
    this.#flush();
    const node = this.#nodes.get(name);
    return node && this.#planOf(node);
  }

  *all(): Generator<NodePlan> {
    this.#flush();
    for (const name of [...this.#nodes.keys()].sort()) {
      const node = this.#nodes.get(name);
      if (node) yield this.#planOf(node);
    }
  }

  conditions(): ObjectConditions[] {
    this.#flush();
    const ownNetworks = (cluster: ClusterState) => this.#ownNetworks(cluster);
    return findConditions({ clusters: this.#clusters, nodes: this.#nodes, table: this.#table, hooks: this.#hooks, ownNetworks });
  }

  seenAs(cluster: string, ip: string): string {
    this.#flush();
    const parsed = parseIp(ip);
    if (!parsed) return ip;
    return seenIp(this.#clusters.get(cluster)?.maps ?? [], parsed).text.replace(/\/.*/, '');
  }

  reachable(cluster: string): boolean {
    this.#flush();
    return (this.#clusters.get(cluster)?.nodes.length ?? 0) > 0;
  }

  *ends(): Generator<TunnelEnd> {
    this.#flush();
    for (const cluster of this.#clusters.values()) {
      for (const node of cluster.nodes) {
        const gateway = node.cls !== ENDPOINT && isGateway(node);
        for (const { dev, arp } of node.peers) yield { mac: arp.mac, dev, node: node.name, cluster: cluster.name, gateway };
      }
    }
  }

  /** Asked at first use: taps are complete only after every plugin's setup. */
  #allFamilies(): readonly Family[] {
    if (!this.#families) {
      const families = [V4];
      this.#hooks.families.run((family) => families.push(family));
      this.#families = families.sort((a, b) => a.id - b.id);
    }
    return this.#families;
  }

  #forget(name: string): void {
    const node = this.#nodes.get(name);
    if (!node) return;
    this.#leave(node, undefined);
    this.#nodes.delete(name);
    const clusterName = node.object.spec?.clusterName ?? '';
    const members = this.#members.get(clusterName)!;
    members.delete(name);
    if (members.size === 0) this.#members.delete(clusterName);
    this.#dirty.add(clusterName);
  }

  #flush(): void {
    if (this.#dirty.size === 0) return;
    this.#version += 1;
    /** By cluster the networks that became its own or ceased to be, with all else of it that routes depend on as it was; else undefined. */
    const refreshed = new Map<string, readonly Cidr[] | undefined>();
    for (const name of this.#dirty) {
      // A cluster may be made dirty again by another one's change of claims, also while this loop runs.
      this.#dirty.delete(name);
      const again = refreshed.has(name);
      const moved = this.#refresh(name);
      refreshed.set(name, again ? undefined : moved);
    }
    const changed = this.#table.takeChanges();
    for (const [name, plans] of this.#classPlans) {
      if (!this.#clusters.has(name)) this.#classPlans.delete(name);
      const own = refreshed.has(name);
      const moved = own ? this.#around(refreshed.get(name)) : NO_CHANGES;
      for (const plan of plans.values()) {
        plan.touch(changed.size > MANY ? undefined : changed, own);
        plan.touch(moved);
      }
    }
  }

  #sortedMembers(cluster: string): NodeState[] {
    return [...(this.#members.get(cluster)?.values() ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #around(cidrs: readonly Cidr[] | undefined): Changes | undefined {
    return cidrs && cidrs.length <= MANY ? this.#table.around(cidrs) : undefined;
  }

  /** Looks at one cluster and all its nodes. Returns its own networks that are new or gone; undefined where more changed. */
  #refresh(name: string): readonly Cidr[] | undefined {
    const cluster = this.#clusters.get(name);
    const members = this.#sortedMembers(name);
    if (!cluster) {
      const why = missing(name).excluded;
      for (const node of members) this.#leave(node, why);
      this.#table.replace(name, new Map());
      return undefined;
    }
    const { waysKey } = cluster;
    const own = cluster.own.cidrs;
    cluster.version = this.#version;
    const candidates: NodeState[] = [];
    for (const node of members) {
      const lacks = (family: Family) => !node.ip(family);
      node.families = cluster.families.some(lacks) ? cluster.families.filter((family) => !lacks(family)) : cluster.families;
      const why = cluster.excluded ?? nodeExclusion(node);
      if (why) this.#leave(node, why);
      else candidates.push(node);
    }
    cluster.nodes.splice(0, Infinity, ...candidates);
    const claiming = candidates.filter((node) => this.#claim(node));
    cluster.nodes.splice(0, Infinity, ...claiming.filter((node) => this.#join(node)));
    this.#setMaps(cluster);
    const list = () => this.#ownNetworks(cluster).map(({ cidr }) => cidr);
    const now = own && list();
    cluster.own = whenAsked(list, now);
    cluster.waysKey = cluster.families.flatMap((f) => gatewaysOf(cluster, f).map((n) => `${n.name} ${(n as NodeState).rev}`)).join();
    this.#table.replace(
      name,
      makeBlock(cluster, this.#announced(cluster, 'others'), this.#table.blocks.get(name) ?? new Map<string, Entry>()),
    );
    return now && waysKey === cluster.waysKey ? different(own, now) : undefined;
  }

  /** A global CIDR where the cluster has addresses of its own would take those from it. */
  #setMaps(cluster: ClusterState): void {
    const maps = mapsOf(cluster.object, this.#hooks);
    cluster.maps = maps;
    if (maps.length === 0) return;
    const own = intervals(this.#ownNetworks(cluster, []).map(({ cidr }) => cidr));
    cluster.unfitMaps = maps.filter(({ real, seen }) => real.text !== seen.text && own.overlaps(seen));
    cluster.maps = maps.filter((mapping) => !cluster.unfitMaps.includes(mapping));
    let made: readonly Mapping[] | undefined;
    cluster.translated = () => (made ??= translatedPods(cluster));
  }

  /** Gives the node its class and devices, and claims their addresses. */
  #claim(node: NodeState): boolean {
    const cls = this.#hooks.classOf.first(node) ?? baseClass(node);
    if (cls === undefined) {
      const { networkType } = node.cluster;
      this.#leave(node, {
        type: 'NotInNetwork',
        reason: 'NetworkTypeUnsupported',
        message: `no plugin here brings network type '${networkType}'`,
      });
      return false;
    }
    node.cls = cls;
    if (node.madeFor?.cluster === node.cluster && node.madeFor.cls === cls) return true;
    node.madeFor = { cluster: node.cluster, cls };
    const peers = peersOf(node, this.#hooks);
    if (samePeers(node.peers, peers)) return true;
    this.#reconsider(this.#claims.set(node, peers), node.cluster);
    node.peers = peers;
    node.rev = this.#revision += 1;
    return true;
  }

  /** Lets the node take part, unless another one has the addresses that it claims. */
  #join(node: NodeState): boolean {
    const lost = this.#claims.lostTo(node);
    node.excluded = lost && {
      type: 'OverlayAddressConflict',
      reason: 'SameAddress',
      message: `${lost.what} belongs to ClusterNode '${lost.winner.name}' too, which keeps it; give the node another address, or its cluster other overlay networks`,
    };
    this.#setUnderlays(node, lost ? NOTHING : node.families.map((f) => node.ip(f)!));
    return !lost;
  }

  #leave(node: NodeState, why: Exclusion | undefined): void {
    node.excluded = why;
    node.madeFor = undefined;
    node.peers = NOTHING;
    this.#setUnderlays(node, NOTHING);
    this.#reconsider(this.#claims.set(node, NOTHING), undefined);
  }

  #setUnderlays(node: NodeState, ips: readonly Ip[]): void {
    const known = node.underlays;
    if (known.length === ips.length && known.every((ip, i) => ip === ips[i])) return;
    for (const ip of known) this.#table.removeUnderlay(ip);
    for (const ip of ips) this.#table.addUnderlay(ip);
    node.underlays = ips;
  }

  /** Nodes whose claims others changed may win or lose now. */
  #reconsider(nodes: readonly NodeState[], except: ClusterState | undefined): void {
    for (const node of nodes) if (node.cluster !== except) this.#dirty.add(node.cluster.name);
  }

  #announced(cluster: ClusterState, to: 'others' | 'own'): Announced[] {
    return cluster.families.flatMap((family) => [...this.#hooks.announce.through(baseAnnounced(cluster, family), cluster, to, family)]);
  }

  /** All that a cluster's nodes reach without us: a route that overlaps it would cut them off. */
  #ownNetworks(cluster: ClusterState, maps = cluster.maps): { readonly cidr: Cidr; readonly what: string }[] {
    const out: { cidr: Cidr; what: string }[] = [];
    for (const cidr of cluster.podCIDRs) out.push({ cidr, what: 'pod CIDR' });
    for (const cidr of cluster.serviceCIDRs) out.push({ cidr, what: 'service CIDR' });
    for (const { bridge, local } of cluster.overlays.values()) {
      out.push({ cidr: bridge, what: 'bridge CIDR' }, { cidr: local, what: 'local CIDR' });
    }
    for (const { seen } of maps) out.push({ cidr: seen, what: 'global CIDR' });
    for (const node of this.#sortedMembers(cluster.name)) {
      for (const cidr of node.podCIDRs) out.push({ cidr, what: `pod CIDR of node '${node.name}'` });
      for (const ip of node.ips) out.push({ cidr: hostCidr(ip), what: `address of node '${node.name}'` });
    }
    return out;
  }

  #planOf(node: NodeState): NodePlan {
    if (node.excluded) {
      if (node.plan?.routes !== NOTHING) {
        node.plan = { node: node.name, devices: NOTHING, routes: NOTHING, fdbs: NOTHING, arps: NOTHING, nat: NOTHING };
      }
      return node.plan;
    }
    const { routes, fdbs, arps } = exceptOwn(node, this.#shared(node));
    if (node.natVersion !== node.cluster.version) {
      const { rules, key } = this.#nat(node);
      if (key !== node.natKey) Object.assign(node, { nat: rules, natKey: key });
      node.natVersion = node.cluster.version;
    }
    if (node.devicesOf !== node.peers) {
      const devices = devicesOf(node, this.#options.mtu);
      if (node.devices.length !== devices.length || !isDeepStrictEqual(devices, node.devices)) node.devices = devices;
      node.devicesOf = node.peers;
    }
    const { devices, nat, plan } = node;
    if (plan?.devices !== devices || plan.routes !== routes || plan.fdbs !== fdbs || plan.arps !== arps || plan.nat !== nat) {
      node.plan = { node: node.name, devices, routes, fdbs, arps, nat };
    }
    return node.plan!;
  }

  #shared(node: NodeState): ClassPlan {
    const { cluster } = node;
    const key = `${node.cls} ${node.families.map((f) => f.id).join()}`;
    let plans = this.#classPlans.get(cluster.name);
    if (!plans) this.#classPlans.set(cluster.name, (plans = new Map()));
    let plan = plans.get(key);
    if (!plan) plans.set(key, (plan = new ClassPlan(this.#hooks, this.#table, node.cls, node.families)));
    plan.refresh(cluster, (old) => makeBlock(cluster, this.#announced(cluster, 'own'), old));
    return plan;
  }

  #nat(node: NodeState): { readonly rules: readonly Nat[]; readonly key: string } {
    const out = new Map<string, Nat>();
    const add = (rule: Nat) => void out.set(JSON.stringify(rule), rule);
    for (const family of node.families) {
      const rules: Nat[] = [];
      const draft = { node, cls: node.cls, family, device: () => {}, nat: (rule: Nat) => void rules.push(rule) };
      baseNat(draft);
      this.#hooks.nat.run(draft);
      for (const rule of [...rules, ...mappedRules(node.cluster, family, rules)]) add(rule);
    }
    const keys = [...out.keys()].sort();
    return { rules: keys.map((key) => out.get(key)!), key: keys.join() };
  }
}

function missing(name: string): ClusterState {
  const none = readCluster({ metadata: { name, uid: '', resourceVersion: '' } }, []);
  const message = name ? `Cluster '${name}' of spec.clusterName does not exist` : 'spec.clusterName is empty';
  return { ...none, excluded: { type: 'NotInNetwork', reason: 'ClusterMissing', message } };
}

/** Networks that are in one of the lists only. */
function different(a: readonly Cidr[], b: readonly Cidr[]): Cidr[] {
  const [ofA, ofB] = [a, b].map((list) => new Set(list.map(({ text }) => text)));
  return [...a.filter(({ text }) => !ofB!.has(text)), ...b.filter(({ text }) => !ofA!.has(text))];
}

function whenAsked(list: () => readonly Cidr[], cidrs?: readonly Cidr[]): OwnNetworks {
  let made: Intervals | undefined;
  return {
    get cidrs() {
      return cidrs;
    },
    overlaps: (cidr) => (made ??= intervals((cidrs ??= list()))).overlaps(cidr),
  };
}

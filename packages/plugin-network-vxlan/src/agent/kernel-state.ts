import { setImmediate } from 'node:timers/promises';
import {
  type CallOptions,
  type Change,
  createFirewall,
  type HostNet,
  HostNetError,
  type Link,
  type NftTable,
  type Snapshot,
  type SysctlKey,
  sysctlKey,
  sysctlPath,
} from '@kosmos/hostnet';
import type { NodePlan } from '../plan/types.ts';
import { NFT_TABLE, OWN_DEVICES, PROTOCOL, TABLE } from './constants.ts';
import { type Held, shortcut } from './shortcut.ts';
import { type Desired, type Facts, footing, lower, type Problem } from './desired.ts';
import { diff, type Observed, observedOf, type Steps } from './diff.ts';
import { type ForwardOptions, forwardUndone, holdForward } from './forward.ts';
import { fingerprint, forget, listing, type Memory, NOTHING, recall, remember } from './memory.ts';
import { keepsIds, knownHops, regrouped, type Usable } from './nexthop-ids.ts';
import { replaceable } from './spare.ts';

/** One look at the kernel, and what was done about it. */
export interface Outcome {
  /** How many things were written. */
  readonly written: number;
  /** What the plan asks for and the node cannot have. */
  readonly problems: readonly Problem[];
  /** What the kernel refused; worth trying again. */
  readonly refused: readonly Problem[];
  /** Other software's rules that drop what the tunnels bring. */
  readonly blocked: readonly Problem[];
  readonly links: readonly Link[];
}

/** Holds a node's kernel to a plan. One call at a time. */
export interface KernelState {
  /** When the last look at the kernel began, as `performance.now()` tells it. */
  readonly lookedAt: number;
  /**
   * Rejects only when nothing can be done: no tool, no right, a tool that hangs; or HOSTNET_E_ABORTED, by the signal or
   * `interrupt`.
   */
  hold(plan: NodePlan, underlay: Facts['underlay'], signal?: AbortSignal): Promise<Outcome>;
  /** There is another plan: a `hold` that still reads the kernel is aborted, since what it would write is out of date. */
  interrupt(): void;
  /** Has something been taken away that the kernel tells nobody of? Cheap; may run beside `hold`. */
  undone(signal?: AbortSignal): Promise<boolean>;
  /**
   * Writes at once what another plan changes of what is held, where that is little, and returns how much; `hold` has to follow,
   * which looks. For what cannot wait until a large kernel has been looked at.
   */
  change(plan: NodePlan, underlay: Facts['underlay'], signal?: AbortSignal): Promise<number>;
  /**
   * Writes at once the groups that get other members, since other next hops are usable than before; returns how many. May run
   * beside `hold`; one has to follow, since one that was under way may have written the old members after it.
   */
  failover(signal?: AbortSignal): Promise<number>;
}

/** A link change may take away what was there when the kernel was looked at, and a second look puts that right. */
const MAX_LOOKS = 3;
/** However often the plan changes, the kernel is looked at as a whole so often. */
const LOOK_AT_LEAST_MS = 5000;

/** What of the kernel is the agent's. */
const SCOPE = { table: TABLE, protocol: PROTOCOL, devices: OWN_DEVICES };

/** Does it, unless a command fails, which is told as refused; returns whether it was done. */
type Attempt = (item: string, fn: () => Promise<void>) => Promise<boolean>;

/** A look, compared with what is desired. */
interface Reading extends ReturnType<typeof lower> {
  readonly steps: Steps;
}

export function kernelState(net: HostNet, options: ForwardOptions = {}, usable: Usable = () => true): KernelState {
  const firewall = createFirewall(net.netns === undefined ? {} : { netns: net.netns });
  let lookedAt = 0;
  /** When a look was last brought to its end. */
  let heldAt = 0;
  let reading: AbortController | undefined;
  let tunnels: readonly string[] = [];
  /** Undefined: not read yet. */
  let memory: Memory | undefined;
  let held: Held | undefined;
  /** The last look that left nothing to do: one that shows the same needs no reading. */
  let right: (Reading & { readonly plan: NodePlan; readonly digest: string }) | undefined;
  /** What next hop groups there are, and which of their hops were not to be used when they were written. */
  let groups: { readonly plan: NodePlan; readonly hops: ReadonlyMap<string, number>; readonly unused: ReadonlySet<string> } | undefined;
  const unusedOf = (plan: NodePlan) => new Set(replaceable(plan).flatMap((hop) => (usable(hop) ? [] : [`${hop.dev} ${hop.via}`])));
  let lowered: { readonly plan: NodePlan; readonly key: string; readonly is: ReturnType<typeof lower> } | undefined;
  const lowerOnce = (plan: NodePlan, facts: Facts) => {
    const key = fingerprint([footing(plan, facts), [...unusedOf(plan)]]);
    if (lowered?.plan !== plan || lowered.key !== key || !keepsIds(lowered.is.hops, facts.hops))
      lowered = { plan, key, is: lower(plan, facts) };
    return lowered.is;
  };

  async function once(plan: NodePlan, underlay: Facts['underlay'], call: CallOptions): Promise<Omit<Outcome, 'blocked'>> {
    // Lines of a monitor that are there already, about what was written last, are read first: this look is younger than they.
    await setImmediate();
    lookedAt = performance.now();
    const abort = (reading = new AbortController());
    const until = { signal: call.signal ? AbortSignal.any([call.signal, abort.signal]) : abort.signal };
    const [seen, listed] = await Promise.all([net.snapshot(SCOPE, until), listing(net, until)]).finally(() => (reading = undefined));
    memory ??= (await recall(net, call)) ?? NOTHING;
    const unused = unusedOf(plan);
    const digest = fingerprint([footing(plan, { links: seen.links, underlay }), seen.digest, listed, [...unused]]);
    const same = right?.plan === plan && right.digest === digest ? right : undefined;
    const is = same ?? read(plan, underlay, seen, listed);
    groups = { plan, hops: is.hops, unused };
    const refused: Problem[] = [];
    const { desired, problems, hops, steps } = is;
    const apply = async (changes: readonly Change[]) => {
      for (const { change, error } of changes.length === 0 ? [] : await net.applyAll(changes, call))
        refused.push({ item: itemOf(change), message: error.message });
      return changes.length;
    };
    const attempt: Attempt = async (item, fn) => {
      try {
        await fn();
        return true;
      } catch (error) {
        if (!(error instanceof HostNetError) || error.code !== 'HOSTNET_E_COMMAND') throw error;
        refused.push({ item, message: error.message });
        return false;
      }
    };
    tunnels = desired.tunnels.map(({ name }) => name);
    // A device may have to be allowed IPv6 before it can have an address.
    let written = await apply(steps.prepare.filter(isLink));
    written += await holdSysctls(desired, call, attempt);
    written += await apply(steps.prepare.filter((change) => !isLink(change)));
    for (const count of await Promise.all(steps.peers.map(apply))) written += count;
    if (steps.table !== undefined && steps.table !== 'delete') {
      const { table: wanted } = steps;
      written += 1;
      await attempt('nft table', () => putTable(wanted, call));
    }
    written += await apply([...steps.routes, ...steps.remove]);
    if (steps.table === 'delete') {
      written += 1;
      await attempt('nft table', () => net.nft({ delete: [NFT_TABLE] }, call));
      memory = { ...memory, table: undefined };
    }
    // The memory goes last: until then a restart finds what is still to be put back.
    if (desired.tunnels.length === 0 && memory.sysctls.size === 0 && (await recall(net, call))) {
      written += 1;
      await attempt('nft memory', () => forget(net, call));
      memory = NOTHING;
    }
    held = written === 0 ? { plan, underlay, links: seen.links, hops, usable } : undefined;
    right = written === 0 ? { ...is, plan, digest } : undefined;
    return { written, problems, refused, links: seen.links };
  }

  /** What is to be done about a look. */
  function read(plan: NodePlan, underlay: Facts['underlay'], seen: Snapshot, listed: string | undefined): Reading {
    const observed = observedOf(seen.links, seen.entries(), 'none');
    const { desired, problems, hops } = lowerOnce(plan, { links: seen.links, underlay, hops: knownHops(observed.nexthops), usable });
    const table: Observed['table'] =
      listed === undefined
        ? 'none'
        : memory?.table?.listed === listed && memory.table.wanted === fingerprint(desired.table)
          ? 'same'
          : 'other';
    return { desired, problems, hops, steps: diff(desired, { ...observed, table }) };
  }

  async function putTable(table: NftTable, call: CallOptions): Promise<void> {
    await net.nft({ replace: [table] }, call);
    const listed = await listing(net, call);
    if (listed === undefined) return; // taken away again already; the next look sees to it
    await keep({ ...memory!, table: { wanted: fingerprint(table), listed } }, call);
  }

  /** What the kernel was not told is not remembered here either, or nobody would tell it. */
  async function keep(next: Memory, call: CallOptions): Promise<void> {
    await remember(net, next, call);
    memory = next;
  }

  async function holdSysctls(desired: Desired, call: CallOptions, attempt: Attempt): Promise<number> {
    const wanted = new Map(desired.sysctls.map((s) => [sysctlPath(s.key), s]));
    const now = new Map<string, number>();
    await Promise.all(
      [...wanted].map(async ([path, { key }]) => {
        const value = await net.sysctl(key, call);
        if (value !== undefined) now.set(path, value);
      }),
    );
    const before = new Map(memory!.sysctls);
    const asked = [...wanted].filter(([path, { from }]) => now.has(path) && (from === undefined || now.get(path) === from));
    for (const [path, { restore }] of asked) if (restore && !before.has(path)) before.set(path, now.get(path)!);
    // Nothing is changed whose value from before is not kept.
    if (before.size > memory!.sysctls.size && !(await attempt('nft memory', () => keep({ ...memory!, sysctls: before }, call)))) return 0;
    let written = 0;
    const write = (key: SysctlKey, value: number) => {
      written += 1;
      return attempt(`sysctl ${sysctlPath(key)}`, () => net.setSysctl(key, value, call));
    };
    for (const [path, { key, value }] of asked) if (now.get(path) !== value) await write(key, value);
    const left = new Map(before);
    for (const [path, value] of before) {
      if (wanted.has(path)) continue;
      const key = sysctlKey(path)!;
      const is = await net.sysctl(key, call);
      if (is === undefined || is === value || (await write(key, value))) left.delete(path);
    }
    if (left.size < before.size) await attempt('nft memory', () => keep({ ...memory!, sysctls: left }, call));
    return written;
  }

  return {
    get lookedAt() {
      return lookedAt;
    },
    undone: (signal) => forwardUndone(firewall, tunnels, { signal }),
    async change(plan, underlay, signal) {
      if (!held || held.plan === plan) return 0;
      const changes = shortcut(held, plan, underlay);
      held = changes && { ...held, plan };
      // What is refused, since something else is in the way, the look that follows finds too.
      if (changes && changes.length > 0) await net.applyAll(changes, { signal });
      return changes?.length ?? 0;
    },
    async failover(signal) {
      if (!groups) return 0;
      const { plan, hops, unused } = groups;
      const made = regrouped(hops, ({ dev, via }) => !unused.has(`${dev} ${via}`), usable);
      groups = { plan, hops, unused: unusedOf(plan) };
      if (made.length > 0)
        await net.applyAll(
          made.map((nexthop): Change => ({ op: 'replaceNexthop', ...nexthop, protocol: PROTOCOL })),
          { signal },
        );
      return made.length;
    },
    interrupt() {
      if (performance.now() - heldAt < LOOK_AT_LEAST_MS) reading?.abort();
    },
    async hold(plan, underlay, signal) {
      let written = 0;
      for (let looks = 1; ; looks += 1) {
        const outcome = await once(plan, underlay, { signal });
        written += outcome.written;
        if (outcome.written > 0 && outcome.refused.length === 0 && looks < MAX_LOOKS) continue;
        // Once, and last: other software's tables take a program each, and hold nothing that a look at our own would find.
        heldAt = performance.now();
        const forward = await holdForward(firewall, tunnels, options, { signal });
        return { ...outcome, written: written + forward.written, blocked: forward.blocked };
      }
    },
  };
}

const isLink = ({ op }: Change) => op === 'addLink' || op === 'deleteLink';

function itemOf(change: Change): string {
  if ('dst' in change) return `${'mac' in change ? 'fdb' : 'route'} ${'mac' in change ? change.mac : change.dst}`;
  if ('ip' in change) return `neighbour ${change.ip}`;
  if ('name' in change) return `link ${change.name}`;
  if ('address' in change) return `address ${change.address}`;
  if ('via' in change) return `nexthop ${change.via}`;
  return 'group' in change ? `nexthop group ${change.group.join('/')}` : change.op;
}

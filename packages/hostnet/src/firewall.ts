/** Filter tables of other software that stand in the way of forwarded packets: iptables (legacy and nft) and nft chains. */
import { readFile } from 'node:fs/promises';
import { HostNetError } from './errors.ts';
import type { CallOptions, HostNetOptions } from './hostnet.ts';
import { type NftRule, ruleText } from './nft.ts';
import { failed, must, run } from './run.ts';
import { chainName, foreignName, linkName, netnsName, whole, word } from './values.ts';

const TOOLS = ['iptables-legacy', 'ip6tables-legacy', 'iptables-nft', 'ip6tables-nft'] as const;
/** One filter table: of IPv4 or IPv6, in the kernel's older or newer form. A packet passes all that are there. */
export type Iptables = (typeof TOOLS)[number];

export interface IptablesRule {
  readonly iif?: string;
  readonly oif?: string;
  /** A chain, or ACCEPT. */
  readonly jump: string;
}

/** In the table `filter`. */
export type IptablesChange =
  /** Makes the chain, or gives it these rules only. */
  | { readonly op: 'replaceChain'; readonly chain: string; readonly rules: readonly IptablesRule[] }
  | { readonly op: 'deleteChain'; readonly chain: string }
  /** `position`: from 1. */
  | { readonly op: 'insertRule'; readonly chain: string; readonly position: number; readonly rule: IptablesRule }
  | { readonly op: 'deleteRule'; readonly chain: string; readonly rule: IptablesRule };

export interface IptablesChain {
  /** Of a built-in chain: ACCEPT or DROP. */
  readonly policy: string | undefined;
  /** As `ruleWords` writes them, others in the tool's own words. */
  readonly rules: readonly string[];
}

/** An nft chain, whoever made it. */
export interface SeenChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** Of a base chain. */
  readonly hook: string | undefined;
  readonly policy: string | undefined;
}
export interface SeenRule {
  readonly handle: number;
  readonly comment: string | undefined;
}

/** Reads and changes filter tables of others, rule by rule. Every failure is a HostNetError. */
export interface Firewall {
  /** The tables that exist here. To ask a tool for one that does not would make it. */
  tables(options?: CallOptions): Promise<{ readonly iptables: readonly Iptables[]; readonly nft: readonly SeenChain[] }>;
  /** Those of them of whose changes the kernel tells nobody. */
  legacyTables(options?: CallOptions): Promise<readonly Iptables[]>;
  /** Without those that are not there, or that the tool cannot show since they were not made by it. */
  chains(tool: Iptables, names: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, IptablesChain>>;
  /** All or nothing. */
  change(tool: Iptables, changes: readonly IptablesChange[], options?: CallOptions): Promise<void>;
  rules(chain: SeenChain, options?: CallOptions): Promise<readonly SeenRule[]>;
  /** As the chain's first rules. */
  insert(chain: SeenChain, rules: readonly NftRule[], options?: CallOptions): Promise<void>;
  delete(chain: SeenChain, handles: readonly number[], options?: CallOptions): Promise<void>;
}

export function createFirewall(options: HostNetOptions = {}): Firewall {
  const enter = options.netns === undefined ? [] : ['nsenter', `--net=/run/netns/${netnsName(options.netns)}`];
  const opts = (call: CallOptions | undefined, input?: string) => ({
    signal: call?.signal,
    timeoutMs: options.timeoutMs,
    runner: options.runner,
    input,
  });
  const nft = [...enter, 'nft'];
  const holdsFilter = async (file: string, call?: CallOptions) => {
    // /proc/net is that of the process that reads it.
    const path = `/proc/net/${file}`;
    const text =
      enter.length === 0 && !options.runner
        ? await readFile(path, 'utf8').catch(() => '')
        : (await run([...enter, 'cat', path], opts(call))).stdout;
    return text.split('\n').includes('filter');
  };
  const legacyTables = async (call?: CallOptions): Promise<Iptables[]> => {
    const there = await Promise.all([holdsFilter('ip_tables_names', call), holdsFilter('ip6_tables_names', call)]);
    return TOOLS.slice(0, 2).filter((_, i) => there[i]);
  };
  return {
    legacyTables,
    async tables(call) {
      const [legacy, listed] = await Promise.all([legacyTables(call), must([...nft, '-j', 'list', 'chains'], opts(call))]);
      const chains = (JSON.parse(listed) as { nftables: { chain?: Record<string, string> }[] }).nftables.flatMap(({ chain }) =>
        chain
          ? [{ family: chain['family']!, table: chain['table']!, name: chain['name']!, hook: chain['hook'], policy: chain['policy'] }]
          : [],
      );
      const made = (family: string) => chains.some((c) => c.family === family && c.table === 'filter' && c.name === 'FORWARD' && c.hook);
      return { iptables: [...legacy, ...TOOLS.slice(2).filter((_, i) => made(['ip', 'ip6'][i]!))], nft: chains };
    },
    async chains(tool, names, call) {
      const found = new Map<string, IptablesChain>();
      const show = async (only: readonly string[]) => {
        const argv = [...enter, word('tool', tool, TOOLS), '-w', '5', '-t', 'filter', '-S', ...only.map(chainName)];
        const ran = await run(argv, opts(call));
        if (ran.code !== 0 && /is incompatible, use 'nft' tool|does not exist/i.test(ran.stderr)) return;
        if (ran.code !== 0) throw failed(argv, ran.stderr);
        const lines = ran.stdout.split('\n').map((line) => line.split(' '));
        for (const name of names) {
          const of = lines.filter(([, chain]) => chain === name);
          const rules = of.filter(([verb]) => verb === '-A').map((words) => words.slice(2).join(' '));
          if (of.length > 0) found.set(name, { policy: of.find(([verb]) => verb === '-P')?.[2], rules });
        }
      };
      // The older form is read whole in any case; of the newer one a chain that was made by nft must not hide the others.
      if (tool.endsWith('-legacy')) await show([]);
      else for (const name of names) await show([name]);
      return found;
    },
    async change(tool, changes, call) {
      if (changes.length === 0) return;
      const argv = [...enter, `${word('tool', tool, TOOLS)}-restore`, '-w', '5', '--noflush'];
      await must(argv, opts(call, ['*filter', ...changes.flatMap(iptablesLines), 'COMMIT', ''].join('\n')));
    },
    async rules(chain, call) {
      const argv = [...nft, '-j', 'list', 'chain', ...nameOf(chain)];
      const ran = await run(argv, opts(call));
      if (ran.code !== 0) {
        if (ran.stderr.includes('No such file or directory')) return [];
        throw failed(argv, ran.stderr);
      }
      const { nftables } = JSON.parse(ran.stdout) as { nftables: { rule?: { handle: number; comment?: string } }[] };
      return nftables.flatMap(({ rule }) => (rule ? [{ handle: rule.handle, comment: rule.comment }] : []));
    },
    async insert(chain, rules, call) {
      const at = nameOf(chain).join(' ');
      // Each goes before the ones that are there.
      const lines = rules.toReversed().map((rule) => `insert rule ${at} ${ruleText(rule)}\n`);
      if (lines.length > 0) await must([...nft, '-f', '-'], opts(call, lines.join('')));
    },
    async delete(chain, handles, call) {
      const at = nameOf(chain).join(' ');
      const lines = handles.map((handle) => `delete rule ${at} handle ${whole('handle', handle, 1, Number.MAX_SAFE_INTEGER)}\n`);
      if (lines.length > 0) await must([...nft, '-f', '-'], opts(call, lines.join('')));
    },
  };
}

function nameOf({ family, table, name }: SeenChain): string[] {
  return [word('family', family, ['inet', 'ip', 'ip6']), foreignName(table), foreignName(name)];
}

/** A rule as the tools print it. */
export function ruleWords({ iif, oif, jump }: IptablesRule): string {
  const ends = [...(iif === undefined ? [] : ['-i', linkName(iif)]), ...(oif === undefined ? [] : ['-o', linkName(oif)])];
  return [...ends, '-j', chainName(jump)].join(' ');
}

/** For iptables-restore. Throws HostNetError HOSTNET_E_VALUE for a value that is none. */
export function iptablesLines(change: IptablesChange): string[] {
  const chain = chainName(change.chain);
  switch (change.op) {
    case 'replaceChain':
      return [`:${chain} - [0:0]`, ...change.rules.map((rule) => `-A ${chain} ${ruleWords(rule)}`)];
    case 'deleteChain':
      return [`-F ${chain}`, `-X ${chain}`];
    case 'insertRule':
      return [`-I ${chain} ${whole('position', change.position, 1, 0xffff)} ${ruleWords(change.rule)}`];
    case 'deleteRule':
      return [`-D ${chain} ${ruleWords(change.rule)}`];
    default:
      throw new HostNetError('HOSTNET_E_VALUE', `${JSON.stringify(change)} is no change of iptables`);
  }
}

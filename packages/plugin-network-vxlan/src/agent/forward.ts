/**
 * Lets tunnels through what other software drops on the way of forwarded packets. An accept in a chain of our own does not
 * help: every base chain on the hook must accept, so ours has to stand in each of them.
 */
import {
  type CallOptions,
  type Firewall,
  HostNetError,
  type Iptables,
  type IptablesChange,
  type IptablesRule,
  type NftRule,
  ruleWords,
  type SeenChain,
} from '@kosmos/hostnet';
import { NFT_MEMORY, NFT_TABLE } from './constants.ts';
import type { Problem } from './desired.ts';

/** Our chain in the filter tables of iptables, which marks what is ours. */
export const CHAIN = 'KOSMOS-FORWARD';
/** Begins the comments of our rules in other software's nft chains. */
const MARK = 'kosmos';
const JUMP: IptablesRule = { jump: CHAIN };
/**
 * Chains that hold NetworkPolicy. Ours comes after them, or it would let pass what a policy forbids; some of them insist on
 * being the first ones, too.
 */
const POLICY_CHAINS = /-j (?:cali-FORWARD|KUBE-ROUTER-FORWARD|KUBE-NWPLCY\S*|WEAVE-NPC\S*|CILIUM_FORWARD|ANTREA-FORWARD)\b/;

export interface Forwarding {
  readonly written: number;
  /** What still drops, and what to do. */
  readonly blocked: readonly Problem[];
}

export interface ForwardOptions {
  /** Put rules into nft chains of other software that drop. Default: they are reported. */
  readonly foreignChains?: boolean | undefined;
}

/** `tunnels`: names of the devices to let through; none: takes away all that is ours. */
export async function holdForward(
  firewall: Firewall,
  tunnels: readonly string[],
  options: ForwardOptions,
  call: CallOptions,
): Promise<Forwarding> {
  const { iptables, nft } = await firewall.tables(call);
  const blocked: Problem[] = [];
  let written = 0;
  const attempt = async (item: string, fn: () => Promise<number>) => {
    try {
      written += await fn();
    } catch (error) {
      if (!(error instanceof HostNetError) || !['HOSTNET_E_COMMAND', 'HOSTNET_E_TOOL_MISSING', 'HOSTNET_E_VALUE'].includes(error.code))
        throw error;
      // An nft table of iptables is then taken as any other nft chain.
      const asNft = error.code === 'HOSTNET_E_TOOL_MISSING' && item.includes('-nft ');
      if (tunnels.length > 0 && !asNft) blocked.push({ item, message: [error.message, error.hint].filter(Boolean).join('. ') });
    }
  };
  const foreign = new Set(
    nft.filter((chain) => chain.hook === 'forward' && !isOurs(chain) && ['inet', 'ip', 'ip6'].includes(chain.family)),
  );
  for (const tool of iptables) {
    await attempt(`${tool} FORWARD`, async () => {
      // To ask iptables-nft for a chain that is not there is an error.
      const made = tool.endsWith('-legacy') || nft.some((chain) => chain.name === CHAIN && isIptables(chain, tool));
      const changes = await iptablesChanges(firewall, tool, made ? [CHAIN] : [], tunnels, call);
      // A table that somebody made by nft under the name that iptables has.
      if (changes === 'foreign') return 0;
      for (const chain of foreign) if (tool.endsWith('-nft') && isIptables(chain, tool)) foreign.delete(chain);
      await firewall.change(tool, changes, call);
      return changes.length;
    });
  }
  for (const chain of foreign) {
    const name = nameOf(chain);
    await attempt(name, async () => {
      const closed = chain.policy === 'drop';
      const wanted = options.foreignChains && closed ? rulesFor(tunnels) : [];
      const there = (await firewall.rules(chain, call)).filter(({ comment }) => comment === MARK || comment?.startsWith(`${MARK} `));
      const same = there.length === wanted.length && there.every(({ comment }, i) => comment === wanted[i]!.comment);
      if (closed && wanted.length === 0 && tunnels.length > 0) blocked.push({ item: name, message: drops(tunnels) });
      if (same) return 0;
      await firewall.insert(chain, wanted, call);
      await firewall.delete(
        chain,
        there.map(({ handle }) => handle),
        call,
      );
      return 1;
    });
  }
  return { written, blocked };
}

/** Is something of ours missing in tables whose changes the kernel tells nobody of? */
export async function forwardUndone(firewall: Firewall, tunnels: readonly string[], call: CallOptions): Promise<boolean> {
  if (tunnels.length === 0) return false;
  for (const tool of await firewall.legacyTables(call)) {
    if ((await iptablesChanges(firewall, tool, [CHAIN], tunnels, call)).length > 0) return true;
  }
  return false;
}

/** What drops packets of the tunnels now, as `holdForward` would find it; changes nothing. */
export async function forwardBlocked(firewall: Firewall, tunnels: readonly string[], call: CallOptions): Promise<Problem[]> {
  if (tunnels.length === 0) return [];
  const { iptables, nft } = await firewall.tables(call);
  const blocked: Problem[] = [];
  const seen: string[] = [];
  for (const tool of iptables) {
    const made = tool.endsWith('-legacy') || nft.some((chain) => chain.name === CHAIN && isIptables(chain, tool));
    const changes = await iptablesChanges(firewall, tool, made ? [CHAIN] : [], tunnels, call);
    if (changes === 'foreign') continue;
    seen.push(tool);
    const forward = (await firewall.chains(tool, ['FORWARD'], call)).get('FORWARD');
    const closed = forward?.policy === 'DROP' || forward?.rules.some((rule) => /-j (DROP|REJECT)/.test(rule));
    if (changes.length > 0 && closed)
      blocked.push({ item: `${tool} FORWARD`, message: `it drops what is forwarded, and ${CHAIN} does not stand first in it` });
  }
  for (const chain of nft) {
    const known = isOurs(chain) || seen.some((tool) => tool.endsWith('-nft') && isIptables(chain, tool as Iptables));
    if (chain.hook !== 'forward' || chain.policy !== 'drop' || known || !['inet', 'ip', 'ip6'].includes(chain.family)) continue;
    const there = new Set((await firewall.rules(chain, call)).map(({ comment }) => comment));
    if (!rulesFor(tunnels).every(({ comment }) => there.has(comment))) blocked.push({ item: nameOf(chain), message: drops(tunnels) });
  }
  return blocked;
}

const nameOf = ({ family, table, name }: SeenChain) => `nft chain '${family} ${table} ${name}'`;
const drops = (tunnels: readonly string[]) =>
  `its policy drops what it does not accept: accept what comes in and goes out by ${tunnels.join(', ')} there, or set foreignChains: true in the options of vxlan()`;

/** `own`: our chain, where it may be there. */
async function iptablesChanges(
  firewall: Firewall,
  tool: Iptables,
  own: readonly string[],
  tunnels: readonly string[],
  call: CallOptions,
): Promise<readonly IptablesChange[] | 'foreign'> {
  const chains = await firewall.chains(tool, ['FORWARD', ...own], call);
  const [forward, mine] = [chains.get('FORWARD'), chains.get(CHAIN)];
  if (!forward) return 'foreign';
  const wanted = tunnels.flatMap((name): IptablesRule[] => [
    { iif: name, jump: 'ACCEPT' },
    { oif: name, jump: 'ACCEPT' },
  ]);
  const jump = ruleWords(JUMP);
  const others = forward.rules.filter((rule) => rule !== jump);
  const jumps = forward.rules.length - others.length;
  const leave = Array.from({ length: jumps }, (): IptablesChange => ({ op: 'deleteRule', chain: 'FORWARD', rule: JUMP }));
  if (tunnels.length === 0) return [...leave, ...(mine ? [{ op: 'deleteChain', chain: CHAIN } as const] : [])];
  const position = others.findLastIndex((rule) => POLICY_CHAINS.test(rule)) + 1;
  const inPlace = jumps === 1 && forward.rules[position] === jump;
  const same = mine?.rules.length === wanted.length && mine.rules.every((rule, i) => rule === ruleWords(wanted[i]!));
  return [
    ...(same ? [] : [{ op: 'replaceChain', chain: CHAIN, rules: wanted } as const]),
    ...(inPlace ? [] : [...leave, { op: 'insertRule', chain: 'FORWARD', position: position + 1, rule: JUMP } as const]),
  ];
}

/** Comments say the whole rule, so that they tell whether it is the right one. */
function rulesFor(tunnels: readonly string[]): NftRule[] {
  if (tunnels.length === 0) return [];
  return [
    { when: [{ iif: tunnels }], action: 'accept', comment: `${MARK} in ${tunnels.join(' ')}` },
    { when: [{ oif: tunnels }], action: 'accept', comment: `${MARK} out ${tunnels.join(' ')}` },
  ];
}

const isOurs = ({ family, table }: SeenChain) => [NFT_TABLE, NFT_MEMORY].some((own) => own.family === family && own.name === table);
const isIptables = ({ family, table }: SeenChain, tool: Iptables) =>
  table === 'filter' && family === (tool.startsWith('ip6') ? 'ip6' : 'ip');

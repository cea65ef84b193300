/** nft tables as typed values, and the text of one transaction that puts them in place. */
import { address, comment, family, linkName, nftName, prefix, whole, word } from './values.ts';

export interface NftTable {
  readonly family: 'inet' | 'ip' | 'ip6';
  readonly name: string;
  readonly chains: readonly NftChain[];
}

export interface NftChain {
  readonly name: string;
  /** A base chain; without it no packet comes by unless a rule jumps here. */
  readonly hook?: {
    readonly type: 'filter' | 'nat' | 'route';
    readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
    /** Lower is earlier: raw -300, mangle -150, dstnat -100, filter 0, srcnat 100. */
    readonly priority: number;
    /** Default `accept`. */
    readonly policy?: 'accept' | 'drop';
  };
  readonly rules: readonly NftRule[];
}

export interface NftRule {
  /** All must hold. */
  readonly when: readonly NftMatch[];
  readonly action: NftAction;
  readonly comment?: string;
}

export type NftMatch =
  | { readonly iif: readonly string[] }
  | { readonly oif: readonly string[] }
  | { readonly saddr: string; readonly not?: boolean }
  | { readonly daddr: string; readonly not?: boolean }
  /** In one of these (in none of them), which are of one family and do not overlap. */
  | { readonly daddrIn: readonly string[]; readonly not?: boolean }
  | { readonly udpDport: readonly number[] }
  | { readonly tcpDport: readonly number[] }
  | { readonly tcpSyn: true }
  /** Its destination was translated. */
  | { readonly dnatted: true }
  /** Of a connection that was answered, or an error about one. */
  | { readonly established: true }
  /** Destination before translation. */
  | { readonly originalDaddr: string };

export type NftAction =
  | 'accept'
  | 'drop'
  | 'return'
  | 'notrack'
  | 'masquerade'
  /** Lowers the MSS that a SYN announces to what the route's MTU allows. */
  | 'clampMss'
  /** Lowers it to this many bytes. */
  | { readonly clampMssTo: number }
  | { readonly dnat: string }
  /** One to one by prefix of the source: pairs of prefixes of one length and family; the first ones must not overlap. */
  | { readonly snatPrefix: readonly (readonly [from: string, to: string])[] }
  /** The same by destination. */
  | { readonly dnatPrefix: readonly (readonly [from: string, to: string])[] }
  /** Packet by packet, without connection tracking: the prefix of the source becomes this one of the same length. */
  | { readonly rewriteSaddr: string }
  /** The same by destination. */
  | { readonly rewriteDaddr: string };

/** Replaces the whole table at once: traffic sees the old one or the new one. */
export function replaceTable(table: NftTable): string {
  return `${deleteTable(table)}table ${table.family} ${table.name} {\n${table.chains.map(chainText).join('')}}\n`;
}

/** Succeeds when it isn't there, too. */
export function deleteTable(table: Pick<NftTable, 'family' | 'name'>): string {
  const name = `${word('family', table.family, ['inet', 'ip', 'ip6'])} ${nftName(table.name)}`;
  return `table ${name}\ndelete table ${name}\n`;
}

function chainText({ name, hook: h, rules }: NftChain): string {
  const base = h
    ? `type ${word('type', h.type, ['filter', 'nat', 'route'])} hook ${word('hook', h.hook, ['prerouting', 'input', 'forward', 'output', 'postrouting'])} priority ${whole('priority', h.priority, -100000, 100000)}; policy ${word('policy', h.policy ?? 'accept', ['accept', 'drop'])};\n`
    : '';
  return `chain ${nftName(name)} {\n${base}${rules.map((r) => `${ruleText(r)}\n`).join('')}}\n`;
}

export function ruleText(rule: NftRule): string {
  const note = rule.comment === undefined ? [] : [`comment "${comment(rule.comment)}"`];
  return [...rule.when.map(matchText), actionText(rule.action), ...note].join(' ');
}

const ip = (value: string) => (family(value) === 6 ? 'ip6' : 'ip');
const names = (list: readonly string[]) => `{ ${list.map((n) => `"${linkName(n)}"`).join(', ')} }`;
const ports = (list: readonly number[]) => `{ ${list.map((p) => whole('port', p, 1, 65535)).join(', ')} }`;
const is = (m: { readonly not?: boolean }) => (m.not ? ' !=' : '');

function matchText(m: NftMatch): string {
  if ('iif' in m) return `iifname ${names(m.iif)}`;
  if ('oif' in m) return `oifname ${names(m.oif)}`;
  if ('saddr' in m) return `${ip(m.saddr)} saddr${is(m)} ${prefix(m.saddr)}`;
  if ('daddr' in m) return `${ip(m.daddr)} daddr${is(m)} ${prefix(m.daddr)}`;
  if ('daddrIn' in m) return `${ip(m.daddrIn[0] ?? '')} daddr${is(m)} { ${m.daddrIn.map(prefix).join(', ')} }`;
  if ('udpDport' in m) return `udp dport ${ports(m.udpDport)}`;
  if ('tcpDport' in m) return `tcp dport ${ports(m.tcpDport)}`;
  if ('tcpSyn' in m) return 'tcp flags syn';
  if ('dnatted' in m) return 'ct status dnat';
  if ('established' in m) return 'ct state established,related';
  return `ct original ${ip(m.originalDaddr)} daddr ${prefix(m.originalDaddr)}`;
}

function actionText(action: NftAction): string {
  if (action === 'clampMss') return 'tcp option maxseg size set rt mtu';
  if (typeof action === 'string') return word('action', action, ['accept', 'drop', 'return', 'notrack', 'masquerade']);
  if ('clampMssTo' in action) return `tcp option maxseg size set ${whole('MSS', action.clampMssTo, 1, 65535)}`;
  if ('rewriteSaddr' in action) return rewrite('saddr', action.rewriteSaddr);
  if ('rewriteDaddr' in action) return rewrite('daddr', action.rewriteDaddr);
  if ('dnat' in action) return `dnat ${ip(action.dnat)} to ${address(action.dnat)}`;
  const [verb, field, pairs] =
    'snatPrefix' in action ? (['snat', 'saddr', action.snatPrefix] as const) : (['dnat', 'daddr', action.dnatPrefix] as const);
  const f = ip(pairs[0]?.[0] ?? '');
  return `${verb} ${f} prefix to ${f} ${field} map { ${pairs.map(([from, to]) => `${prefix(from)} : ${prefix(to)}`).join(', ')} }`;
}

function rewrite(field: 'saddr' | 'daddr', to: string): string {
  const f = ip(prefix(to));
  const [net, length] = to.split('/') as [string, string];
  return `${f} ${field} set ${f} ${field} & ${hostMask(family(to), Number(length))} | ${net}`;
}

/** The bits of an address that a prefix of this length leaves to the host. */
function hostMask(of: 4 | 6, length: number): string {
  const [bits, step] = of === 4 ? [32, 8] : [128, 16];
  const parts = Array.from({ length: bits / step }, (_, i) => 2 ** Math.min(step, Math.max(0, (i + 1) * step - length)) - 1);
  return of === 4 ? parts.join('.') : parts.map((part) => part.toString(16)).join(':');
}

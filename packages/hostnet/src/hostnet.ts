import { type Change, encode, type Line, type Nexthop, type Rule } from './change.ts';
import { HostNetError } from './errors.ts';
import { monitor, type MonitorOptions } from './monitor.ts';
import { deleteTable, type NftTable, replaceTable } from './nft.ts';
import {
  dumps,
  type Link,
  type SeenFdb,
  type SeenNeighbour,
  type SeenRoute,
  toFdb,
  toLink,
  toNeighbour,
  toNexthop,
  toRoute,
  toRule,
} from './observe.ts';
import { failed, must, run } from './run.ts';
import { readSysctl, type SysctlKey, writeSysctl } from './sysctl.ts';
import { address, family, netnsName, nftName, whole, word } from './values.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A change that the kernel refused, and why in the tool's own words. */
export interface Refused {
  readonly change: Change;
  readonly error: HostNetError;
}

/** What one look finds. */
export interface Snapshot {
  readonly links: readonly Link[];
  readonly rules: readonly Rule[];
  /** Of the table that was asked for, both families. */
  readonly routes: readonly SeenRoute[];
  readonly neighbours: readonly SeenNeighbour[];
  readonly nexthops: readonly Nexthop[];
  readonly fdb: readonly SeenFdb[];
}

/** The network of one network namespace. Every failure is a HostNetError. */
export interface HostNet {
  readonly netns: string | undefined;
  /** In order; neighbours for the same tool go in one batch. Stops at the first that fails, with an error that names it. */
  apply(changes: readonly Change[], options?: CallOptions): Promise<void>;
  /** Does all that can be done and returns the others. Rejects only when nothing can be done (no tool, no right). */
  applyAll(changes: readonly Change[], options?: CallOptions): Promise<Refused[]>;
  snapshot(table: number, options?: CallOptions): Promise<Snapshot>;
  /** With their addresses. */
  links(options?: CallOptions): Promise<Link[]>;
  routes(table?: number, options?: CallOptions): Promise<SeenRoute[]>;
  /** The link that packets to `ip` leave by, and the source address they get; undefined where there is no route. */
  routeTowards(ip: string, options?: CallOptions): Promise<{ readonly dev: string; readonly src: string | undefined } | undefined>;
  /** Each transaction replaces or deletes whole tables, all in one. */
  nft(
    tables: { readonly replace?: readonly NftTable[]; readonly delete?: readonly Pick<NftTable, 'family' | 'name'>[] },
    options?: CallOptions,
  ): Promise<void>;
  /** One transaction in nft's own language, for what an NftTable cannot say. Who writes it vouches for every value in it. */
  nftScript(text: string, options?: CallOptions): Promise<void>;
  /** The kernel's own listing as nft's JSON objects without handles, to be compared with an earlier listing. Undefined: no such table. */
  nftTable(
    table: Pick<NftTable, 'family' | 'name'>,
    options?: CallOptions,
  ): Promise<readonly Readonly<Record<string, unknown>>[] | undefined>;
  /** Undefined: no such key. */
  sysctl(key: SysctlKey, options?: CallOptions): Promise<number | undefined>;
  setSysctl(key: SysctlKey, value: number, options?: CallOptions): Promise<void>;
  /** See `MonitorOptions`. The returned function ends it. */
  monitor(options: MonitorOptions): () => void;
  /** Names of all network namespaces below /run/netns. */
  namespaces(options?: CallOptions): Promise<string[]>;
}

export interface HostNetOptions {
  /** A namespace below /run/netns; default: the one this process runs in. */
  readonly netns?: string;
  /** Of each call of a tool. Default 20 s. */
  readonly timeoutMs?: number;
}

export function createHostNet(options: HostNetOptions = {}): HostNet {
  const netns = options.netns === undefined ? undefined : netnsName(options.netns);
  const into = netns === undefined ? [] : ['-n', netns];
  const enter = netns === undefined ? [] : ['nsenter', `--net=/run/netns/${netns}`];
  const tool: Readonly<Record<Line['tool'], readonly string[]>> = {
    ip: ['ip', ...into],
    'ip -6': ['ip', ...into, '-6'],
    bridge: ['bridge', ...into],
  };
  const nft = [...enter, 'nft'];
  const opts = (call: CallOptions | undefined, input?: string) => ({ signal: call?.signal, timeoutMs: options.timeoutMs, input });
  const ask = async (argv: readonly string[], lines: readonly string[], call?: CallOptions) =>
    dumps(await must([...argv, '-batch', '-'], opts(call, `${lines.join('\n')}\n`)), lines.length);
  const links = async (call?: CallOptions) =>
    (await ask([...tool.ip, '-j', '-d'], ['address show'], call))[0]!.flatMap((row) => toLink(row) ?? []);

  async function applyAll(changes: readonly Change[], call?: CallOptions, stop = false): Promise<Refused[]> {
    const refused: Refused[] = [];
    const lines: { change: Change; line: Line }[] = [];
    for (const change of changes) {
      try {
        lines.push({ change, line: encode(change) });
      } catch (error) {
        if (stop || !(error instanceof HostNetError)) throw error;
        refused.push({ change, error });
      }
    }
    for (let from = 0; from < lines.length;) {
      const { tool: name } = lines[from]!.line;
      let to = from;
      while (to < lines.length && lines[to]!.line.tool === name) to += 1;
      const argv = [...tool[name], ...(stop ? [] : ['-force']), '-batch', '-'];
      const batch = lines.slice(from, to);
      from = to;
      const ran = await run(argv, opts(call, `${batch.map(({ line }) => line.text).join('\n')}\n`));
      if (ran.code === 0) continue;
      for (const { line, words } of complaints(ran.stderr)) {
        const item = batch[line - 1];
        const error = failed(argv, words, item?.line.text);
        if (stop || !item || error.code === 'HOSTNET_E_NOT_PERMITTED') throw error;
        refused.push({ change: item.change, error });
      }
    }
    return refused;
  }

  return {
    netns,
    links,
    apply: async (changes, call) => void (await applyAll(changes, call, true)),
    applyAll,
    async snapshot(table, call) {
      const routes = `route show table ${whole('routing table', table, 1, 0xffffffff)}`;
      const [seen, four, six, fdb] = await Promise.all([
        links(call),
        ask([...tool.ip, '-j', '-N'], ['rule show', routes, 'neighbour show nud permanent', 'nexthop show'], call),
        ask([...tool['ip -6'], '-j', '-N'], ['rule show', routes], call).catch(noIpv6),
        must([...tool.bridge, '-j', 'fdb', 'show'], opts(call)),
      ]);
      return {
        links: seen,
        rules: [...four[0]!.map((r) => toRule(r, 4)), ...six[0]!.map((r) => toRule(r, 6))],
        routes: [...four[1]!, ...six[1]!].map((r) => toRoute(r, table)),
        neighbours: four[2]!.flatMap((r) => toNeighbour(r) ?? []),
        nexthops: four[3]!.flatMap((r) => toNexthop(r) ?? []),
        fdb: (JSON.parse(fdb || '[]') as Record<string, unknown>[]).flatMap((r) => toFdb(r) ?? []),
      };
    },
    async routes(table = 254, call) {
      const show = [`route show table ${whole('routing table', table, 1, 0xffffffff)}`];
      const [four, six] = await Promise.all([
        ask([...tool.ip, '-j', '-N'], show, call),
        ask([...tool['ip -6'], '-j', '-N'], show, call).catch(() => [[]]),
      ]);
      return [...four[0]!, ...six[0]!].map((r) => toRoute(r, table));
    },
    async routeTowards(ip, call) {
      const ran = await run([...tool[family(address(ip)) === 6 ? 'ip -6' : 'ip'], '-j', 'route', 'get', ip], opts(call));
      const [found] = ran.code === 0 ? (JSON.parse(ran.stdout || '[]') as { dev?: string; prefsrc?: string }[]) : [];
      return found?.dev === undefined ? undefined : { dev: found.dev, src: found.prefsrc };
    },
    async nft(tables, call) {
      const text = [...(tables.delete ?? []).map(deleteTable), ...(tables.replace ?? []).map(replaceTable)].join('');
      if (text !== '') await must([...nft, '-f', '-'], opts(call, text));
    },
    async nftScript(text, call) {
      await must([...nft, '-f', '-'], opts(call, text));
    },
    async nftTable(table, call) {
      const argv = [...nft, '-j', 'list', 'table', word('family', table.family, ['inet', 'ip', 'ip6']), nftName(table.name)];
      const ran = await run(argv, opts(call));
      if (ran.code !== 0) {
        if (ran.stderr.includes('No such file or directory')) return undefined;
        throw failed(argv, ran.stderr);
      }
      const { nftables } = JSON.parse(ran.stdout, (key, value: unknown) => (key === 'handle' ? undefined : value)) as {
        nftables: Record<string, unknown>[];
      };
      return nftables.filter((object) => !('metainfo' in object));
    },
    sysctl: (key, call) => readSysctl(enter, key, opts(call)),
    setSysctl: (key, value, call) => writeSysctl(enter, key, value, opts(call)),
    monitor: (how) => monitor(tool.ip, nft, how),
    async namespaces(call) {
      return (JSON.parse((await must(['ip', '-j', 'netns', 'list'], opts(call))) || '[]') as { name: string }[]).map((n) => n.name);
    },
  };
}

/** A kernel without IPv6 has nothing to show. */
function noIpv6(error: unknown): [[], []] {
  if (error instanceof HostNetError && /not supported|disabled/i.test(error.message)) return [[], []];
  throw error;
}

/** Each `Command failed -:LINE` follows the tool's words about that line. An argument that the tool cannot read ends it at once, with no line. */
function complaints(stderr: string): { line: number; words: string }[] {
  const found: { line: number; words: string }[] = [];
  let words: string[] = [];
  for (const text of stderr.split('\n')) {
    const at = /^Command failed .*:(\d+)$/.exec(text);
    if (!at) words.push(text);
    else {
      found.push({ line: Number(at[1]), words: words.join(' ').trim() });
      words = [];
    }
  }
  const rest = words.join(' ').trim();
  return rest !== '' || found.length === 0 ? [...found, { line: 0, words: rest }] : found;
}

import { type Change, encode, type Line } from './change.ts';
import { HostNetError } from './errors.ts';
import { monitor, type MonitorOptions } from './monitor.ts';
import { deleteTable, type NftTable, replaceTable } from './nft.ts';
import { dumps, type Json, type Link, type SeenRoute, toLink, toRoute } from './observe.ts';
import { failed, must, mustInParts, run, type Runner, together } from './run.ts';
import { type Scope, type Snapshot, snapshotOf } from './snapshot.ts';
import { readSysctl, type SysctlKey, writeSysctl } from './sysctl.ts';
import { address, family, linkName, netnsName, nftName, whole, word } from './values.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A change that the kernel refused, and why in the tool's own words. */
export interface Refused {
  readonly change: Change;
  readonly error: HostNetError;
}

/** The network of one network namespace. Every failure is a HostNetError. */
export interface HostNet {
  readonly netns: string | undefined;
  /** In order; neighbours for the same tool go in one batch. Stops at the first that fails, with an error that names it. */
  apply(changes: readonly Change[], options?: CallOptions): Promise<void>;
  /** Does all that can be done and returns the others. Rejects only when nothing can be done (no tool, no right). */
  applyAll(changes: readonly Change[], options?: CallOptions): Promise<Refused[]>;
  snapshot(scope: Scope, options?: CallOptions): Promise<Snapshot>;
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
  /** When the kernel last sent something by each forwarding entry of a tunnel device, and when that was made: seconds ago, by MAC. */
  fdbUse(dev: string, options?: CallOptions): Promise<ReadonlyMap<string, { readonly usedS: number; readonly updatedS: number }>>;
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
  /** Where its tools run, but for `monitor`; default: on this machine. */
  readonly runner?: Runner;
  /** Of each call of a tool. Default 20 s. */
  readonly timeoutMs?: number;
}

/** So many lines are written to a tool at a time. */
const LINES = 500;

/** And so many to one process: iproute2 6.1 keeps a buffer for each until it ends, of which it touches one page. */
const MOST = 10_000;

export function createHostNet(options: HostNetOptions = {}): HostNet {
  const netns = options.netns === undefined ? undefined : netnsName(options.netns);
  const into = netns === undefined ? [] : ['-n', netns];
  const enter = netns === undefined ? [] : ['nsenter', `--net=/run/netns/${netns}`];
  const tools: Readonly<Record<Line['tool'], readonly string[]>> = {
    ip: ['ip', ...into],
    'ip -6': ['ip', ...into, '-6'],
    bridge: ['bridge', ...into],
  };
  const nft = [...enter, 'nft'];
  const opts = (call: CallOptions | undefined, input?: string) => ({
    signal: call?.signal,
    timeoutMs: options.timeoutMs,
    runner: options.runner,
    input,
  });
  const dump = (argv: readonly string[], lines: readonly string[], call?: CallOptions) =>
    mustInParts([...argv, '-batch', '-'], opts(call, `${lines.join('\n')}\n`));
  const ask = async (argv: readonly string[], lines: readonly string[], call?: CallOptions) =>
    dumps(together(await dump(argv, lines, call)), lines.length).map((text) => JSON.parse(text) as Json[]);
  const links = async (call?: CallOptions) =>
    (await ask([...tools.ip, '-j', '-d'], ['address show'], call))[0]!.flatMap((row) => toLink(row) ?? []);

  async function applyAll(changes: readonly Change[], call?: CallOptions, stop = false): Promise<Refused[]> {
    const refused: Refused[] = [];
    // Nothing is done where one of them cannot be.
    if (stop) for (const change of changes) encode(change);
    for (let at = 0; at < changes.length;) {
      const batch: Change[] = [];
      let texts: string[] = [];
      let tool: Line['tool'] | undefined;
      /** The next lines of one tool, while the tool is at work on those before. */
      const input = (function* () {
        for (; at < changes.length; at += 1) {
          const change = changes[at]!;
          try {
            const line = encode(change);
            if (line.tool !== (tool ??= line.tool) || batch.length === MOST) break;
            batch.push(change);
            texts.push(`${line.text}\n`);
          } catch (error) {
            if (!(error instanceof HostNetError)) throw error;
            refused.push({ change, error });
          }
          if (texts.length < LINES) continue;
          yield texts.join('');
          texts = [];
        }
        yield texts.join('');
      })();
      const first = input.next().value ?? '';
      if (!tool) break;
      const argv = [...tools[tool], ...(stop ? [] : ['-force']), '-batch', '-'];
      const ran = await run(argv, { ...opts(call), input: chain(first, input) });
      if (ran.code === 0) continue;
      for (const { line, words } of complaints(ran.stderr)) {
        const change = batch[line - 1];
        const error = failed(argv, words, change && encode(change).text);
        if (stop || !change || error.code === 'HOSTNET_E_NOT_PERMITTED') throw error;
        refused.push({ change, error });
      }
    }
    return refused;
  }

  return {
    netns,
    links,
    apply: async (changes, call) => void (await applyAll(changes, call, true)),
    applyAll,
    async snapshot(scope, call) {
      const routes = `route show table ${whole('routing table', scope.table, 1, 0xffffffff)}`;
      const nexthops = `nexthop show protocol ${whole('protocol', scope.protocol, 0, 255)}`;
      // The neighbours beside the rest, so that two processors have as much to do each.
      const [seen, four, six, neighbours, fdb] = await Promise.all([
        links(call),
        dump([...tools.ip, '-j', '-N'], ['rule show', routes, nexthops], call),
        dump([...tools['ip -6'], '-j', '-N'], ['rule show', routes], call).catch(noIpv6),
        mustInParts([...tools.ip, 'neighbour', 'show', 'nud', 'permanent'], opts(call)),
        mustInParts([...tools.bridge, 'fdb', 'show'], opts(call)),
      ]);
      return snapshotOf(seen, scope, { four, six, neighbours, fdb });
    },
    async routes(table = 254, call) {
      const show = [`route show table ${whole('routing table', table, 1, 0xffffffff)}`];
      const [four, six] = await Promise.all([
        ask([...tools.ip, '-j', '-N'], show, call),
        ask([...tools['ip -6'], '-j', '-N'], show, call).catch(() => [[]]),
      ]);
      return [...four[0]!, ...six[0]!].map((r) => toRoute(r, table));
    },
    async routeTowards(ip, call) {
      const ran = await run([...tools[family(address(ip)) === 6 ? 'ip -6' : 'ip'], '-j', 'route', 'get', ip], opts(call));
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
    async fdbUse(dev, call) {
      const rows = await must([...tools.bridge, '-j', '-s', 'fdb', 'show', 'dev', linkName(dev)], opts(call));
      return new Map(
        (JSON.parse(rows || '[]') as Json[]).flatMap(({ mac, used, updated }) =>
          typeof mac === 'string' && typeof used === 'number' && typeof updated === 'number'
            ? [[mac, { usedS: used, updatedS: updated }] as const]
            : [],
        ),
      );
    },
    sysctl: (key, call) => readSysctl(enter, key, opts(call)),
    setSysctl: (key, value, call) => writeSysctl(enter, key, value, opts(call)),
    monitor: (how) => monitor(tools.ip, nft, how),
    async namespaces(call) {
      return (JSON.parse((await must(['ip', '-j', 'netns', 'list'], opts(call))) || '[]') as { name: string }[]).map((n) => n.name);
    },
  };
}

function* chain(first: string, rest: Iterable<string>): Iterable<string> {
  yield first;
  yield* rest;
}

/** A kernel without IPv6 has nothing to show. */
function noIpv6(error: unknown): readonly Buffer[] {
  if (error instanceof HostNetError && /not supported|disabled/i.test(error.message)) return [Buffer.from('[]\n[]\n')];
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

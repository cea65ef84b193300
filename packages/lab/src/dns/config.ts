import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { canonicalZone, parseCorefile, type Directive, type ServerBlock } from './corefile.ts';
import type { ForwardOptions, Upstream } from './plugins/forward.ts';
import type { KubernetesOptions } from './plugins/kubernetes.ts';
import type { CacheOptions, HostsOptions, RewriteRule } from './plugins/local.ts';

/** One server block as it will be served. */
export interface BlockConfig {
  readonly zones: ServerBlock['zones'];
  readonly errors: boolean;
  readonly log: boolean;
  readonly reload: boolean;
  /** `address:port`, both may be empty. */
  readonly health: string | undefined;
  readonly ready: string | undefined;
  readonly loadbalance: boolean;
  readonly cache: CacheOptions | undefined;
  readonly rewrite: readonly RewriteRule[];
  readonly hosts: HostsOptions | undefined;
  readonly kubernetes: KubernetesOptions | undefined;
  readonly forward: readonly ForwardOptions[];
}

export interface CorefileConfig {
  readonly blocks: readonly BlockConfig[];
  /** What was left aside, with its line. */
  readonly warnings: readonly string[];
}

/** Known to CoreDNS and without a meaning here. */
const WITHOUT_EFFECT = new Set(['prometheus', 'loop', 'bufsize', 'local', 'trace', 'debug', 'pprof']);

/** Throws CorefileError for what cannot be read; a plugin or option that is not known is only said. */
export function corefileConfig(text: string): CorefileConfig {
  const warnings: string[] = [];
  const blocks = parseCorefile(text).map((block) => new BlockReader(block, warnings).read());
  return { blocks, warnings };
}

class BlockReader {
  readonly #block: ServerBlock;
  readonly #warnings: string[];
  readonly #own: readonly string[];

  constructor(block: ServerBlock, warnings: string[]) {
    this.#block = block;
    this.#warnings = warnings;
    this.#own = block.zones.map((z) => z.zone);
  }

  read(): BlockConfig {
    const known = ['errors', 'log', 'reload', 'health', 'ready', 'loadbalance', 'cache', 'rewrite', 'hosts', 'kubernetes', 'forward'];
    for (const p of this.#block.plugins)
      if (!known.includes(p.words[0] ?? '') && !WITHOUT_EFFECT.has(p.words[0] ?? ''))
        this.#warn(p, 'is not known to this server and left aside');
    const all = (name: string) => this.#block.plugins.filter((p) => p.words[0] === name);
    const one = (name: string) => all(name)[0];
    const map = <T>(d: Directive | undefined, read: (d: Directive) => T): T | undefined => d && read(d);
    return {
      zones: this.#block.zones,
      errors: one('errors') !== undefined,
      log: one('log') !== undefined,
      reload: one('reload') !== undefined,
      health: map(one('health'), (d) => d.words[1] ?? ':8080'),
      ready: map(one('ready'), (d) => d.words[1] ?? ':8181'),
      loadbalance: one('loadbalance') !== undefined,
      cache: map(one('cache'), (d) => this.#cache(d)),
      rewrite: all('rewrite').flatMap((d) => this.#rewrite(d)),
      hosts: map(one('hosts'), (d) => this.#hosts(d)),
      kubernetes: map(one('kubernetes'), (d) => this.#kubernetes(d)),
      forward: all('forward').flatMap((d) => this.#forward(d)),
    };
  }

  #warn(d: Directive, what: string): void {
    this.#warnings.push(`line ${d.line}: ${d.words.join(' ')}: ${what}`);
  }

  #zones(words: readonly string[]): readonly string[] {
    return words.length > 0 ? words.map(canonicalZone) : this.#own;
  }

  /** Options of a plugin, each by its reader. */
  #options(d: Directive, readers: Readonly<Record<string, (args: readonly string[], option: Directive) => void>>): void {
    for (const option of d.block) {
      const [name = '', ...args] = option.words;
      const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
      if (read) read(args, option);
      else this.#warn(option, `is no option that this server knows of ${d.words[0]}, and left aside`);
    }
  }

  #number(d: Directive, text: string | undefined, fallback: number): number {
    const value = Number(text ?? fallback);
    if (Number.isInteger(value) && value >= 0) return value;
    this.#warn(d, `'${text}' is no number; ${fallback} is taken`);
    return fallback;
  }

  #cache(d: Directive): CacheOptions {
    const seconds = /^\d+$/.test(d.words[1] ?? '') ? Number(d.words[1]) : undefined;
    const zones = this.#zones(d.words.slice(seconds === undefined ? 1 : 2));
    let [success, denial] = [seconds ?? 3600, Math.min(seconds ?? 1800, 1800)];
    let [withoutSuccess, withoutDenial]: (readonly string[])[] = [[], []];
    this.#options(d, {
      success: (args, o) => (success = this.#number(o, args[1], success)),
      denial: (args, o) => (denial = this.#number(o, args[1], denial)),
      disable: ([what, ...rest], o) => {
        const off = rest.length > 0 ? rest.map(canonicalZone) : zones;
        if (what === 'success') withoutSuccess = off;
        else if (what === 'denial') withoutDenial = off;
        else this.#warn(o, "expected 'success' or 'denial'");
      },
      ...ignored('prefetch', 'serve_stale', 'servfail', 'keepttl'),
    });
    return { zones, success, denial, withoutSuccess: withoutSuccess ?? [], withoutDenial: withoutDenial ?? [] };
  }

  #rewrite(d: Directive): RewriteRule[] {
    let words = d.words.slice(1);
    if (d.block.length > 0 && (words.length === 0 || words[0] === 'stop' || words[0] === 'continue')) {
      const inner = d.block
        .filter((o) => o.words[0] === 'name')
        .map((o) => ({ ...o, words: ['rewrite', ...words, ...o.words], block: [] }));
      return inner.flatMap((o) => this.#rewrite(o));
    }
    const goOn = words[0] === 'continue';
    if (words[0] === 'stop' || goOn) words = words.slice(1);
    if (words[0] !== 'name') {
      this.#warn(d, 'this server rewrites names only');
      return [];
    }
    const hows = ['exact', 'prefix', 'suffix', 'substring', 'regex'] as const;
    const how = hows.find((h) => h === words[1] && words.length > 3);
    const [from, to] = how ? [words[2], words[3]] : [words[1], words[2]];
    if (from === undefined || to === undefined || (how === 'regex' && !isRegExp(from))) {
      this.#warn(d, 'expected: rewrite name [exact|prefix|suffix|substring|regex] FROM TO');
      return [];
    }
    const plain = (text: string) => (how === 'prefix' ? text.toLowerCase() : text.toLowerCase().replace(/\.$/, ''));
    return [{ how: how ?? 'exact', from: how === 'regex' ? from : plain(from), to: how === 'regex' ? to : plain(to), goOn }];
  }

  #hosts(d: Directive): HostsOptions {
    const [file, ...zones] = d.words.slice(1);
    const inline = d.block.filter((o) => isIP(o.words[0] ?? '') !== 0).map((o) => o.words);
    let ttl = 3600;
    let reverse = true;
    let through: readonly string[] | undefined;
    this.#options(
      { ...d, block: d.block.filter((o) => !inline.includes(o.words)) },
      {
        ttl: (args, o) => (ttl = this.#number(o, args[0], ttl)),
        no_reverse: () => (reverse = false),
        fallthrough: (args) => (through = args.length > 0 ? args.map(canonicalZone) : ['.']),
        ...ignored('reload'),
      },
    );
    return {
      file: file ?? (inline.length > 0 ? undefined : '/etc/hosts'),
      inline,
      zones: this.#zones(zones),
      ttl,
      reverse,
      fallthrough: through,
    };
  }

  #kubernetes(d: Directive): KubernetesOptions {
    const zones = this.#zones(d.words.slice(1));
    let ttl = 5;
    let pods: KubernetesOptions['pods'] = 'disabled';
    let through: readonly string[] | undefined;
    this.#options(d, {
      ttl: (args, o) => (ttl = this.#number(o, args[0], ttl)),
      pods: ([mode], o) => {
        if (mode === 'insecure' || mode === 'disabled') pods = mode;
        else this.#warn(o, "this server knows 'insecure' and 'disabled'");
      },
      fallthrough: (args) => (through = args.length > 0 ? args.map(canonicalZone) : ['.']),
      ...ignored('kubeconfig', 'endpoint', 'tls', 'apiserver_qps', 'apiserver_burst'),
    });
    return { zones, ttl, pods, fallthrough: through };
  }

  #forward(d: Directive): ForwardOptions[] {
    const [from = '.', ...to] = d.words.slice(1);
    const upstreams = to.flatMap((text) => this.#upstreams(d, text));
    let except: readonly string[] = [];
    let policy: ForwardOptions['policy'] = 'random';
    let forceTcp = false;
    this.#options(d, {
      except: (args) => (except = args.map(canonicalZone)),
      policy: ([name], o) => {
        if (name === 'random' || name === 'round_robin' || name === 'sequential') policy = name;
        else this.#warn(o, 'expected random, round_robin or sequential');
      },
      force_tcp: () => (forceTcp = true),
      ...ignored('prefer_udp', 'max_fails', 'expire', 'health_check', 'max_concurrent', 'next', 'failfast_all_unhealthy_upstreams'),
    });
    if (upstreams.length === 0) {
      this.#warn(d, 'leads to no server, and is left aside');
      return [];
    }
    return [{ from: canonicalZone(from), except, upstreams, policy, forceTcp }];
  }

  #upstreams(d: Directive, text: string): Upstream[] {
    const plain = text.replace(/^dns:\/\//, '');
    const match = /^\[(.+)\](?::(\d+))?$/.exec(plain) ?? /^([\d.]+)(?::(\d+))?$/.exec(plain);
    const host = isIP(plain) === 0 ? match?.[1] : plain;
    if (host !== undefined && isIP(host) !== 0) return [{ host, port: isIP(plain) === 0 ? Number(match?.[2] ?? 53) : 53 }];
    if (plain.startsWith('/')) return nameservers(plain);
    this.#warn(d, `'${text}' is no address of plain DNS and no file`);
    return [];
  }
}

const ignored = (...names: readonly string[]) => Object.fromEntries(names.map((n) => [n, () => {}]));

/** What a resolv.conf names; a file that is not there names none. */
function nameservers(file: string): Upstream[] {
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    return lines.flatMap((line) => {
      const host = /^nameserver\s+(\S+)/.exec(line)?.[1];
      return host !== undefined && isIP(host) !== 0 ? [{ host, port: 53 }] : [];
    });
  } catch {
    return [];
  }
}

function isRegExp(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ResourceRecord } from '@kosmos/dns-wire';
import { familyOf } from '../../cidr.ts';
import { addressKey, addressOf } from '../cluster-records.ts';
import { within } from '../corefile.ts';
import { SERVFAIL, type Plugin, type Query, type Reply } from '../handler.ts';

export interface HostsOptions {
  readonly file: string | undefined;
  /** Lines of a hosts file. */
  readonly inline: readonly (readonly string[])[];
  readonly zones: readonly string[];
  readonly ttl: number;
  readonly reverse: boolean;
  readonly fallthrough: readonly string[] | undefined;
}

/** Names and addresses of a hosts file. */
export function hosts(options: HostsOptions): Plugin {
  const lines = [...readLines(options.file), ...options.inline].filter(([ip]) => isIP(ip ?? '') !== 0);
  const byName = new Map<string, string[]>();
  const byAddress = new Map<string, string[]>();
  for (const [ip = '', ...names] of lines) {
    for (const name of names) {
      const key = name.toLowerCase().replace(/\.$/, '');
      byName.set(key, [...(byName.get(key) ?? []), ip]);
      byAddress.set(addressKey(ip), [...(byAddress.get(addressKey(ip)) ?? []), key]);
    }
  }
  const records = (query: Query): ResourceRecord[] | undefined => {
    const own = { name: query.question.name, class: 'IN', ttl: options.ttl } as const;
    const ip = options.reverse ? addressOf(query.name) : undefined;
    if (ip !== undefined) return byAddress.get(addressKey(ip))?.map((data) => ({ ...own, type: 'PTR', data }));
    return byName.get(query.name)?.map((data) => ({ ...own, type: familyOf(data) === 'IPv4' ? 'A' : 'AAAA', data }));
  };
  return (next) => async (query) => {
    if (!options.zones.some((z) => within(query.name, z))) return next(query);
    const found = records(query);
    if (found) return { rcode: 'NOERROR', authoritative: true, answers: found.filter((r) => r.type === query.type) };
    if (options.fallthrough?.some((z) => within(query.name, z))) return next(query);
    return SERVFAIL; // as CoreDNS says it, which has no SOA here for an NXDOMAIN
  };
}

function readLines(file: string | undefined): string[][] {
  if (file === undefined) return [];
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.replace(/#.*/, '').trim().split(/\s+/));
  } catch {
    return []; // as CoreDNS does it: the file may come later
  }
}

export interface RewriteRule {
  readonly how: 'exact' | 'prefix' | 'suffix' | 'substring' | 'regex';
  readonly from: string;
  readonly to: string;
  /** Later rules are looked at, too. */
  readonly goOn: boolean;
}

/** Asks for another name. Who asked sees the name that was asked for. */
export function rewrite(rules: readonly RewriteRule[]): Plugin {
  return (next) => async (query) => {
    let name = query.name;
    for (const rule of rules) {
      const changed = rewritten(name, rule);
      if (changed === undefined) continue;
      name = changed;
      if (!rule.goOn) break;
    }
    if (name === query.name) return next(query);
    const reply = await next({ ...query, name, question: { ...query.question, name } });
    return (
      reply && { ...reply, answers: reply.answers.map((r) => (r.name.toLowerCase() === name ? { ...r, name: query.question.name } : r)) }
    );
  };
}

function rewritten(name: string, { how, from, to }: RewriteRule): string | undefined {
  switch (how) {
    case 'exact':
      return name === from ? to : undefined;
    case 'prefix':
      return name.startsWith(from) ? to + name.slice(from.length) : undefined;
    case 'suffix':
      return name.endsWith(from) ? name.slice(0, -from.length) + to : undefined;
    case 'substring':
      return name.includes(from) ? name.replaceAll(from, to) : undefined;
    case 'regex': {
      // CoreDNS shows patterns the last dot.
      const match = new RegExp(from).exec(`${name}.`) ?? new RegExp(from).exec(name);
      return match ? to.replaceAll(/\{(\d+)\}/g, (_, i: string) => match[Number(i)] ?? '').replace(/\.$/, '') : undefined;
    }
  }
}

/** Shuffles addresses, so that clients that take the first one are spread. */
export const loadbalance: Plugin = (next) => async (query) => {
  const reply = await next(query);
  if (!reply || reply.answers.length < 2) return reply;
  const isAddress = (r: ResourceRecord) => r.type === 'A' || r.type === 'AAAA';
  return { ...reply, answers: [...reply.answers.filter((r) => !isAddress(r)), ...shuffled(reply.answers.filter(isAddress))] };
};

function shuffled<T>(items: readonly T[]): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i -= 1) {
    const k = Math.floor(Math.random() * (i + 1));
    [result[i], result[k]] = [result[k] as T, result[i] as T];
  }
  return result;
}

export interface CacheOptions {
  readonly zones: readonly string[];
  /** Longest times in seconds, and zones of which nothing is kept. */
  readonly success: number;
  readonly denial: number;
  readonly withoutSuccess: readonly string[];
  readonly withoutDenial: readonly string[];
}

const CACHE_SIZE = 10_000;

export function cache(options: CacheOptions, now: () => number = Date.now): Plugin {
  const kept = new Map<string, { readonly reply: Reply; readonly from: number; readonly until: number }>();
  return (next) => async (query) => {
    if (!options.zones.some((z) => within(query.name, z))) return next(query);
    const key = `${query.name} ${query.type} ${query.question.class ?? 'IN'}`;
    const hit = kept.get(key);
    if (hit && hit.until > now()) return aged(hit.reply, query, Math.floor((now() - hit.from) / 1000));
    kept.delete(key);
    const reply = await next(query);
    const seconds = reply ? secondsOf(reply, query, options) : 0;
    if (reply && seconds > 0) {
      // The oldest goes: a Map keeps the order of insertion.
      if (kept.size >= CACHE_SIZE) kept.delete(kept.keys().next().value as string);
      kept.set(key, { reply, from: now(), until: now() + 1000 * seconds });
    }
    return reply;
  };
}

function secondsOf(reply: Reply, query: Query, o: CacheOptions): number {
  const found = reply.rcode === 'NOERROR' && reply.answers.length > 0;
  if (!found && reply.rcode !== 'NOERROR' && reply.rcode !== 'NXDOMAIN') return 0;
  if ((found ? o.withoutSuccess : o.withoutDenial).some((z) => within(query.name, z))) return 0;
  const ttls = (found ? reply.answers : (reply.authorities ?? [])).map((r) => (r.type === 'SOA' ? Math.min(r.ttl, r.data.minimum) : r.ttl));
  return Math.min(found ? o.success : o.denial, ...ttls);
}

function aged(reply: Reply, query: Query, seconds: number): Reply {
  const age = (r: ResourceRecord): ResourceRecord => ({
    ...r,
    ttl: Math.max(0, r.ttl - seconds),
    name: r.name.toLowerCase() === query.name ? query.question.name : r.name,
  });
  const all = (records: readonly ResourceRecord[] | undefined) => (records ?? []).map(age);
  return {
    ...reply,
    authoritative: false,
    answers: all(reply.answers),
    authorities: all(reply.authorities),
    additionals: all(reply.additionals),
  };
}

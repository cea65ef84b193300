/** One look at what the kernel holds of a table, a protocol and some devices. */
import { createHash } from 'node:crypto';
import type { Nexthop, Rule } from './change.ts';
import {
  dumps,
  type Json,
  type Link,
  type SeenFdb,
  type SeenNeighbour,
  type SeenRoute,
  toFdb,
  toNeighbour,
  toNexthop,
  toRoute,
  toRule,
} from './observe.ts';
import { together } from './run.ts';

/** What a look is for. What other software has beside it may come and go. */
export interface Scope {
  /** Of routes, and of the rules that lead to them. */
  readonly table: number;
  /** Of next hops. */
  readonly protocol: number;
  /** Of neighbours and forwarding entries. */
  readonly devices: ReadonlySet<string>;
}

/** What one look finds. */
export interface Snapshot {
  /** All that there are. */
  readonly links: readonly Link[];
  /** The same as at another look of the same scope only if the kernel showed the same rules and entries, in the same order. */
  readonly digest: string;
  /** Reads what the tools wrote, which takes longer than to have it written where there is much. */
  entries(): Entries;
}

/** All of the scope only. */
export interface Entries {
  readonly rules: readonly Rule[];
  /** Of both families. */
  readonly routes: readonly SeenRoute[];
  readonly neighbours: readonly SeenNeighbour[];
  readonly nexthops: readonly Nexthop[];
  readonly fdb: readonly SeenFdb[];
}

type Parts = readonly Buffer[];

/** What the tools wrote. */
export interface Dumps {
  /** `rule show`, `route show` and `nexthop show` as JSON, a line each. */
  readonly four: Parts;
  /** `rule show` and `route show`. */
  readonly six: Parts;
  /** `ip neighbour show nud permanent`. */
  readonly neighbours: Parts;
  /** `bridge fdb show`. */
  readonly fdb: Parts;
}

/** Nothing large is put together before `entries` asks for it: where the digest is known, nobody does. */
export function snapshotOf(links: readonly Link[], { table, devices }: Scope, seen: Dumps): Snapshot {
  const [four, six] = [firstLine(seen.four), firstLine(seen.six)];
  const rules = [...rows(four.line).map((r) => toRule(r, 4)), ...rows(six.line).map((r) => toRule(r, 6))].filter((r) => r.table === table);
  const digest = createHash('sha256').update(JSON.stringify(rules));
  for (const part of [...four.rest, ...six.rest]) digest.update(part);
  for (const dump of [seen.neighbours, seen.fdb]) for (const text of linesOn(devices, dump)) digest.update(text);
  return {
    links,
    digest: digest.digest('base64'),
    entries() {
      const [routes4, nexthops] = dumps(together(four.rest), 2) as [string, string];
      const [routes6] = dumps(together(six.rest), 1) as [string];
      const lines = (dump: Parts) => [...linesOn(devices, dump)].flatMap((text) => text.split('\n'));
      return {
        rules,
        routes: [...rows(routes4), ...rows(routes6)].map((r) => toRoute(r, table)),
        neighbours: lines(seen.neighbours).flatMap((line) => toNeighbour(line) ?? []),
        nexthops: rows(nexthops).flatMap((r) => toNexthop(r) ?? []),
        fdb: lines(seen.fdb).flatMap((line) => toFdb(line) ?? []),
      };
    },
  };
}

const rows = (text: string): Json[] => JSON.parse(text) as Json[];

function firstLine(parts: Parts): { readonly line: string; readonly rest: Parts } {
  const nth = parts.findIndex((part) => part.includes(NEWLINE));
  const last = parts[nth];
  if (!last) return { line: together(parts), rest: [] };
  const at = last.indexOf(NEWLINE);
  return { line: together([...parts.slice(0, nth), last.subarray(0, at)]), rest: [last.subarray(at + 1), ...parts.slice(nth + 1)] };
}

const NEWLINE = 10;

/** The lines that say ` dev NAME ` with one of these names; several at a time. */
function* linesOn(devices: ReadonlySet<string>, parts: Parts): Generator<string> {
  let begun = '';
  for (const part of parts) {
    // What is of interest in them is ASCII.
    const text = begun + part.toString('latin1');
    const end = text.lastIndexOf('\n') + 1;
    begun = text.slice(end);
    yield onlyOf(devices, text.slice(0, end));
  }
}

/** The text itself, where no line is of another device. */
function onlyOf(devices: ReadonlySet<string>, text: string): string {
  let kept = '';
  let from = 0;
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at) + 1;
    const line = text.slice(at, end);
    const dev = line.indexOf(' dev ') + 5;
    if (dev < 5 || !devices.has(line.slice(dev, line.indexOf(' ', dev)))) {
      kept += text.slice(from, at);
      from = end;
    }
    at = end;
  }
  return from === 0 ? text : kept + text.slice(from);
}

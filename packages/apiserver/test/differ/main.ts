/** Prints what the embedded server answers otherwise than a real one; arguments are patterns of the cases to ask. */
import { writeFileSync } from 'node:fs';
import { cases } from './cases.ts';
import type { Difference } from './compare.ts';
import { isKnown } from './known.ts';
import { run } from './run.ts';
import { startServers } from './servers.ts';

const wanted = process.argv.slice(2).map((pattern) => new RegExp(pattern));
const servers = await startServers();
const found: Difference[] = [];
let steps = 0;
try {
  for (const one of cases().filter((c) => !wanted.length || wanted.some((w) => w.test(c.name)))) {
    steps += one.steps.length;
    found.push(...(await run(servers, one)).filter((d) => !isKnown(d)));
  }
} finally {
  await servers.stop();
}
/** Of each kind of difference, a few; the same difference of many values and indexes is one. */
const groups = new Map<string, Difference[]>();
for (const d of found) {
  const what = d.do.replace(/ = .*/, '').replace(/\[\d+\]/g, '[]');
  const key = `${d.case} | ${what} | ${d.at.replace(/\d+/g, 'N')}`;
  groups.set(key, [...(groups.get(key) ?? []), d]);
}
const short = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 700);
// Words come last.
const soft = (key: string): number => Number(/ \| (message|text|header [a-z-]+)$/.test(key));
for (const [key, all] of [...groups].sort(([a], [b]) => soft(a) - soft(b))) {
  console.log(`${key}${all.length > 1 ? ` (${all.length})` : ''}`);
  for (const d of all.slice(0, 3)) console.log(`  ${d.do.slice(0, 120)}\n    real     ${short(d.real)}\n    embedded ${short(d.embedded)}`);
}
for (const report of servers.reports) console.log('report', report);
console.log(`${steps} requests, ${found.length} differences in ${groups.size} groups`);
if (process.env.DIFFER_OUT) writeFileSync(process.env.DIFFER_OUT, JSON.stringify(found));

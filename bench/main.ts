/** `npm run bench -- SUITE ...`: measures, prints a table and writes `bench/results/SUITE.json`. Without a suite it lists them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { Result } from './result.ts';

interface Part {
  run(): Promise<Result[]>;
}

/** Each part is loaded when its turn comes, so that what one needs doesn't weigh on the figures of another. */
const SUITES: Readonly<Record<string, readonly (() => Promise<Part>)[]>> = {
  apiserver: [() => import('./apiserver.ts')],
  bus: [() => import('./bus.ts'), () => import('./bus-lag.ts'), () => import('./bus-fleet.ts')],
  dns: [() => import('./dns-wire.ts')],
  failover: [() => import('./failover.ts')],
  lab: [() => import('./lab.ts'), () => import('./lab-idle.ts')],
  network: [
    () => import('./network-plan.ts'),
    () => import('./network-modes-plan.ts'),
    () => import('./network-modes.ts'),
    () => import('./network-agent.ts'),
    () => import('./network-lab.ts'),
    () => import('./network-repair.ts'),
  ],
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in SUITES));
if (wanted.length === 0 || unknown.length > 0) {
  for (const name of unknown) console.error(`bench: there is no suite '${name}'`);
  console.error(`usage: npm run bench -- SUITE ...    (${Object.keys(SUITES).join(', ')})`);
  process.exit(2);
}

const machine = {
  node: process.version,
  kernel: release(),
  cpus: cpus().length,
  cpu: cpus()[0]?.model,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
};
console.log(`${machine.cpus} x ${machine.cpu}, ${machine.memoryGiB} GiB, ${process.platform} ${machine.kernel}, Node ${machine.node}`);
for (const suite of wanted) {
  const results: Result[] = [];
  for (const load of SUITES[suite] ?? []) {
    for (const result of await (await load()).run()) {
      results.push(result);
      console.log(row(result));
    }
  }
  mkdirSync('bench/results', { recursive: true });
  writeFileSync(
    `bench/results/${suite}.json`,
    `${JSON.stringify({ suite, machine, date: new Date().toISOString(), results }, undefined, 2)}\n`,
  );
  console.log(`written to bench/results/${suite}.json`);
}

function row({ name, value, unit, target, note }: Result): string {
  const figure = `${Number(value.toPrecision(4))} ${unit}`.padStart(16);
  return `${figure}  ${name}${target ? ` (target ${target})` : ''}${note ? `\n${' '.repeat(18)}${note}` : ''}`;
}

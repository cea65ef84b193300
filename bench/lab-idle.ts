/** What a large lab takes while nothing happens. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '@kosmos/lab';
import { rss, sum, withLab } from './lab.ts';
import type { Result } from './result.ts';

const CLUSTERS = 5;
const NODES = 20;
const SETTLE_MS = 5000;
const IDLE_MS = 20_000;

export const run = (): Promise<Result[]> => withLab(CLUSTERS, NODES, idle);

async function idle(lab: Lab, startMs: number): Promise<Result[]> {
  const machine = () => {
    const [user = 0, nice = 0, system = 0] = (/^cpu +(.*)/.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '').split(' ').map(Number);
    return user + nice + system; // clock ticks of 10 ms
  };
  await sleep(SETTLE_MS);
  const before = machine();
  await sleep(IDLE_MS);
  const cores = ((machine() - before) * 10) / IDLE_MS;
  return [
    { name: `lab of ${CLUSTERS} clusters with ${NODES} nodes each: command to ready`, value: startMs / 1000, unit: 's' },
    { name: `lab of ${CLUSTERS} x ${NODES}: resident memory of all`, value: sum(await rss(lab, '')) / 1024, unit: 'GiB' },
    { name: `lab of ${CLUSTERS} x ${NODES}: CPU, idle`, value: cores, unit: 'cores', note: 'of the whole machine, over 20 s' },
  ];
}

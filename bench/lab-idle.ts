/** What a large lab takes while nothing happens. */
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
  // Of every process of the lab, and no other of the machine: it has a pid namespace of its own.
  const ticks = async () => {
    const { stdout } = await lab.exec('c1/cp', ['sh', '-c', 'cat /proc/[0-9]*/stat']);
    const fields = stdout
      .trim()
      .split('\n')
      .map((line) => line.slice(line.lastIndexOf(')') + 2).split(' '));
    return sum(fields.map((f) => Number(f[11]) + Number(f[12]))); // clock ticks of 10 ms, proc(5)
  };
  await sleep(SETTLE_MS);
  const before = await ticks();
  await sleep(IDLE_MS);
  const cores = (((await ticks()) - before) * 10) / IDLE_MS;
  return [
    { name: `lab of ${CLUSTERS} clusters with ${NODES} nodes each: command to ready`, value: startMs / 1000, unit: 's' },
    { name: `lab of ${CLUSTERS} x ${NODES}: resident memory of all`, value: sum(await rss(lab, '')) / 1024, unit: 'GiB' },
    { name: `lab of ${CLUSTERS} x ${NODES}: CPU, idle`, value: cores, unit: 'cores', note: 'of all its processes, over 20 s' },
  ];
}

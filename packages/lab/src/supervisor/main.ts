/** The supervisor of one lab: `main DIR LISTENER...`; it owns every process, link and namespace of the lab. */
import { createWriteStream } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { labError } from '../errors.ts';
import { plain, serve } from '../control.ts';
import { paths, readRecord } from '../state.ts';
import type { Progress } from '../up.ts';
import { Supervisor } from './supervisor.ts';

/** `lab up` reads here how it goes. */
const PROGRESS_FD = 3;
const FIRST_LISTENER_FD = 4;

const dir = process.argv[2] as string;
const progress = createWriteStream('', { fd: PROGRESS_FD });
progress.on('error', () => {}); // who started it is gone; it goes on
const tell = (line: Progress) => progress.write(`${JSON.stringify(line)}\n`);

const record = readRecord(dir);
if (!record) throw labError('KOSMOS_E_LAB_ABSENT', `no lab is kept in ${dir}`);
const listeners = record.topology.clusters.map((_, i) => FIRST_LISTENER_FD + i);
const supervisor = new Supervisor(dir, record, listeners, (step, ms) => tell({ step, ms }));

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void supervisor.down());
await serve(paths(dir).control, supervisor.operations);
try {
  await supervisor.up();
  tell({ ready: true });
  progress.end();
  flushCompileCache(); // it is not kept when this process is killed
} catch (error) {
  // The namespaces end with this process, and everything in them.
  tell({ error: plain(error) });
  progress.end(() => process.exit(1));
}

import { setTimeout as sleep } from 'node:timers/promises';
import { labError } from './errors.ts';
import { isAlive, livingProcess, paths, readRecord, removeDir, statOf } from './state.ts';

const GONE_MS = 10_000;

/** Ends the lab kept in `dir`, running or crashed, and removes its files. What is not there is no error. */
export async function takeDown(dir: string): Promise<void> {
  const init = livingProcess(paths(dir).init);
  if (init) {
    // unshare(1), which waits for it.
    const parent = statOf(statOf(init.pid)?.parent ?? 0);
    // The kernel ends every process of the pid namespace with its first one; with the processes go the other namespaces.
    process.kill(init.pid, 'SIGKILL');
    const deadline = Date.now() + GONE_MS;
    while (isAlive(init) || isAlive(parent)) {
      if (Date.now() > deadline) throw labError('KOSMOS_E_LAB_SYSTEM', `process ${init.pid} of the lab does not end`, { where: dir });
      await sleep(5);
    }
  }
  removeDir(dir);
}

export const exists = (dir: string): boolean => readRecord(dir) !== undefined || livingProcess(paths(dir).init) !== undefined;

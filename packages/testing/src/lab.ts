import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLab, type Lab, type LabOptions } from '@kosmos/lab';

const cleanups: (() => Promise<void>)[] = [];

/** Runs `fn` when `cleanUp` is called, the last one added first. */
export function onCleanUp(fn: () => Promise<void>): void {
  cleanups.push(fn);
}

/** For an `after` hook: takes down what the helpers of this package started. All is tried; the first failure is thrown. */
export async function cleanUp(): Promise<void> {
  const failed: unknown[] = [];
  for (let fn = cleanups.pop(); fn; fn = cleanups.pop()) await fn().catch((error: unknown) => failed.push(error));
  if (failed.length > 0) throw failed[0];
}

/** An empty directory that `cleanUp` removes. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'kosmos-test-'));
  onCleanUp(async () => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Gives this process, and what it starts, a place for labs of its own (`KOSMOS_LAB_HOME`), until `cleanUp`. */
export function tempLabHome(): string {
  const before = process.env.KOSMOS_LAB_HOME;
  const dir = tempDir();
  process.env.KOSMOS_LAB_HOME = dir;
  onCleanUp(async () => {
    if (before === undefined) delete process.env.KOSMOS_LAB_HOME;
    else process.env.KOSMOS_LAB_HOME = before;
  });
  return dir;
}

/** A lab with a name of its own, which `cleanUp` takes down. */
export async function startTestLab(options: LabOptions = {}): Promise<Lab> {
  const lab = await startLab({ name: `t${randomBytes(4).toString('hex')}`, ...options });
  onCleanUp(() => lab.down());
  return lab;
}

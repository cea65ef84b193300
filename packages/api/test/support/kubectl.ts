import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Kubectl {
  (args: readonly string[], stdin?: string): Promise<{ readonly code: number; readonly out: string; readonly err: string }>;
  /** Removes its home. */
  remove(): void;
}

/** The real kubectl, with a home of its own, since it caches what servers serve. */
export function kubectl(kubeconfig: string): Kubectl {
  const home = mkdtempSync(join(tmpdir(), 'kosmos-kubectl-'));
  const file = join(home, 'kubeconfig');
  writeFileSync(file, kubeconfig, { mode: 0o600 });
  const run = (args: readonly string[], stdin = ''): Promise<{ code: number; out: string; err: string }> =>
    new Promise((resolve) => {
      const env = { PATH: process.env.PATH, HOME: home, KUBECONFIG: file };
      const child = execFile('kubectl', args, { env, timeout: 30_000 }, (error, out, err) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, out, err });
      });
      child.stdin!.end(stdin);
    });
  return Object.assign(run, { remove: () => rmSync(home, { recursive: true, force: true }) });
}

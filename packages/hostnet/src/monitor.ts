/**
 * `ip monitor all` and `nft -j monitor` as long-lived children. Their lines are hints to look again, never the truth: they
 * are text in a form of their own, and some changes (IPv4 routes that vanish with a link) have none.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { failed, missing, toolEnv } from './run.ts';
import type { HostNetError } from './errors.ts';

export interface MonitorOptions {
  /**
   * Something changed, or may have: a child started, ended or lost events. At most once in `debounceMs`. `at`: of the last such
   * thing, as `performance.now()` tells it; who has begun to look after it has seen it.
   */
  hint(at: number): void;
  /** False: this line of `ip monitor` (`[NEIGH]10.0.0.1 dev eth0 ...`) or `nft -j monitor` is no hint. */
  filter?(line: string): boolean;
  /** From the first line to the hint. Default 100 ms. */
  readonly debounceMs?: number;
  /** A child cannot be started, or ended; it is started again after a second. */
  failed?(error: HostNetError): void;
}

const RESTART_MS = 1000;

/** Starts both; the returned function stops them for good. */
export function monitor(ip: readonly string[], nft: readonly string[], options: MonitorOptions): () => void {
  const { debounceMs = 100 } = options;
  let stopped = false;
  let pending: NodeJS.Timeout | undefined;
  let last = 0;
  const hint = () => {
    last = performance.now();
    pending ??= setTimeout(() => {
      pending = undefined;
      options.hint(last);
    }, debounceMs);
  };
  const stops = [follow([...ip, 'monitor', 'all']), follow([...nft, '-j', 'monitor'])];
  return () => {
    stopped = true;
    clearTimeout(pending);
    for (const stop of stops) stop();
  };

  function follow(argv: readonly string[]): () => void {
    let child: ChildProcess | undefined;
    let again: NodeJS.Timeout | undefined;
    const start = () => {
      const [file, ...args] = argv as [string, ...string[]];
      const started = (child = spawn(file, args, { env: toolEnv(), stdio: ['ignore', 'pipe', 'pipe'] }));
      let words = '';
      let over = false;
      const end = (error: HostNetError) => {
        if (over || stopped) return;
        over = true;
        options.failed?.(error);
        hint();
        again = setTimeout(start, RESTART_MS);
      };
      createInterface({ input: started.stdout! }).on('line', (line) => {
        if (!stopped && line !== '' && (options.filter?.(line) ?? true)) hint();
      });
      // What they say here is that events were lost.
      started.stderr!.setEncoding('utf8').on('data', (text: string) => {
        words = `${words}${text}`.slice(-500);
        if (!stopped) hint();
      });
      started.once('spawn', hint);
      started.once('error', (cause: NodeJS.ErrnoException) => end(missing(file, cause)));
      started.once('close', (code, by) => end(failed(argv, `ended (${by ?? code}) ${words}`)));
    };
    start();
    return () => {
      clearTimeout(again);
      child?.kill('SIGKILL');
    };
  }
}

import type { Clock } from '@kosmos/kernel';

/** Runs one job, one at a time, whenever it is asked to; asking while it runs makes it run once more. */
export interface Worker {
  /** Within `delayMs` (default 10). */
  wake(delayMs?: number): void;
  /** Resolves when the job that runs has ended, which `signal` of the job tells to. */
  stop(): Promise<void>;
}

const RETRY_MS = { first: 250, most: 30_000 };

/** The job returns whether it should be tried again soon; a rejection is `failed` and tried again. Tries are further and further apart. */
export function worker(
  clock: Clock,
  periodMs: number,
  job: (signal: AbortSignal) => Promise<'done' | 'retry'>,
  failed: (error: unknown) => void,
): Worker {
  const abort = new AbortController();
  let due: { readonly at: number; readonly cancel: () => void } | undefined;
  let running: Promise<void> | undefined;
  let tries = 0;
  const wake = (delayMs = 10) => {
    const at = clock.now() + delayMs;
    if (abort.signal.aborted || (due && due.at <= at)) return;
    due?.cancel();
    due = { at, cancel: clock.after(delayMs, start) };
  };
  const start = () => {
    due = undefined;
    if (running) return wake(5);
    running = (async () => {
      let again = true;
      try {
        again = (await job(abort.signal)) === 'retry';
      } catch (error) {
        if (!abort.signal.aborted) failed(error);
      }
      running = undefined;
      tries = again ? tries + 1 : 0;
      wake(again ? Math.min(RETRY_MS.first * 2 ** (tries - 1), RETRY_MS.most) : periodMs);
    })();
    return undefined;
  };
  return {
    wake,
    async stop() {
      abort.abort();
      due?.cancel();
      await running;
    },
  };
}

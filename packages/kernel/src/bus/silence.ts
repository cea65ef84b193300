/** Notices that a server says nothing any more. */
import type { Clock } from '../contracts/services.ts';

/** Waits for silence. */
export interface Silence {
  readonly signal: AbortSignal;
  /** Was it this that aborted? */
  readonly over: boolean;
  /** Gives the time, as the clock has it. */
  heard(): number;
  /** From now on it takes so long, in ms. */
  after(longer: number): void;
  end(): void;
}

/** A signal that aborts with another one, or when nothing was heard for so long. */
export function silence(clock: Clock, ms: number, abort: AbortSignal): Silence {
  const controller = new AbortController();
  const aborted = () => controller.abort(abort.reason);
  if (abort.aborted) aborted();
  else abort.addEventListener('abort', aborted, { once: true });
  let [limit, last, over] = [ms, clock.now(), false];
  let cancel = () => {};
  // One timer for all that is heard: it looks how long ago that was.
  const look = () => {
    const left = last + limit - clock.now();
    if (left > 0) cancel = clock.after(left, look);
    else {
      over = true;
      controller.abort(Object.assign(new Error(`nothing was heard for ${limit / 1000} s`), { code: 'ETIMEDOUT' }));
    }
  };
  cancel = clock.after(ms, look);
  return {
    signal: controller.signal,
    get over() {
      return over;
    },
    heard: () => (last = clock.now()),
    after(longer: number) {
      limit = longer;
    },
    end() {
      cancel();
      abort.removeEventListener('abort', aborted);
    },
  };
}

/** How long the event loop of this process was held up, and how much of that was its own doing. */
import { PerformanceObserver } from 'node:perf_hooks';

export interface Blocks {
  /**
   * The longest time between two turns in which this thread ran, in ms: the less of wall clock and CPU time, since a busy machine
   * adds to the one, and the kernel counts the other in ticks.
   */
  readonly ownMs: number;
  /** The longest by the wall clock: with what other processes took meanwhile. */
  readonly wallMs: number;
  /** The longest collection of garbage by the wall clock; those are within the others. */
  readonly gcMs: number;
}

export interface BlockWatch {
  /** So far. */
  longest(): Blocks;
  stop(): void;
}

/** Looks once a millisecond. */
export function watchBlocks(): BlockWatch {
  const longest = { ownMs: 0, wallMs: 0, gcMs: 0 };
  const now = () => {
    const { user, system } = process.threadCpuUsage();
    return { wall: performance.now(), cpu: (user + system) / 1000 };
  };
  let last = now();
  const look = () => {
    const next = now();
    const wall = next.wall - last.wall;
    longest.wallMs = Math.max(longest.wallMs, wall);
    longest.ownMs = Math.max(longest.ownMs, Math.min(wall, next.cpu - last.cpu));
    last = next;
  };
  const timer = setInterval(look, 1);
  const garbage = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest.gcMs = Math.max(longest.gcMs, duration);
  });
  garbage.observe({ entryTypes: ['gc'] });
  return {
    longest: () => (look(), { ...longest }),
    stop: () => {
      clearInterval(timer);
      garbage.disconnect();
    },
  };
}

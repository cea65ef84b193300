/** How long the event loop of this process was held up, and how much of that was its own doing. */
import { PerformanceObserver } from 'node:perf_hooks';
import { WASI } from 'node:wasi';

export interface Blocks {
  /** The longest CPU time of this thread between two turns, in ms: its own doing, whatever else the machine does. */
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
  const now = () => ({ wall: performance.now(), cpu: threadMs() });
  let last = now();
  const look = () => {
    const next = now();
    longest.wallMs = Math.max(longest.wallMs, next.wall - last.wall);
    longest.ownMs = Math.max(longest.ownMs, next.cpu - last.cpu);
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

/** CLOCK_THREAD_CPUTIME_ID. Nothing else in Node reads it: `process.threadCpuUsage()` goes by ticks of 4 ms, so that a block of 9 ms is one of 12. */
const threadMs = (() => {
  // Its types are the browser's.
  const { WebAssembly } = globalThis as unknown as { WebAssembly: { Memory: new (size: object) => { readonly buffer: ArrayBuffer } } };
  const memory = new WebAssembly.Memory({ initial: 1 });
  const wasi = new WASI({ version: 'preview1' });
  wasi.initialize({ exports: { memory } });
  const { clock_time_get: clockTimeGet } = wasi.wasiImport as { clock_time_get(id: number, precision: bigint, at: number): number };
  const time = new BigUint64Array(memory.buffer, 0, 1);
  const THREAD_CPU_TIME = 3;
  return () => {
    if (clockTimeGet(THREAD_CPU_TIME, 1n, 0) !== 0) throw new Error('this system does not tell the CPU time of a thread');
    return Number(time[0]) / 1e6;
  };
})();

import { readFileSync } from 'node:fs';
import { processes } from './root/processes.ts';

/** In which the kernel tells times to programs, on every machine. */
const TICKS_PER_S = 100;

interface Usage {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

/** A set of processes that is measured: a container, or the node's own. */
export interface Measured {
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  has(process: { readonly mount: string; readonly net: string }): boolean;
}

export interface Measurement {
  readonly cpu: { readonly time: string; readonly usageNanoCores: number; readonly usageCoreNanoSeconds: number };
  readonly memory: { readonly time: string; readonly workingSetBytes: number; readonly rssBytes: number };
  /** What the rate is the mean of. */
  readonly windowSeconds: number;
}

/** Measures sets of processes when it is asked to; rates are means since the time before, at first since their start. */
export class Meter {
  readonly #last = new Map<string, { readonly at: number; readonly cpuSeconds: number }>();

  measure(sets: readonly Measured[]): Map<string, Measurement> {
    const at = Date.now();
    const totals = new Map(sets.map((set) => [set.key, { cpuSeconds: 0, memoryBytes: 0 }]));
    for (const process of processes()) {
      const total = totals.get(sets.find((set) => set.has(process))?.key ?? '');
      if (!total) continue;
      const { cpuSeconds, memoryBytes } = usageOf(process.pid);
      total.cpuSeconds += cpuSeconds;
      total.memoryBytes += memoryBytes;
    }
    const time = new Date(at).toISOString();
    const known = new Set(sets.map((set) => set.key));
    for (const key of this.#last.keys()) if (!known.has(key)) this.#last.delete(key);
    return new Map(
      sets.map(({ key, startedAt }) => {
        const { cpuSeconds = 0, memoryBytes = 0 } = totals.get(key) ?? {};
        const before = this.#last.get(key) ?? { at: startedAt, cpuSeconds: 0 };
        const windowSeconds = Math.max((at - before.at) / 1000, 0.001);
        this.#last.set(key, { at, cpuSeconds });
        // What a process used that has ended since is missing: no less than nothing was used.
        const rate = Math.max(0, cpuSeconds - before.cpuSeconds) / windowSeconds;
        return [
          key,
          {
            cpu: { time, usageNanoCores: Math.round(rate * 1e9), usageCoreNanoSeconds: Math.round(cpuSeconds * 1e9) },
            memory: { time, workingSetBytes: memoryBytes, rssBytes: memoryBytes },
            windowSeconds,
          },
        ];
      }),
    );
  }
}

/** proc(5): the 14th to 17th field of `stat` are times, of the process and of children that it waited for. */
function usageOf(pid: number): Usage {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ticks = [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0);
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0;
    return { cpuSeconds: ticks / TICKS_PER_S, memoryBytes: Number(kilobytes) * 1024 };
  } catch {
    return { cpuSeconds: 0, memoryBytes: 0 }; // ended in between
  }
}

/** Single probes, of any size, whose answer somebody waits for. */
import type { Clock } from '@kosmos/kernel';
import { type Probe, payloadOf } from './packet.ts';
import type { ProbePort } from './port.ts';

interface Asked {
  readonly via: string;
  readonly at: number;
  readonly payload: number;
  readonly end: (rttMs: number | undefined) => void;
}

export class Asker {
  readonly #clock: Clock;
  readonly #run: number;
  readonly #asked = new Map<number, Asked>();
  #sequence = 0;

  /** `run` tells the answers to these probes from others. */
  constructor(clock: Clock, run: number) {
    this.#clock = clock;
    this.#run = run;
  }

  /** See `Probes.ask`. */
  ask(port: ProbePort, via: string, bytes: number | undefined, timeoutMs: number): Promise<number | undefined> {
    const sequence = (this.#sequence = (this.#sequence + 1) >>> 0);
    const payload = payloadOf(bytes, via);
    return new Promise((resolve) => {
      const end = (rttMs: number | undefined) => {
        cancel();
        this.#asked.delete(sequence);
        resolve(rttMs);
      };
      const cancel = this.#clock.after(timeoutMs, () => end(undefined));
      this.#asked.set(sequence, { via, at: this.#clock.now(), payload, end });
      port.send(via, { kind: 'probe', run: this.#run, sequence }, payload);
    });
  }

  answered(from: string, { run, sequence }: Probe, payload: number): void {
    const asked = run === this.#run ? this.#asked.get(sequence) : undefined;
    if (asked?.via === from && asked.payload === payload) asked.end(this.#clock.now() - asked.at);
  }

  /** Nobody is kept waiting. */
  stop(): void {
    for (const { end } of this.#asked.values()) end(undefined);
  }
}

import type { Container, Probe } from '../../kube.ts';
import { act, type ActionPlace } from './action.ts';
import { observe, UNKNOWN, type ProbeState } from './state.ts';

export type ProbeKind = 'Startup' | 'Liveness' | 'Readiness';

export interface ProbeEvents {
  /** The startup probe has succeeded, or there is none. */
  started(): void;
  ready(value: boolean): void;
  /** One probe failed; it may count yet or not. */
  unhealthy(kind: ProbeKind, message: string): void;
  /** The container is to be started again. */
  failed(kind: ProbeKind, probe: Probe): void;
}

/** Probes one run of a container: startup alone, then liveness and readiness, each in its period. */
export class Prober {
  readonly #container: Container;
  readonly #place: ActionPlace;
  readonly #events: ProbeEvents;
  readonly #startedAt: number;
  readonly #timers = new Set<NodeJS.Timeout>();
  #over = false;

  /** `startedAt`: of the container, milliseconds since 1970, which initial delays count from. */
  constructor(container: Container, place: ActionPlace, startedAt: number, events: ProbeEvents) {
    this.#container = container;
    this.#place = place;
    this.#startedAt = startedAt;
    this.#events = events;
  }

  /** `isStarted`: the startup probe of this run has succeeded before, under another kubelet. */
  start(isStarted: boolean): void {
    const { startupProbe } = this.#container;
    if (startupProbe && !isStarted) {
      this.#watch('Startup', startupProbe, (ok) => (ok ? this.#begin() : this.#events.failed('Startup', startupProbe)));
    } else this.#begin();
  }

  stop(): void {
    this.#over = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #begin(): void {
    const { livenessProbe, readinessProbe } = this.#container;
    this.#events.started();
    if (readinessProbe) this.#watch('Readiness', readinessProbe, (ok) => this.#events.ready(ok));
    else this.#events.ready(true);
    if (livenessProbe)
      this.#watch('Liveness', livenessProbe, (ok) => {
        if (!ok) this.#events.failed('Liveness', livenessProbe);
      });
  }

  /** Calls `changed` whenever another result counts; a startup probe ends with its first. */
  #watch(kind: ProbeKind, probe: Probe, changed: (ok: boolean) => void): void {
    const { initialDelaySeconds = 0, timeoutSeconds = 1, periodSeconds = 10 } = probe;
    const thresholds = { success: probe.successThreshold ?? 1, failure: probe.failureThreshold ?? 3 };
    let state: ProbeState = UNKNOWN;
    const look = async () => {
      const began = Date.now();
      const { ok, message } = await act(probe, this.#place, timeoutSeconds * 1000);
      if (this.#over) return;
      if (!ok) this.#events.unhealthy(kind, message);
      const before = state.result;
      state = observe(state, ok, thresholds);
      if (state.result !== undefined && state.result !== before) {
        changed(state.result);
        if (kind === 'Startup' || (kind === 'Liveness' && !ok)) return;
      }
      this.#after(periodSeconds * 1000 - (Date.now() - began), look);
    };
    this.#after(this.#startedAt + initialDelaySeconds * 1000 - Date.now(), look);
  }

  #after(ms: number, work: () => Promise<void>): void {
    if (this.#over) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        void work();
      },
      Math.max(0, ms),
    );
    this.#timers.add(timer);
  }
}

/** Writes what is known of the tunnels to this node's NodeConfig: soon when a tunnel's state changes, rarely for figures, else never. */
import { type NodeConfig, NodeConfigKind, rfc3339, withTimes } from '@kosmos/api';
import type { Clock, EventRecorder, Writer } from '@kosmos/kernel';
import { DEGRADED } from '../trouble.ts';
import type { Link } from './link.ts';
import { finding, type Links, summary } from './summary.ts';

/** Each write reaches all who watch. */
const STATE_MS = 10_000;
const FIGURES_MS = 120_000;

export interface ReportDeps {
  readonly clock: Clock;
  readonly writer: Writer;
  readonly recorder: EventRecorder;
  /** This node's NodeConfig as the host has it; its agent makes it. */
  own(): NodeConfig | undefined;
  failed(error: unknown): void;
}

export class Report {
  readonly #deps: ReportDeps;
  /** When its state, and when its figures, were written last. */
  #at = { state: Number.NEGATIVE_INFINITY, figures: Number.NEGATIVE_INFINITY };
  #writing = false;

  constructor(deps: ReportDeps) {
    this.#deps = deps;
  }

  /** Writes, if it is time and something is another than what the object says. */
  async look(links: readonly Link[]): Promise<void> {
    const { clock, own } = this.#deps;
    const config = own();
    const now = clock.now();
    if (!config || this.#writing || now - this.#at.state < STATE_MS) return;
    const known = config.status?.links;
    const next = summary(links, known);
    const before = config.status?.conditions?.find(({ type }) => type === DEGRADED);
    const found = finding(links, before !== undefined);
    const changed = found && (before?.status !== found.status || before.reason !== found.reason || before.message !== found.message);
    const state = changed || stateOf(next) !== stateOf(known);
    if (!state && (JSON.stringify(figuresOf(next)) === JSON.stringify(figuresOf(known)) || now - this.#at.figures < FIGURES_MS)) return;
    this.#writing = true;
    try {
      await this.#write(config, next, found);
      this.#at = { state: now, figures: now };
      if (found && (before?.status !== found.status || before.reason !== found.reason))
        this.#deps.recorder.event('host', config, found.status === 'True' ? 'Warning' : 'Normal', found.reason, found.message);
    } catch (error) {
      this.#at = { ...this.#at, state: now };
      this.#deps.failed(error);
    } finally {
      this.#writing = false;
    }
  }

  async #write({ metadata: { name, uid }, status }: NodeConfig, links: Links, found: ReturnType<typeof finding>): Promise<void> {
    const now = rfc3339(this.#deps.clock.now());
    const conditions = found ? withTimes([found], status?.conditions, now) : [];
    const object = { metadata: { name }, status: { links, conditions } };
    await this.#deps.writer.apply('host', NodeConfigKind, object, { force: true, subresource: 'status', uid });
  }
}

/** What changes when a tunnel, a node or a size does; how many are probed only while there are few. */
function stateOf(links: Links | undefined): string {
  return JSON.stringify(
    (links ?? []).map(({ cluster, down, silent, narrow, mtu, probed = 0, up = 0 }) => [cluster, down, silent, narrow, mtu, probed - up]),
  );
}

const figuresOf = (links: Links | undefined) =>
  (links ?? []).map(({ cluster, rttMicroseconds, lossPercent, probed, up }) => [cluster, rttMicroseconds, lossPercent, probed, up]);

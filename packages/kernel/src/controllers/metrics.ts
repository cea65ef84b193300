import type { Counter, Gauge, Histogram, Metrics } from '../contracts/services.ts';

/** What controllers and writers count; README.md has the table. */
export interface ControllerMetrics {
  readonly depth: Gauge;
  readonly delayed: Gauge;
  readonly active: Gauge;
  readonly wait: Histogram;
  readonly reconciles: Counter;
  readonly errors: Counter;
  readonly retries: Counter;
  readonly duration: Histogram;
  readonly writes: Counter;
  readonly events: Counter;
  readonly leader: Gauge;
}

export function controllerMetrics(metrics: Metrics): ControllerMetrics {
  const { counter, gauge, histogram } = metrics;
  return {
    depth: gauge('controller_queue_depth', 'Keys that wait', ['controller']),
    delayed: gauge('controller_queue_delayed', 'Keys that wait for their time: failed ones, and those asked for later', ['controller']),
    active: gauge('controller_active', 'Reconciles that run', ['controller']),
    wait: histogram('controller_queue_wait_seconds', 'How long keys waited for a worker', ['controller']),
    reconciles: counter('controller_reconciles_total', 'Reconciles, by result: success, requeue, error, terminal, timeout', [
      'controller',
      'result',
    ]),
    errors: counter('controller_errors_total', 'Reconciles that failed', ['controller']),
    retries: counter('controller_retries_total', 'Keys queued again after a failure', ['controller']),
    duration: histogram('controller_duration_seconds', 'Time of a reconcile', ['controller']),
    writes: counter('writes_total', 'Writes to clusters, by what came of them: applied, unchanged, deleted, failed, refused', [
      'controller',
      'result',
    ]),
    events: counter('events_total', 'Events on objects, by what came of them: created, raised, dropped, failed', ['controller', 'result']),
    leader: gauge('leader', '1 while this process holds the lease', ['lease']),
  };
}

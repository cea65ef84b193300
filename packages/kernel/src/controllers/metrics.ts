import type { Counter, Gauge, Histogram, Metrics } from '../contracts/services.ts';

/** What controllers and writers count; README.md has the table. */
export interface ControllerMetrics {
  readonly depth: Gauge;
  readonly errors: Counter;
  readonly duration: Histogram;
  readonly writes: Counter;
  readonly leader: Gauge;
}

export function controllerMetrics(metrics: Metrics): ControllerMetrics {
  return {
    depth: metrics.gauge('controller_queue_depth', 'Keys that wait', ['controller']),
    errors: metrics.counter('controller_errors_total', 'Reconciles that failed', ['controller']),
    duration: metrics.histogram('controller_duration_seconds', 'Time of a reconcile', ['controller']),
    writes: metrics.counter('writes_total', 'Writes to clusters, by what came of them', ['controller', 'result']),
    leader: metrics.gauge('leader', '1 while this process holds the lease', ['lease']),
  };
}

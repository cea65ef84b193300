import type { Counter, Metrics } from '../contracts/services.ts';

/** What the bus counts; README.md has the table. */
export interface BusMetrics {
  readonly lists: Counter;
  readonly events: Counter;
  readonly failures: Counter;
  readonly handlerErrors: Counter;
}

export function busMetrics(metrics: Metrics): BusMetrics {
  return {
    lists: metrics.counter('informer_lists_total', 'Lists requested', ['cluster', 'kind']),
    events: metrics.counter('informer_events_total', 'Watch events received', ['cluster', 'kind', 'type']),
    failures: metrics.counter('informer_failures_total', 'Lists and watches that failed, by what was done next', [
      'cluster',
      'kind',
      'verdict',
    ]),
    handlerErrors: metrics.counter('informer_handler_errors_total', 'Event handlers, indexes and transforms that threw', [
      'plugin',
      'kind',
    ]),
  };
}

import type { Counter, Gauge, Histogram, Metrics } from '../contracts/services.ts';

/** What the bus counts; README.md has the table. */
export interface BusMetrics {
  readonly lists: Counter;
  readonly watches: Counter;
  readonly watchSeconds: Histogram;
  readonly events: Counter;
  readonly bytes: Counter;
  readonly failures: Counter;
  readonly objects: Gauge;
  readonly lastEvent: Gauge;
  readonly queued: Gauge;
  readonly handlerErrors: Counter;
  readonly state: Gauge;
}

export function busMetrics(metrics: Metrics): BusMetrics {
  const { counter, gauge, histogram } = metrics;
  const source = ['cluster', 'kind'];
  const subscriber = ['plugin', 'kind'];
  return {
    lists: counter('informer_lists_total', 'Lists requested, by why: first, expired, too-new, refused', [...source, 'reason']),
    watches: counter('informer_watches_total', 'Watches requested, streamed lists among them', source),
    watchSeconds: histogram('informer_watch_seconds', 'How long watches lasted', source, [0.1, 1, 10, 60, 300, 600]),
    events: counter('informer_events_total', 'Watch events received', [...source, 'type']),
    bytes: counter('informer_received_bytes_total', 'JSON of the objects that lists and watches brought', source),
    failures: counter('informer_failures_total', 'Lists and watches that failed, by what was done next', [...source, 'verdict']),
    objects: gauge('informer_objects', 'Objects known', source),
    lastEvent: gauge('informer_last_event_seconds', 'Time since anything came, bookmarks among it', source),
    queued: gauge('informer_queued_events', 'Events that wait for a handler of the plugin', subscriber),
    handlerErrors: counter('informer_handler_errors_total', 'Event handlers, indexes and transforms that threw', subscriber),
    state: gauge('cluster_state', '1 for the state that the cluster is in: connecting, live, unreachable', ['cluster', 'state']),
  };
}

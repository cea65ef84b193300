import type { Call, Target } from './request.ts';

/** Upper ends of what durations are counted by, in seconds: Kubernetes' own. */
export const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

/** What requests of one kind are told apart by, under the names that Kubernetes has for it. */
export interface Labels {
  component: string;
  dry_run: string;
  group: string;
  resource: string;
  scope: string;
  subresource: string;
  verb: string;
  version: string;
}

export interface Series {
  readonly labels: Labels;
  /** Answers by their status. */
  readonly codes: Map<number, number>;
  /** Requests in each of BUCKETS, and last those that took longer; none is in two. */
  readonly buckets: number[];
  /** Seconds of all of them. */
  sum: number;
  /** How many are open now, of those that last as long as the client wants. */
  open: number;
  long: boolean;
}

/** Subresources that are connections. */
const CONNECTED = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);
/** What the greatest number of requests at a time is told of, in milliseconds. */
const SECOND = 1000;

/** Requests at a time: how many there are, and the most that there were in the last second. */
class InFlight {
  #now = 0;
  #most = 0;
  #since = 0;

  add(change: 1 | -1): void {
    this.#now += change;
    if (performance.now() - this.#since > SECOND) {
      this.#since = performance.now();
      this.#most = this.#now;
    } else this.#most = Math.max(this.#most, this.#now);
  }

  get most(): number {
    return performance.now() - this.#since > SECOND ? this.#now : this.#most;
  }
}

function scopeOf({ name, namespace }: Target, method: string): string {
  if (name || method === 'POST') return 'resource';
  return namespace ? 'namespace' : 'cluster';
}

const METHODS = new Set(['POST', 'PUT', 'DELETE']);

function verbOf(method: string, scope: string, watching: boolean, connects: boolean, applies: boolean): string {
  if (connects) return 'CONNECT';
  if (method === 'GET') return scope === 'resource' ? 'GET' : watching ? 'WATCH' : 'LIST';
  if (method === 'PATCH') return applies ? 'APPLY' : 'PATCH';
  return METHODS.has(method) ? method : 'other';
}

/**
 * Counts and times the requests that were let in. It is on every request's way: one lookup and some additions, no library;
 * what is read of it is put together when somebody reads it.
 */
export class Measured {
  readonly #series = new Map<string, Series>();
  readonly reading = new InFlight();
  readonly writing = new InFlight();

  get series(): Iterable<Series> {
    return this.#series.values();
  }

  /** Forgets all but what is open. */
  reset(): void {
    for (const [key, { open }] of this.#series) if (!open) this.#series.delete(key);
    for (const series of this.#series.values()) {
      series.codes.clear();
      series.buckets.fill(0);
      series.sum = 0;
    }
  }

  /** A request for a kind begins; it ends with its answer. */
  ofKind(call: Call, target: Target, watching: boolean, applies: boolean): void {
    const { resource, subresource } = target;
    const connects = subresource !== undefined && CONNECTED.has(subresource.name);
    const scope = scopeOf(target, call.method);
    const verb = verbOf(call.method, scope, watching, connects, applies);
    const dryRun = [...new Set(call.url.searchParams.getAll('dryRun'))].sort().join(',');
    this.#begin(call, connects || verb === 'WATCH', {
      component: 'apiserver',
      dry_run: dryRun === '' || dryRun === 'All' ? dryRun : 'invalid',
      group: resource.group,
      resource: resource.plural,
      scope,
      subresource: subresource?.name ?? '',
      verb,
      version: resource.version,
    });
  }

  /** The same for a path that is no kind. */
  ofPath(call: Call, path: string): void {
    const none = { component: '', dry_run: '', group: '', resource: '', scope: '', version: '' };
    this.#begin(call, false, { ...none, subresource: path, verb: verbOf(call.method, 'resource', false, false, false) });
  }

  #begin(call: Call, long: boolean, labels: Labels): void {
    const key = `${labels.verb} ${labels.group}/${labels.version}/${labels.resource}/${labels.subresource} ${labels.scope} ${labels.dry_run}`;
    let series = this.#series.get(key);
    if (!series) {
      series = { labels, codes: new Map(), buckets: Array.from({ length: BUCKETS.length + 1 }, () => 0), sum: 0, open: 0, long };
      this.#series.set(key, series);
    }
    const inFlight = call.method === 'GET' || call.method === 'HEAD' ? this.reading : this.writing;
    if (long) series.open += 1;
    else inFlight.add(1);
    const { res, upgrade } = call;
    (upgrade?.socket ?? res).once('close', () => {
      const seconds = (performance.now() - call.since) / 1000;
      if (long) series.open -= 1;
      else inFlight.add(-1);
      // An upgrade that was accepted is answered without `res`.
      const status = upgrade && !res.headersSent ? 101 : res.statusCode;
      series.codes.set(status, (series.codes.get(status) ?? 0) + 1);
      const bucket = BUCKETS.findIndex((end) => seconds <= end);
      series.buckets[bucket < 0 ? BUCKETS.length : bucket]! += 1;
      series.sum += seconds;
    });
  }
}

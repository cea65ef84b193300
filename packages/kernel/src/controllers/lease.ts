/** Leader election by a Lease in the host cluster, as client-go does it. */
import { EventEmitter, once } from 'node:events';
import type { Kind, KObject } from '../contracts/object.ts';
import { LEASE_NAMESPACE } from '../contracts/rights.ts';
import { type Clock, KubeError, type KubeClient, type Logger } from '../contracts/services.ts';

/** client-go's usual: others may take over 15 s after the last renewal; the leader gives up after 10 s without one. */
const DURATION_MS = 15_000;
const RENEW_DEADLINE_MS = 10_000;
const RETRY_MS = 2000;
/** So that a server that hangs leaves time for a second try before the leader must give up. */
const REQUEST_MS = 4000;
const AGAIN_MS = 100;

interface Lease extends KObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}
const Leases: Kind<Lease> = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', namespaced: true };
const Namespaces: Kind<KObject> = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };

interface ElectionOptions {
  readonly name: string;
  readonly identity: string;
  readonly client: () => KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  changed(held: boolean): void;
}

/** `again`: somebody was faster, or the namespace was missing; a next try, soon, will tell. */
type Outcome = 'held' | 'taken' | 'again';

export class Election {
  readonly #o: ElectionOptions;
  readonly #changes = new EventEmitter().setMaxListeners(0);
  /** Of our own last renewal, taken before it was sent: until then nobody else can hold the lease. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  #leading = false;
  #lost = new AbortController();
  #cancelTick = () => {};
  #cancelExpiry = () => {};
  #ticking: Promise<void> = Promise.resolve();
  #stopped = false;
  /** What others' lease said, and when we first saw it: clocks of other machines are not compared with ours. */
  #observed: { readonly record: string; readonly at: number } | undefined;

  constructor(options: ElectionOptions) {
    this.#o = options;
  }

  /** Who holds it, as it was seen last; undefined before that, and where nobody does. */
  holder: string | undefined;

  /** True only while nobody else may act: writers ask before each request. */
  held(): boolean {
    return this.#leading && this.#o.clock.now() - this.#renewedAt < RENEW_DEADLINE_MS;
  }

  /** Aborts when the lease is lost; undefined while it is not held. */
  get term(): AbortSignal | undefined {
    return this.held() ? this.#lost.signal : undefined;
  }

  /** Resolves once the lease is held, or `stop` aborts; then without a term. */
  async leading(stop: AbortSignal): Promise<AbortSignal | undefined> {
    while (!stop.aborted && !this.held()) await once(this.#changes, 'held', { signal: stop }).catch(() => {}); // only `stop` ends it
    return stop.aborted ? undefined : this.#lost.signal;
  }

  start(): void {
    this.#ticking = this.#tick();
  }

  /** Gives the lease back, so that the next leader need not wait for it to expire. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTick();
    // One under way would take the lease again after it was given back.
    await this.#ticking;
    if (!this.held()) return;
    this.#lead(false);
    try {
      const signal = AbortSignal.timeout(REQUEST_MS);
      const lease = await this.#o.client().get(Leases, this.#o.name, { namespace: LEASE_NAMESPACE, signal });
      if (lease?.spec?.holderIdentity === this.#o.identity)
        await this.#put(signal, lease, { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 });
    } catch (error) {
      this.#o.log.debug({ lease: this.#o.name, err: error }, 'lease not given back; it expires by itself');
    }
  }

  async #tick(): Promise<void> {
    const now = this.#o.clock.now();
    let wait = RETRY_MS;
    try {
      const outcome = await this.#tryHold(now, AbortSignal.timeout(REQUEST_MS));
      if (outcome === 'held') this.holder = this.#o.identity;
      if (outcome === 'held') this.#renewed(now);
      else if (outcome === 'taken') this.#lead(false);
      else wait = AGAIN_MS;
    } catch (error) {
      // What is held stays held until it expires.
      this.#o.log.debug({ lease: this.#o.name, err: error }, 'lease not renewed');
    }
    if (!this.#stopped) this.#cancelTick = this.#o.clock.after(wait, () => (this.#ticking = this.#tick()));
  }

  #renewed(at: number): void {
    const left = at + RENEW_DEADLINE_MS - this.#o.clock.now();
    if (left <= 0) return;
    this.#renewedAt = at;
    this.#cancelExpiry();
    this.#cancelExpiry = this.#o.clock.after(left, () => this.#lead(false));
    this.#lead(true);
  }

  async #tryHold(now: number, signal: AbortSignal): Promise<Outcome> {
    const { name, identity, clock } = this.#o;
    const client = this.#o.client();
    const lease = await client.get(Leases, name, { namespace: LEASE_NAMESPACE, signal });
    const time = microTime(clock.now());
    if (!lease)
      return this.#create(signal, {
        holderIdentity: identity,
        leaseDurationSeconds: DURATION_MS / 1000,
        acquireTime: time,
        renewTime: time,
        leaseTransitions: 0,
      });
    const spec = lease.spec ?? {};
    const mine = spec.holderIdentity === identity;
    this.holder = spec.holderIdentity || undefined;
    if (!mine && spec.holderIdentity) {
      const record = JSON.stringify(spec);
      if (this.#observed?.record !== record) this.#observed = { record, at: now };
      if (now - this.#observed.at < (spec.leaseDurationSeconds ?? DURATION_MS / 1000) * 1000) return 'taken';
    }
    const taken = { acquireTime: time, leaseTransitions: (spec.leaseTransitions ?? 0) + 1 };
    return this.#put(signal, lease, {
      ...spec,
      ...(mine ? {} : taken),
      holderIdentity: identity,
      leaseDurationSeconds: DURATION_MS / 1000,
      renewTime: time,
    });
  }

  async #create(signal: AbortSignal, spec: Lease['spec']): Promise<Outcome> {
    const client = this.#o.client();
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: this.#o.name, namespace: LEASE_NAMESPACE },
      spec,
    };
    try {
      await client.request('POST', `/apis/coordination.k8s.io/v1/namespaces/${LEASE_NAMESPACE}/leases`, { body, signal });
      return 'held';
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      if (error.status === 404) await client.apply(Namespaces, { metadata: { name: LEASE_NAMESPACE } }, { fieldManager: 'kosmos', signal });
      else if (error.status !== 409) throw error;
      return 'again';
    }
  }

  /** With its version: of two that try at once, one wins. */
  async #put(signal: AbortSignal, lease: Lease, spec: Lease['spec']): Promise<Outcome> {
    try {
      await this.#o.client().request('PUT', `/apis/coordination.k8s.io/v1/namespaces/${LEASE_NAMESPACE}/leases/${lease.metadata.name}`, {
        body: { ...lease, spec },
        signal,
      });
      return 'held';
    } catch (error) {
      if (error instanceof KubeError && error.status === 409) return 'again';
      throw error;
    }
  }

  #lead(leading: boolean): void {
    if (this.#leading === leading) return;
    this.#leading = leading;
    this.#o.log.info({ lease: this.#o.name }, leading ? 'leading' : 'not leading any more');
    this.#o.changed(leading);
    if (leading) {
      this.#lost = new AbortController();
      this.#changes.emit('held');
    } else {
      this.#cancelExpiry();
      this.#renewedAt = Number.NEGATIVE_INFINITY;
      this.#lost.abort(new Error(`the lease ${this.#o.name} is lost`));
    }
  }
}

/** Kubernetes' MicroTime. */
const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

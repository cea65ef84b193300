/** Leader election by a Lease in the host cluster, as client-go does it. */
import { EventEmitter, once } from 'node:events';
import type { Kind, KObject } from '../contracts/object.ts';
import { LEASE_NAMESPACE } from '../contracts/rights.ts';
import { type Clock, KubeError, type KubeClient, type Logger } from '../contracts/services.ts';
import { withDeadline } from '../host/deadline.ts';

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
const PATH = `/apis/coordination.k8s.io/v1/namespaces/${LEASE_NAMESPACE}/leases`;

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
      await withDeadline(this.#o.clock, REQUEST_MS, async (signal) => {
        const lease = await this.#o.client().get(Leases, this.#o.name, { namespace: LEASE_NAMESPACE, signal });
        if (lease?.spec?.holderIdentity === this.#o.identity)
          await this.#write(signal, lease, { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 });
      });
    } catch (error) {
      this.#o.log.debug({ lease: this.#o.name, err: error }, 'lease not given back; it expires by itself');
    }
  }

  async #tick(): Promise<void> {
    const now = this.#o.clock.now();
    let wait = RETRY_MS;
    try {
      const outcome = await withDeadline(this.#o.clock, REQUEST_MS, (signal) => this.#tryHold(now, signal));
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
    this.holder = this.#o.identity;
    this.#cancelExpiry();
    this.#cancelExpiry = this.#o.clock.after(left, () => this.#lead(false));
    this.#lead(true);
  }

  async #tryHold(now: number, signal: AbortSignal): Promise<Outcome> {
    const { name, identity, clock } = this.#o;
    const client = this.#o.client();
    const lease = await client.get(Leases, name, { namespace: LEASE_NAMESPACE, signal });
    const { spec = {} } = lease ?? {};
    const mine = spec.holderIdentity === identity;
    this.holder = spec.holderIdentity || undefined;
    if (!mine && spec.holderIdentity) {
      const record = JSON.stringify(spec);
      if (this.#observed?.record !== record) this.#observed = { record, at: now };
      if (now - this.#observed.at < (spec.leaseDurationSeconds ?? DURATION_MS / 1000) * 1000) return 'taken';
    }
    const renewTime = microTime(clock.now());
    const taken = { acquireTime: renewTime, leaseTransitions: lease ? (spec.leaseTransitions ?? 0) + 1 : 0 };
    const leaseDurationSeconds = DURATION_MS / 1000;
    return this.#write(signal, lease, { ...spec, ...(mine ? {} : taken), holderIdentity: identity, leaseDurationSeconds, renewTime });
  }

  /** With the version of the one that is there: of two that try at once, one wins. */
  async #write(signal: AbortSignal, lease: Lease | undefined, spec: Lease['spec']): Promise<Outcome> {
    const client = this.#o.client();
    const { name } = this.#o;
    const metadata = lease?.metadata ?? { name, namespace: LEASE_NAMESPACE };
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
    try {
      await client.request(lease ? 'PUT' : 'POST', lease ? `${PATH}/${name}` : PATH, { body, signal });
      return 'held';
    } catch (error) {
      if (!(error instanceof KubeError && [404, 409].includes(error.status))) throw error;
      if (error.status === 404 && !lease)
        await client.apply(Namespaces, { metadata: { name: LEASE_NAMESPACE } }, { fieldManager: 'kosmos', signal });
      return 'again';
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

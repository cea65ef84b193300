import { apiVersionOf, type Any, type Kind, type KubeObject, type Meta } from './kube.ts';
import type { Client } from './client.ts';
import type { Clock } from './clock.ts';

interface Event extends KubeObject {
  involvedObject: { kind: string; namespace?: string; name: string; uid: string; apiVersion: string; resourceVersion?: string };
  reason: string;
  message: string;
  type: string;
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
  source: { component: string };
  reportingComponent: string;
  reportingInstance: string;
}

const Events: Kind<Event> = { group: '', plural: 'events', kind: 'Event' };

/** Events that are counted up instead of made anew: so many at most, the oldest go. */
const REMEMBERED = 4096;

/** Events of one kind about one object that differ in nothing but their message are told one by one up to this number in this time. */
const SIMILAR = 10;
const SIMILAR_FOR = 600_000;

export type EventType = 'Normal' | 'Warning';

/** Writes Events about objects; the same one again only counts. One that cannot be written is lost. */
export class EventRecorder {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #known = new Map<string, Promise<Event | undefined>>();
  readonly #similar = new Map<string, { since: number; messages: Set<string> }>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @param component who says it, e.g. `deployment-controller` */
  record(component: string, kind: Kind<Any>, about: { metadata: Meta }, type: EventType, reason: string, message: string): void {
    const { namespace, name, uid, resourceVersion } = about.metadata;
    const group = JSON.stringify([component, uid, type, reason]);
    const combined = this.#isOneOfMany(group, message);
    const id = combined ? group : `${group}${message}`;
    const told = (combined ? `(combined from similar events): ${message}` : message).slice(0, 1024);
    const known = this.#known.get(id);
    this.#known.delete(id);
    const now = `${new Date(this.#clock.now()).toISOString().slice(0, 19)}Z`;
    const make = (): Promise<Event> =>
      this.#client.create(Events, {
        metadata: {
          name: `${name}.${(BigInt(this.#clock.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n)).toString(16)}`,
          namespace: namespace ?? 'default',
        },
        involvedObject: {
          kind: kind.kind,
          ...(namespace !== undefined && { namespace }),
          name,
          uid,
          apiVersion: apiVersionOf(kind),
          resourceVersion,
        },
        reason,
        message: told,
        type,
        count: 1,
        firstTimestamp: now,
        lastTimestamp: now,
        source: { component },
        reportingComponent: component,
        reportingInstance: '',
      });
    const write = async (): Promise<Event | undefined> => {
      const before = await known;
      if (!before) return make();
      return this.#client
        .modify(Events, before, (e) => {
          e.count += 1;
          e.message = told;
          e.lastTimestamp = now;
        })
        .catch(make);
    };
    this.#known.set(
      id,
      write().catch(() => undefined),
    );
    if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.keys().next().value!);
  }

  #isOneOfMany(group: string, message: string): boolean {
    const now = this.#clock.now();
    let similar = this.#similar.get(group);
    if (!similar || now - similar.since > SIMILAR_FOR) similar = { since: now, messages: new Set() };
    this.#similar.delete(group);
    this.#similar.set(group, similar);
    if (this.#similar.size > REMEMBERED) this.#similar.delete(this.#similar.keys().next().value!);
    if (similar.messages.size <= SIMILAR) similar.messages.add(message);
    return similar.messages.size > SIMILAR;
  }
}

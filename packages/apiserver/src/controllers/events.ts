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

export type EventType = 'Normal' | 'Warning';

/** Writes Events about objects; the same one again only counts. One that cannot be written is lost. */
export class EventRecorder {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #known = new Map<string, Promise<Event | undefined>>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @param component who says it, e.g. `deployment-controller` */
  record(component: string, kind: Kind<Any>, about: { metadata: Meta }, type: EventType, reason: string, message: string): void {
    const { namespace, name, uid, resourceVersion } = about.metadata;
    const id = JSON.stringify([component, uid, type, reason, message]);
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
        message: message.slice(0, 1024),
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
}

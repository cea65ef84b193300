import { startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import type { EventRecorder, KObject } from '../../src/index.ts';
import { ConfigMaps, type TestEngine, skippingClock, testEngine } from '../support/engine.ts';
import { waitFor } from '../support/wait-for.ts';

interface Event extends KObject {
  readonly count: number;
  readonly reason: string;
  readonly message: string;
  readonly type: string;
  readonly involvedObject: { readonly kind: string; readonly name: string; readonly uid: string };
  readonly source: { readonly component: string };
}
const Events = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };

describe('events on objects', function () {
  this.timeout(60_000);
  let host: TestApiServer;
  let engine: TestEngine;
  let recorder: EventRecorder;
  let object: KObject;
  const clock = skippingClock();
  before(async () => {
    host = await startTestApiServer();
  });
  after(() => host?.stop());
  beforeEach(async () => {
    engine = testEngine({ host: { kubeconfig: host.kubeconfig } }, 'one', clock);
    recorder = engine.scope.recorder('c');
    const client = engine.engine.clusters.client('host');
    object = await client.apply(ConfigMaps, { metadata: { name: 'o', namespace: 'default' } }, { fieldManager: 'test' });
  });
  afterEach(async () => {
    const client = engine.engine.clusters.client('host');
    await client.delete(ConfigMaps, 'o', { namespace: 'default' });
    await client.request('DELETE', '/api/v1/namespaces/default/events');
    await engine.stop();
  });
  const events = () => engine.engine.clusters.client('host').list<Event>(Events, { namespace: 'default' });
  /** Waits until so many were told, in whatever way. */
  const counted = (n: number) =>
    waitFor(
      () => engine.metrics.counts.get('events_total') === n,
      `${n} events`,
      20_000,
      () => engine.metrics.counts.get('events_total'),
    );

  it('name the object, the controller and the reason', async () => {
    recorder.event('host', object, 'Warning', 'OutOfRange', 'no CIDR is left');
    await counted(1);
    const [event] = await events();
    expect(event).to.include({ type: 'Warning', reason: 'OutOfRange', message: 'no CIDR is left', count: 1 });
    expect(event?.involvedObject).to.include({ kind: 'ConfigMap', name: 'o', uid: object.metadata.uid });
    expect(event?.source.component).to.equal('kosmos/demo/c');
  });

  it('that are told again raise the count of the one that is there, and one that is gone is made anew', async () => {
    for (let i = 0; i < 5; i += 1) recorder.event('host', object, 'Normal', 'Synced', 'all is well');
    await counted(5);
    expect((await events()).map(({ count }) => count)).to.deep.equal([5]);
    await engine.engine.clusters.client('host').request('DELETE', '/api/v1/namespaces/default/events');
    recorder.event('host', object, 'Normal', 'Synced', 'all is well');
    await counted(6);
    expect((await events()).map(({ count }) => count)).to.deep.equal([1]);
  });

  it('that differ in their message only become one from the tenth on', async () => {
    for (let i = 0; i < 15; i += 1) recorder.event('host', object, 'Warning', 'Failed', `attempt ${i}`);
    await counted(15);
    const found = await events();
    expect(found).to.have.length(10);
    const combined = found.filter(({ message }) => message.startsWith('(combined from similar events): '));
    expect(combined.map(({ message, count }) => [message, count])).to.deep.equal([['(combined from similar events): attempt 14', 6]]);
  });

  it('of one object are 25 at once at the most, then one every five minutes', async () => {
    for (let i = 0; i < 40; i += 1) recorder.event('host', object, 'Normal', `Reason${i}`, 'x');
    await counted(40);
    expect(await events()).to.have.length(25);
    clock.skip(300_000);
    recorder.event('host', object, 'Normal', 'Later', 'x');
    recorder.event('host', object, 'Normal', 'Dropped', 'x');
    await counted(42);
    expect((await events()).map(({ reason }) => reason))
      .to.include('Later')
      .and.not.include('Dropped');
  });

  it('do no harm where they cannot be written', async () => {
    recorder.event('nowhere', object, 'Normal', 'Synced', 'x');
    await counted(1);
    expect(engine.log.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });
});

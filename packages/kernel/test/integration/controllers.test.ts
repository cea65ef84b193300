import { expect } from 'chai';
import { type Clock, type Informer, type Key, type Writer, TerminalError } from '../../src/index.ts';
import { REAL, startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { waitFor } from '../support/wait-for.ts';
import { type ConfigMap, ConfigMaps, type TestEngine, fastClock, testEngine } from '../support/engine.ts';
import { recordSpans } from '../support/tracing.ts';

/** Registered only where the server is the embedded one: it has faults, and a second one costs nothing. */
const itEmbedded: (title: string, fn: Mocha.AsyncFunc) => unknown = REAL ? () => {} : it;

const OPTIONS = { namespace: 'default', labels: 'test=controllers' } as const;
const object = (name: string, data: Record<string, string>) => ({
  metadata: { name, namespace: 'default', labels: { test: 'controllers' } },
  data,
});

describe('controllers against an API server', function () {
  this.timeout(REAL ? 120_000 : 30_000);
  let host: TestApiServer;
  let running: TestEngine[] = [];
  before(async () => {
    host = await startTestApiServer();
  });
  after(() => host?.stop());
  afterEach(async () => {
    host.faults?.clear();
    const client = testEngine({ host: { kubeconfig: host.kubeconfig } });
    const clusters = client.engine.clusters.client('host');
    for (const { metadata } of await clusters.list(ConfigMaps, OPTIONS))
      await clusters.delete(ConfigMaps, metadata.name, { namespace: 'default' });
    await Promise.all([...running, client].map((each) => each.stop()));
    running = [];
  });
  const engineOf = (instance: string, clock?: Clock): TestEngine => {
    const made = testEngine({ host: { kubeconfig: host.kubeconfig } }, instance, clock);
    running.push(made);
    return made;
  };

  describe('the writer', () => {
    let engine: TestEngine;
    let writer: Writer;
    const key: Key = { cluster: 'host', namespace: 'default', name: 'w' };
    const patches = () => host.faults?.count({ verb: 'patch', plural: 'configmaps' }) ?? engine.metrics.counts.get('writes_total');
    const seen = (data: Record<string, string>) =>
      waitFor(
        () => JSON.stringify(informer.get(key)?.data) === JSON.stringify(data),
        JSON.stringify(data),
        5000,
        () => informer.get(key),
      );
    let informer: Informer<ConfigMap>;

    beforeEach(async () => {
      engine = engineOf('one');
      informer = engine.scope.informer(ConfigMaps, OPTIONS);
      writer = engine.scope.writer('w');
      await engine.start();
      await writer.apply('host', ConfigMaps, object('w', { a: '1', b: '1' }));
      await seen({ a: '1', b: '1' });
    });

    it('sends nothing when the object says the same already', async () => {
      host.faults?.resetRequests();
      for (let i = 0; i < 10; i += 1) expect(await writer.apply('host', ConfigMaps, object('w', { a: '1', b: '1' }))).to.equal('unchanged');
      if (host.faults) expect(patches()).to.equal(0);
    });

    it('sends a change once, also while its informer has not heard of it yet', async () => {
      host.faults?.resetRequests();
      const changed = object('w', { a: '2', b: '1' });
      expect(await writer.apply('host', ConfigMaps, changed)).to.not.equal('unchanged');
      expect(await writer.apply('host', ConfigMaps, changed)).to.equal('unchanged');
      if (host.faults) expect(patches()).to.equal(1);
      await seen({ a: '2', b: '1' });
    });

    itEmbedded('makes an object once, also while its informer has not heard of it yet', async () => {
      const { faults } = host;
      if (!faults) throw new Error('the embedded server has faults');
      faults.add({ verb: 'watch', plural: 'configmaps', refuse: 422, times: 1 });
      faults.add({ verb: 'watch', plural: 'configmaps', silent: true });
      const deaf = engineOf('deaf');
      const nothing = deaf.scope.informer(ConfigMaps, OPTIONS);
      await deaf.start();
      const made = object('made', { a: '1' });
      const maker = deaf.scope.writer('w');
      expect(await maker.apply('host', ConfigMaps, made)).to.not.equal('unchanged');
      faults.resetRequests();
      expect(await maker.apply('host', ConfigMaps, made)).to.equal('unchanged');
      expect(patches()).to.equal(0);
      expect(nothing.get({ ...key, name: 'made' })).to.equal(undefined);
    });

    it('puts back what somebody else changed', async () => {
      await engine.engine.clusters.client('host').patch(ConfigMaps, 'w', { data: { a: 'theirs' } }, { namespace: 'default' });
      await seen({ a: 'theirs', b: '1' });
      await writer.apply('host', ConfigMaps, object('w', { a: '1', b: '1' }), { force: true });
      await seen({ a: '1', b: '1' });
    });

    it('removes a field that is left out, and leaves those of others', async () => {
      await engine.engine.clusters.client('host').patch(ConfigMaps, 'w', { data: { theirs: 'x' } }, { namespace: 'default' });
      await writer.apply('host', ConfigMaps, object('w', { a: '1' }));
      await seen({ a: '1', theirs: 'x' });
    });

    it('owns an object that somebody made anew with the same fields', async () => {
      const client = engine.engine.clusters.client('host');
      const uid = informer.get(key)?.metadata.uid;
      await client.delete(ConfigMaps, 'w', { namespace: 'default' });
      await client.apply(ConfigMaps, object('w', { a: '1', b: '1' }), { fieldManager: 'other' });
      await waitFor(() => ![undefined, uid].includes(informer.get(key)?.metadata.uid), 'the new object');
      expect(await writer.apply('host', ConfigMaps, object('w', { a: '1', b: '1' }))).to.not.equal('unchanged');
    });

    it('deletes only the object that is meant', async () => {
      await writer.delete(key, ConfigMaps, { uid: '00000000-0000-0000-0000-000000000000' });
      expect(await engine.engine.clusters.client('host').get(ConfigMaps, 'w', { namespace: 'default' })).to.be.an('object');
      await writer.delete(key, ConfigMaps, { uid: informer.get(key)?.metadata.uid ?? '' });
      await writer.delete(key, ConfigMaps);
      expect(await engine.engine.clusters.client('host').get(ConfigMaps, 'w', { namespace: 'default' })).to.equal(undefined);
    });
  });

  it('reconciles each key until it succeeds, and not again after a terminal error', async () => {
    const engine = engineOf('one');
    const runs: Record<string, number> = {};
    engine.scope
      .controller('demo')
      .for(engine.scope.informer(ConfigMaps, OPTIONS))
      .reconcile(async ({ name }) => {
        runs[name] = (runs[name] ?? 0) + 1;
        if (name === 'bad') throw new TerminalError('never');
        if (name === 'late' && runs[name] < 3) throw new Error('not yet');
      });
    await engine.start();
    engine.engine.startControllers();
    const client = engine.engine.clusters.client('host');
    for (const name of ['good', 'late', 'bad']) await client.apply(ConfigMaps, object(name, {}), { fieldManager: 'test' });
    await waitFor(
      () => runs.late === 3 && runs.bad === 1 && runs.good === 1,
      'the runs',
      5000,
      () => runs,
    );
    const told = engine.log.find((line) => line.fields.name === 'bad');
    expect(told?.fields).to.include({ plugin: 'demo', controller: 'demo', cluster: 'host', namespace: 'default' });
    expect(told?.fields.reconcile).to.match(/^[0-9a-f]{8}$/);
  });

  it('has a span for each reconcile, and one within it for each write, where an SDK is set up', async () => {
    using sdk = recordSpans();
    const engine = engineOf('one');
    const writer = engine.scope.writer('demo');
    let reconcile: unknown;
    engine.scope
      .controller('demo')
      .for(engine.scope.informer(ConfigMaps, { ...OPTIONS, fields: 'metadata.name=traced' }))
      .reconcile(async ({ cluster, namespace = '' }, { log }) => {
        log.info({}, 'here');
        await writer.apply(cluster, ConfigMaps, object('written', {}));
        await writer.delete({ cluster, namespace, name: 'written' }, ConfigMaps);
        reconcile = engine.log.find(({ message }) => message === 'here')?.fields.reconcile;
      });
    await engine.start();
    engine.engine.startControllers();
    await engine.engine.clusters.client('host').apply(ConfigMaps, object('traced', {}), { fieldManager: 'test' });
    await waitFor(() => sdk.spans().length >= 3, 'three spans', 5000, sdk.spans);
    const where = { 'k8s.cluster.name': 'host', 'k8s.namespace.name': 'default' };
    const within = 'reconcile demo/demo';
    expect(sdk.spans().slice(0, 3)).to.deep.equal([
      { name: 'apply ConfigMap', within, attributes: { ...where, 'k8s.object.name': 'written' }, error: undefined },
      { name: 'delete ConfigMap', within, attributes: { ...where, 'k8s.object.name': 'written' }, error: undefined },
      {
        name: within,
        within: undefined,
        attributes: { ...where, 'k8s.object.name': 'traced', 'kosmos.reconcile.id': reconcile },
        error: undefined,
      },
    ]);
  });

  const gated = (engine: TestEngine, lease: string, wrote: string[]) => {
    const writer = engine.scope.writer('lead');
    engine.scope
      .controller('lead')
      .for(engine.scope.informer(ConfigMaps, { ...OPTIONS }))
      .gated(lease)
      .reconcile(async ({ name }) => {
        wrote.push(name);
      });
    return writer;
  };

  it('lets one of two lead; the other takes over at once when that one stops', async () => {
    const [first, second] = [engineOf('one'), engineOf('two')];
    const [byFirst, bySecond]: [string[], string[]] = [[], []];
    const writer = gated(first, 'hand-over', byFirst);
    const others = gated(second, 'hand-over', bySecond);
    await first.start();
    first.engine.startControllers();
    const client = second.engine.clusters.client('host');
    await client.apply(ConfigMaps, object('a', {}), { fieldManager: 'test' });
    await waitFor(() => byFirst.length === 1, 'the first to lead', 10_000);
    await second.start();
    second.engine.startControllers();
    const error = await others.apply('host', ConfigMaps, object('x', {})).catch((e: unknown) => e);
    expect(error).to.include({
      code: 'KOSMOS_E_NOT_LEADER',
      message: 'refused to apply ConfigMap x: this process does not hold the lease',
    });
    expect(bySecond).to.deep.equal([]);
    await first.stop();
    expect(await writer.apply('host', ConfigMaps, object('x', {})).catch((e: { code: string }) => e.code)).to.equal('KOSMOS_E_NOT_LEADER');
    await waitFor(
      () => bySecond.length === 1,
      'the second to lead',
      6000,
      () => bySecond,
    );
  });

  itEmbedded('refuses to write once a leader that is cut off must take its lease for lost', async function () {
    if (!host.faults) throw new Error('the embedded server has faults');
    const clock = fastClock(4);
    const engine = engineOf('one', clock);
    const wrote: string[] = [];
    const writer = gated(engine, 'cut-off', wrote);
    await engine.start();
    engine.engine.startControllers();
    await waitFor(() => engine.log.some((line) => line.message === 'leading'), 'to lead', 10_000);
    await writer.apply('host', ConfigMaps, object('a', {}));
    await waitFor(() => wrote.length === 1, 'the reconcile');
    const off = host.faults.add({ plural: 'leases', refuse: 500 });
    const since = clock.now();
    await waitFor(() => engine.log.some((line) => line.message === 'not leading any more'), 'to give up', 12_000);
    expect(clock.now() - since).to.be.lessThan(11_000);
    expect(await writer.apply('host', ConfigMaps, object('b', {})).catch((e: { code: string }) => e.code)).to.equal('KOSMOS_E_NOT_LEADER');
    const client = engine.engine.clusters.client('host');
    await client.apply(ConfigMaps, object('c', {}), { fieldManager: 'test' });
    await waitFor(async () => (await client.get(ConfigMaps, 'c', { namespace: 'default' })) !== undefined, 'the object');
    expect(wrote).to.deep.equal(['a']);
    off();
    await waitFor(
      () => wrote.includes('c'),
      'what came meanwhile to be reconciled',
      10_000,
      () => wrote,
    );
  });
});

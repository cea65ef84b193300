import { expect } from 'chai';
import { parse } from 'yaml';
import type { Informer, KosmosErrors } from '../../src/index.ts';
import { REAL, startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { waitFor } from '../support/wait-for.ts';
import { type ConfigMap, ConfigMaps, type TestEngine, testEngine, testLog } from '../support/engine.ts';

/** Registered only where the server is the embedded one: it has faults, and a second one costs nothing. */
const itEmbedded: (title: string, fn: Mocha.AsyncFunc) => unknown = REAL ? () => {} : it;

describe('informers against an API server', function () {
  this.timeout(REAL ? 120_000 : 30_000);
  let host: TestApiServer;
  let running: TestEngine[] = [];
  const engineOf = (members: Record<string, { kubeconfig: string }> = {}): TestEngine => {
    const made = testEngine({ host: { kubeconfig: host.kubeconfig }, ...members });
    running.push(made);
    return made;
  };
  const heard = (informer: Informer<ConfigMap>): string[] => {
    const events: string[] = [];
    informer.on({
      add: (o, seen) => void events.push(`add ${seen.cluster} ${o.metadata.name} ${o.data?.v ?? ''}${seen.initial ? ' initial' : ''}`),
      update: (o, old, seen) => void events.push(`update ${seen.cluster} ${o.metadata.name} ${old.data?.v ?? ''}>${o.data?.v ?? ''}`),
      remove: (o, seen) => void events.push(`remove ${seen.cluster} ${o.metadata.name}${seen.missed ? ' missed' : ''}`),
    });
    return events;
  };
  const put = (name: string, v: string, server = engine): Promise<unknown> =>
    server.engine.clusters
      .client('host')
      .apply(ConfigMaps, { metadata: { name, namespace: 'default', labels: { test: 'bus' } }, data: { v } }, { fieldManager: 'test' });
  const drop = (name: string): Promise<void> => engine.engine.clusters.client('host').delete(ConfigMaps, name, { namespace: 'default' });
  const options = { namespace: 'default', labels: 'test=bus' } as const;
  let engine: TestEngine;

  before(async () => {
    host = await startTestApiServer();
  });
  after(() => host?.stop());
  beforeEach(() => {
    engine = engineOf();
  });
  afterEach(async () => {
    host.faults?.clear();
    for (const name of (await engine.engine.clusters.client('host').list(ConfigMaps, options)).map((o) => o.metadata.name))
      await drop(name);
    await Promise.all(running.map((each) => each.stop()));
    running = [];
  });

  it('hears what is there, then every change', async () => {
    await put('a', '1');
    const informer = engine.scope.informer(ConfigMaps, { ...options, indexes: { v: (o) => [o.data?.v ?? ''] } });
    const events = heard(informer);
    await engine.start();
    await put('a', '2');
    await put('b', '1');
    await drop('a');
    await waitFor(
      () => events.length === 4,
      'four events',
      5000,
      () => events,
    );
    expect(events).to.deep.equal(['add host a 1 initial', 'update host a 1>2', 'add host b 1', 'remove host a']);
    expect([...informer.by('v', '1')].map((o) => o.metadata.name)).to.deep.equal(['b']);
    expect([...informer.by('v', '2')]).to.deep.equal([]);
  });

  it('gives frozen objects of one shape, however they came', async () => {
    await put('listed', '1');
    const informer = engine.scope.informer(ConfigMaps, options);
    await engine.start();
    await put('watched', '1');
    await waitFor(() => [...informer.list()].length === 2, 'both objects');
    const [a, b] = ['listed', 'watched'].map((name) => informer.get({ cluster: 'host', namespace: 'default', name }));
    expect(Object.keys(a ?? {}).sort()).to.deep.equal(Object.keys(b ?? {}).sort());
    expect(a).to.have.property('apiVersion', 'v1');
    expect(a?.metadata).to.not.have.property('managedFields');
    expect(Object.isFrozen(a?.metadata.labels)).to.equal(true);
  });

  it('goes on where it was when the server comes back, and is whole again within 2 s', async () => {
    await put('a', '1');
    const informer = engine.scope.informer(ConfigMaps, options);
    const events = heard(informer);
    await engine.start();
    await host.down();
    await waitFor(
      () => informer.state('host') === 'stale',
      'the informer to be stale',
      10_000,
      () => informer.state('host'),
    );
    expect(engine.engine.clusters.state('host')).to.equal('unreachable');
    await host.up();
    const back = Date.now();
    await put('a', '2');
    await waitFor(
      () => events.includes('update host a 1>2'),
      'the change',
      10_000,
      () => events,
    );
    expect(Date.now() - back).to.be.lessThan(REAL ? 5000 : 2000);
    expect(events).to.deep.equal(['add host a 1 initial', 'update host a 1>2']);
    await waitFor(() => engine.engine.clusters.state('host') === 'live', 'the cluster to be live');
    if (!REAL) expect(engine.metrics.counts.get('informer_lists_total')).to.equal(1);
  });

  it('shows an object that was made anew while nobody watched as a removal and an addition', async () => {
    await put('a', '1');
    const events = heard(engine.scope.informer(ConfigMaps, options));
    await engine.start();
    const other = engineOf();
    if (!host.faults) return; // only a server with faults can hold the watch back
    const off = host.faults.add({ verb: 'watch', plural: 'configmaps', refuse: 410 });
    host.faults.dropConnections();
    const list = host.faults.add({ verb: 'list', plural: 'configmaps', refuse: 500, times: 2 });
    await other.engine.clusters.client('host').delete(ConfigMaps, 'a', { namespace: 'default' });
    await put('a', '2', other);
    off();
    await waitFor(
      () => events.length >= 3,
      'removal and addition',
      10_000,
      () => events,
    );
    list();
    expect(events[0]).to.equal('add host a 1 initial');
    expect(events.slice(1).map((e) => e.split(' ').slice(0, 3).join(' '))).to.deep.equal(['remove host a', 'add host a']);
  });

  itEmbedded('lists anew after a 410, without a storm of lists when every watch gets one', async function () {
    if (!host.faults) throw new Error('the embedded server has faults');
    const events = heard(engine.scope.informer(ConfigMaps, options));
    await engine.start();
    host.faults.resetRequests();
    const off = host.faults.add({ verb: 'watch', plural: 'configmaps', watchError: 410 });
    host.faults.dropConnections();
    const since = Date.now();
    await waitFor(() => (host.faults?.count({ verb: 'list', plural: 'configmaps' }) ?? 0) >= 3, 'three lists', 10_000);
    // The first relist is immediate, the next waits 0.4 s and the third 0.8 s at the least.
    expect(Date.now() - since).to.be.greaterThan(1000);
    off();
    await put('a', '1');
    await waitFor(() => events.length > 0, 'the object', 10_000);
  });

  itEmbedded('survives a line that is not JSON', async function () {
    if (!host.faults) throw new Error('the embedded server has faults');
    host.faults.add({ verb: 'watch', plural: 'configmaps', garbageAfter: 0, times: 1 });
    const events = heard(engine.scope.informer(ConfigMaps, options));
    await engine.start();
    await put('a', '1');
    await waitFor(
      () => events.length === 1,
      'the object',
      10_000,
      () => events,
    );
  });

  it('keeps going when a handler throws or rejects, and names the plugin', async () => {
    const informer = engine.scope.informer(ConfigMaps, options);
    informer.on({
      add: () => {
        throw new Error('boom');
      },
    });
    informer.on({ add: (async () => Promise.reject(new Error('later'))) as () => void });
    const events = heard(informer);
    await engine.start();
    await put('a', '1');
    await waitFor(
      () => events.length === 1,
      'the other handler',
      5000,
      () => events,
    );
    await waitFor(() => engine.metrics.counts.get('informer_handler_errors_total') === 2, 'both counted');
    const told = engine.log.filter((line) => line.level === 'error');
    expect(told.map((line) => [line.fields.plugin, (line.fields.err as Error).message])).to.deep.equal([
      ['demo', 'boom'],
      ['demo', 'later'],
    ]);
  });

  it('keeps going when a transform throws: names plugin and object, keeps what was known, and does not begin the watch anew', async () => {
    const apply = (object: ConfigMap) => {
      if (object.data?.v === 'bad') throw new Error('no shape');
      return object;
    };
    const informer = engine.scope.informer(ConfigMaps, { ...options, transform: { id: 'picky', apply } });
    const events = heard(informer);
    await put('a', '1');
    await engine.start();
    await put('a', 'bad');
    await put('b', '1');
    await waitFor(
      () => events.length === 2,
      'the event after the bad one',
      5000,
      () => events,
    );
    expect(events).to.deep.equal(['add host a 1 initial', 'add host b 1']);
    expect(informer.get({ cluster: 'host', namespace: 'default', name: 'a' })?.data?.v).to.equal('1');
    expect(engine.metrics.counts.get('informer_handler_errors_total')).to.equal(1);
    expect(engine.metrics.counts.get('informer_lists_total')).to.equal(1);
    expect(engine.metrics.counts.get('informer_failures_total')).to.equal(undefined);
    const [told] = engine.log.filter((line) => line.level === 'error');
    expect(told?.message).to.equal("the transform 'picky' threw");
    expect(told?.fields).to.include({ plugin: 'demo', kind: 'configmaps', cluster: 'host', namespace: 'default', name: 'a' });
  });

  it('hears nothing for a plugin that is excluded, before and after the start, and reads on what others want', async () => {
    const other = engine.engine.forPlugin('other', testLog(engine.log));
    const early = engine.engine.forPlugin('early', testLog(engine.log)).informer(ConfigMaps, { namespace: 'kube-system' });
    const [mine, alone, theirs] = [
      engine.scope.informer(ConfigMaps, options),
      engine.scope.informer(ConfigMaps, { namespace: 'kube-public' }),
      other.informer(ConfigMaps, options),
    ].map((informer) => ({ informer, events: heard(informer) }));
    engine.engine.exclude('early');
    await engine.start();
    expect(early.state('host')).to.equal('left');
    expect(engine.metrics.counts.get('informer_lists_total')).to.equal(2);
    engine.engine.exclude('demo');
    await put('a', '1');
    await waitFor(() => theirs?.events.length === 1, 'the event of the other plugin');
    expect([mine?.events, mine?.informer.state('host'), alone?.informer.state('host')]).to.deep.equal([[], 'left', 'left']);
    expect(engine.reasons()).to.deep.equal([]);
  });

  itEmbedded('goes on with the new server when the access of a cluster is replaced', async function () {
    const second = await startTestApiServer();
    try {
      const events = heard(engine.scope.informer(ConfigMaps, options));
      await put('old', '1');
      await engine.start();
      const before = engine.engine.clusters.client('host').server;
      engine.engine.clusters.join('host', { kubeconfig: second.kubeconfig });
      expect(engine.engine.clusters.client('host').server).to.equal(second.url).and.not.equal(before);
      await put('new', '1');
      await waitFor(
        () => events.length === 3,
        'what the new server has, and nothing else',
        10_000,
        () => events,
      );
      expect(events.toSorted()).to.deep.equal(['add host new 1', 'add host old 1 initial', 'remove host old missed']);
    } finally {
      engine.engine.clusters.join('host', { kubeconfig: host.kubeconfig });
      await second.stop();
    }
  });

  itEmbedded('says that the certificate of a server is of another CA', async function () {
    const second = await startTestApiServer();
    const caOf = (text: string) => /certificate-authority-data"?: *"?([A-Za-z0-9+/=]+)/.exec(text)?.[1] ?? '';
    const made = testEngine({ host: { kubeconfig: host.kubeconfig.replace(caOf(host.kubeconfig), caOf(second.kubeconfig)) } });
    running.push(made);
    try {
      made.scope.informer(ConfigMaps);
      const error = await made.start(1000).then(
        () => undefined,
        (e: KosmosErrors) => e,
      );
      expect(error?.errors.map((e) => e.code)).to.deep.equal(['KOSMOS_E_CLUSTER_UNREACHABLE']);
      expect(error?.errors[0]?.message).to.include(
        `at ${host.url} cannot be reached: its certificate is not signed by the kubeconfig's CA (`,
      );
    } finally {
      await second.stop();
    }
  });

  it('keeps going when an index throws', async () => {
    const informer = engine.scope.informer(ConfigMaps, {
      ...options,
      indexes: {
        bad: () => {
          throw new Error('no index');
        },
      },
    });
    const events = heard(informer);
    await engine.start();
    await put('a', '1');
    await put('a', '2');
    await waitFor(
      () => events.length === 2,
      'both events',
      5000,
      () => events,
    );
  });

  it('shares one watch among equal informers, and tells a late subscriber what is known', async () => {
    const first = engine.scope.informer(ConfigMaps, options);
    const second = engine.engine.forPlugin('other', testLog()).informer(ConfigMaps, options);
    await put('a', '1');
    await engine.start();
    expect(engine.metrics.counts.get('informer_lists_total')).to.equal(1);
    expect(heard(second)).to.deep.equal(['add host a 1 initial']);
    expect(first.get({ cluster: 'host', namespace: 'default', name: 'a' })).to.equal(
      second.get({ cluster: 'host', namespace: 'default', name: 'a' }),
    );
  });

  it('follows members as they join and leave', async () => {
    await put('a', '1');
    const informer = engine.scope.informer(ConfigMaps, { ...options, clusters: 'members' });
    const events = heard(informer);
    await engine.start();
    engine.engine.clusters.join('m1', { kubeconfig: host.kubeconfig });
    await waitFor(
      () => informer.state('m1') === 'live',
      'the member to be live',
      5000,
      () => informer.state('m1'),
    );
    expect(engine.engine.clusters.state('m1')).to.equal('live');
    engine.engine.clusters.leave('m1');
    await waitFor(
      () => informer.state('m1') === 'left' && events.length === 2,
      'the member to be gone',
      5000,
      () => events,
    );
    expect(events).to.deep.equal(['add m1 a 1 initial', 'remove m1 a missed']);
    expect([...informer.list()]).to.deep.equal([]);
    engine.engine.clusters.join('m1', { kubeconfig: host.kubeconfig });
    await waitFor(() => informer.state('m1') === 'live', 'the member to be back');
    // Back before all that it had is told to be gone.
    engine.engine.clusters.leave('m1');
    engine.engine.clusters.join('m1', { kubeconfig: host.kubeconfig });
    await waitFor(
      () => events.length === 5 && informer.state('m1') === 'live',
      'the object again',
      5000,
      () => events,
    );
  });

  it('starts without a member that refuses connections or says nothing, and has it once it answers', async function () {
    const silent = (await import('node:net')).createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const at = (server: string) => host.kubeconfig.replaceAll(host.url, server);
    const made = engineOf({ gone: { kubeconfig: at('https://127.0.0.1:1') }, mute: { kubeconfig: at(`https://127.0.0.1:${port}`) } });
    const members = made.scope.informer(ConfigMaps, { ...options, clusters: 'members' });
    const own = made.scope.informer(ConfigMaps, options);
    const started = Date.now();
    await made.start();
    expect(Date.now() - started).to.be.lessThan(6000);
    expect(own.state('host')).to.equal('live');
    expect(members.state('gone')).to.equal('syncing');
    expect(made.engine.clusters.state('gone')).to.equal('unreachable');
    expect(made.reasons()).to.deep.equal([]);
    made.engine.clusters.join('gone', { kubeconfig: host.kubeconfig });
    await waitFor(
      () => members.state('gone') === 'live',
      'the member to be live',
      5000,
      () => members.state('gone'),
    );
    await made.stop();
    silent.close();
  });

  it('says which server does not answer when that is the host', async () => {
    const made = testEngine({ host: { kubeconfig: host.kubeconfig.replaceAll(host.url, 'https://127.0.0.1:1') } });
    made.scope.informer(ConfigMaps, options);
    let error: { errors?: { message: string; code: string }[] } | undefined;
    await made.start(1500).catch((e: unknown) => (error = e as typeof error));
    expect(error?.errors?.map((e) => e.code)).to.deep.equal(['KOSMOS_E_CLUSTER_UNREACHABLE']);
    expect(error?.errors?.[0]?.message).to.match(
      /cluster 'host' at https:\/\/127\.0\.0\.1:1 cannot be reached: nothing listens there \(ECONNREFUSED\)/,
    );
    expect(made.reasons()[0]).to.match(/not synced: configmaps of host/);
    await made.stop();
  });

  it('says which credential plugin fails, and how to find out why', async () => {
    const kubeconfig = parse(host.kubeconfig) as { users: { user: object }[] };
    const exec = { command: '/nowhere/plugin', apiVersion: 'client.authentication.k8s.io/v1' };
    for (const user of kubeconfig.users) user.user = { exec };
    const made = testEngine({ host: { kubeconfig: JSON.stringify(kubeconfig) } });
    running.push(made);
    made.scope.informer(ConfigMaps, options);
    const asked = made.engine.clusters.client('host').list(ConfigMaps);
    const errors = [await asked.catch((e: unknown) => e), ...((await made.start(1500).catch((e: unknown) => e)) as KosmosErrors).errors];
    expect(errors).to.have.length(2);
    for (const error of errors) {
      expect(error).to.include({ code: 'KOSMOS_E_CLUSTER_ACCESS', hint: 'Run it by hand to see why.' });
      expect((error as Error).message).to.match(/^the credential plugin '\/nowhere\/plugin' failed: spawn .* ENOENT/);
    }
  });

  it('says which kind the host does not serve', async () => {
    const made = engineOf();
    made.scope.informer({ group: 'example.org', version: 'v1', kind: 'Gone', plural: 'gones', namespaced: true });
    const error = (await made.start(1500).catch((e: unknown) => e)) as KosmosErrors;
    expect(error.errors.map((e) => [e.code, e.message])).to.deep.equal([
      ['KOSMOS_E_KIND_UNKNOWN', "cluster 'host' does not serve gones of example.org/v1"],
    ]);
  });

  itEmbedded('says what the host does not allow to read', async function () {
    if (!host.faults) throw new Error('the embedded server has faults');
    for (const verb of ['list', 'watch']) host.faults.add({ plural: 'configmaps', verb, refuse: 403 });
    const made = engineOf();
    made.scope.informer(ConfigMaps, options);
    const error = (await made.start(1500).catch((e: unknown) => e)) as KosmosErrors;
    expect(error.errors.map((e) => [e.code, e.message])).to.deep.equal([
      ['KOSMOS_E_CLUSTER_REFUSED', "cluster 'host' does not give configmaps: 403 Forbidden: fault: forbidden"],
    ]);
  });
});

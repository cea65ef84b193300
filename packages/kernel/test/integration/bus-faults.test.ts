import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApiServer } from '@kosmos/apiserver';
import { REAL, startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import { parse } from 'yaml';
import type { Clock, Informer } from '../../src/index.ts';
import { systemClock } from '../../src/services/clock.ts';
import { type ConfigMap, ConfigMaps, type TestEngine, fastClock, skippingClock, testEngine } from '../support/engine.ts';
import { type Proxy, startProxy } from '../support/proxy.ts';
import { bookmark, configMap } from '../support/scripted.ts';
import { waitFor } from '../support/wait-for.ts';

/** Registered only where the server is the embedded one, which has faults of its own; others are made by a proxy. */
const itEmbedded: (title: string, fn: Mocha.AsyncFunc) => unknown = REAL ? () => {} : it;

const OPTIONS = { namespace: 'default', labels: 'test=faults' } as const;

describe('informers and a server with faults', function () {
  this.timeout(REAL ? 120_000 : 60_000);
  let host: TestApiServer;
  const running: TestEngine[] = [];
  const proxies: Proxy[] = [];
  before(async () => {
    host = await startTestApiServer();
  });
  after(() => host?.stop());
  afterEach(async () => {
    host.faults?.clear();
    await Promise.all(running.splice(0).map((each) => each.stop()));
    await Promise.all(proxies.splice(0).map((each) => each.close()));
    const client = testEngine({ host: { kubeconfig: host.kubeconfig } });
    const { engine } = client;
    await engine.clusters.client('host').request('DELETE', '/api/v1/namespaces/default/configmaps?labelSelector=test%3Dfaults');
    await client.stop();
  });
  const engineOf = (members: Record<string, { kubeconfig: string }> = {}, clock: Clock = systemClock, own = host.kubeconfig) => {
    const made = testEngine({ host: { kubeconfig: own }, ...members }, 'one', clock);
    running.push(made);
    return made;
  };
  const faults = () => {
    if (!host.faults) throw new Error('only the embedded server has faults');
    return host.faults;
  };
  const writer = () => engineOf().engine.clusters.client('host');
  const put = (name: string, v = '1', client = writer()) =>
    client.apply(
      ConfigMaps,
      { metadata: { name, namespace: 'default', labels: { test: 'faults' } }, data: { v } },
      { fieldManager: 'test' },
    );
  const has = (informer: Informer<ConfigMap>, name: string, cluster = 'host', v?: string) => {
    const found = informer.get({ cluster, namespace: 'default', name });
    return found !== undefined && (v === undefined || found.data?.v === v);
  };
  const proxied = async () => {
    const proxy = await startProxy(host.url);
    proxies.push(proxy);
    return { proxy, kubeconfig: host.kubeconfig.replaceAll(host.url, proxy.url) };
  };

  for (const code of [410, 429, 500] as const) {
    itEmbedded(`have a list that breaks off with ERROR ${code} after 200 by pages, without waiting`, async () => {
      const client = writer();
      for (const name of ['a', 'b', 'c', 'd']) await put(name, '1', client);
      faults().resetRequests();
      faults().add({ verb: 'watch', plural: 'configmaps', listError: code, times: 1 });
      const engine = engineOf();
      const informer = engine.scope.informer(ConfigMaps, OPTIONS);
      await engine.start();
      expect([...informer.list()].map((o) => o.metadata.name)).to.have.members(['a', 'b', 'c', 'd']);
      expect(faults().count({ verb: 'list', plural: 'configmaps' })).to.equal(1);
      expect(engine.metrics.counts.get('informer_failures_total')).to.equal(undefined);
    });
  }

  itEmbedded('have more than a page of objects, by stream and by pages', async () => {
    const client = writer();
    await Promise.all(Array.from({ length: 620 }, (_, i) => put(`n${i}`, 'x', client)));
    for (const refuse of [undefined, 400]) {
      faults().resetRequests();
      if (refuse) faults().add({ verb: 'watch', plural: 'configmaps', refuse, times: 1 });
      const engine = engineOf();
      const informer = engine.scope.informer(ConfigMaps, OPTIONS);
      await engine.start();
      expect([...informer.list()]).to.have.length(620);
      expect(faults().count({ verb: 'list', plural: 'configmaps' })).to.equal(refuse ? 2 : 0);
    }
  });

  it('notice within 45 s a connection that went silent, and go on where they were by another', async () => {
    const clock = skippingClock();
    const { proxy, kubeconfig } = await proxied();
    const engine = engineOf({}, clock, kubeconfig);
    const informer = engine.scope.informer(ConfigMaps, OPTIONS);
    await engine.start();
    await waitFor(() => informer.state('host') === 'live', 'the watch');
    proxy.silence();
    const since = clock.now();
    const missed = () => informer.state('host') !== 'live' || (clock.skip(1000), false);
    await waitFor(missed, 'the connection to be missed', 20_000, () => clock.now() - since);
    expect(clock.now() - since).to.be.within(15_000, 46_000);
    await put('late');
    await waitFor(() => has(informer, 'late'), 'the object by another connection', 15_000);
    expect(engine.metrics.counts.get('informer_lists_total')).to.equal(1);
  });

  it('speak HTTP/1.1 to a server that has no other', async () => {
    const real = await startApiServer();
    const { cert, key } = await real.issueCertificate({ commonName: 'old', names: ['127.0.0.1'], usage: 'server' });
    const versions = new Set<string>();
    const server = createServer({ cert, key, ca: real.ca }, (request, response) => {
      versions.add(request.httpVersion);
      response.writeHead(200, { 'content-type': 'application/json' });
      for (const [type, object] of [['ADDED', configMap('a', '3')] as const, ['BOOKMARK', bookmark('7', true)] as const])
        response.write(`${JSON.stringify({ type, object })}\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const at = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const engine = engineOf({}, systemClock, real.kubeconfig({ server: at }));
    const informer = engine.scope.informer(ConfigMaps);
    await engine.start();
    expect(has(informer, 'a')).to.equal(true);
    expect([...versions]).to.deep.equal(['1.1']);
    await engine.stop();
    server.closeAllConnections();
    server.close();
    await real.stop();
  });

  itEmbedded('make at most six lists in 30 s when every watch gets a 410', async () => {
    const clock = fastClock(10);
    const engine = engineOf({}, clock);
    engine.scope.informer(ConfigMaps, OPTIONS);
    await engine.start();
    faults().resetRequests();
    faults().add({ verb: 'watch', plural: 'configmaps', watchError: 410 });
    faults().dropConnections();
    const until = clock.now() + 30_000;
    await waitFor(() => clock.now() > until, '30 s');
    expect(faults().count({ verb: 'list', plural: 'configmaps' })).to.be.within(2, 6);
  });

  itEmbedded('follow a member that comes back after an hour, and others hear of it as little as before', async () => {
    const clock = skippingClock();
    const { proxy, kubeconfig } = await proxied();
    const engine = engineOf({ away: { kubeconfig }, near: { kubeconfig: host.kubeconfig } }, clock);
    const client = writer();
    await put('a', '1', client);
    await put('b', '1', client);
    const informer = engine.scope.informer(ConfigMaps, { ...OPTIONS, clusters: 'members' });
    const events: string[] = [];
    informer.on({
      update: (o, _, { cluster }) => void events.push(`update ${cluster} ${o.metadata.name}`),
      remove: (o, { cluster, missed }) => void events.push(`remove ${cluster} ${o.metadata.name} ${missed}`),
    });
    await engine.start();
    await waitFor(() => informer.state('away') === 'live' && informer.state('near') === 'live', 'both to be live');
    proxy.silence(true);
    await waitFor(() => informer.state('away') === 'stale' || (clock.skip(1000), false), 'the member to be missed', 20_000);
    await put('a', '2', client);
    await client.delete(ConfigMaps, 'b', { namespace: 'default' });
    await waitFor(
      () => events.includes('remove near b false'),
      'the near member to follow',
      10_000,
      () => events,
    );
    const since = clock.now();
    await waitFor(() => clock.now() - since > 3_600_000 || (clock.skip(20_000), false), 'an hour', 30_000);
    expect(has(informer, 'a', 'away', '1')).to.equal(true);
    // What was watched an hour ago is compacted away: watches get a 410 until they were listed anew.
    const compacted = faults().add({ verb: 'watch', plural: 'configmaps', watchError: 410 });
    proxy.heal();
    await waitFor(
      () => has(informer, 'a', 'away', '2') && !has(informer, 'b', 'away'),
      'the member to be caught up',
      20_000,
      () => events,
    );
    compacted();
    await waitFor(() => ['away', 'near'].every((name) => informer.state(name) === 'live'), 'both to be live', 20_000);
    expect(events.filter((e) => e.includes('away'))).to.have.members(['update away a', 'remove away b true']);
    expect(events.filter((e) => e.includes('near'))).to.deep.equal(['update near a', 'remove near b false']);
  });

  itEmbedded('follow 50 members that are cut off and come back at once, none of them with another list', async () => {
    const members = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`m${i}`, { kubeconfig: host.kubeconfig }]));
    const engine = engineOf(members);
    const informer = engine.scope.informer(ConfigMaps, { ...OPTIONS, clusters: 'members' });
    await engine.start(30_000);
    const names = Object.keys(members);
    await waitFor(() => names.every((name) => informer.state(name) === 'live'), 'all to be live', 30_000);
    const lists = engine.metrics.counts.get('informer_lists_total');
    faults().refuseConnections = true;
    faults().dropConnections();
    await waitFor(() => names.every((name) => informer.state(name) === 'stale'), 'all to be missed', 30_000);
    faults().refuseConnections = false;
    await put('after');
    await waitFor(() => names.every((name) => has(informer, 'after', name)), 'all to have the object', 30_000);
    expect(engine.metrics.counts.get('informer_lists_total')).to.equal(lists);
  });

  itEmbedded('stop in order in the middle of a list that does not end: nothing is told, nothing is left', async () => {
    faults().add({ verb: 'watch', plural: 'configmaps', silent: true });
    const engine = engineOf();
    const informer = engine.scope.informer(ConfigMaps, OPTIONS);
    const told: string[] = [];
    informer.on({ add: () => void told.push('add'), cluster: (_, state) => void told.push(state) });
    const started = engine.start(60_000).catch(() => {});
    await waitFor(() => faults().count({ verb: 'watch', plural: 'configmaps' }) > 0, 'the list to be asked for');
    await engine.stop();
    void started;
    expect(told).to.deep.equal([]);
    expect(engine.log.filter(({ level }) => level !== 'debug' && level !== 'info')).to.deep.equal([]);
  });

  it('tell by cluster, by informer and by handler whether the first list has arrived', async () => {
    await put('a');
    const { proxy, kubeconfig } = await proxied();
    proxy.silence(true);
    const engine = engineOf({ mute: { kubeconfig } });
    const informer = engine.scope.informer(ConfigMaps, { ...OPTIONS, clusters: ['host', 'mute'] });
    let release = () => {};
    const slow = informer.on({ add: (() => new Promise<void>((resolve) => (release = resolve))) as () => void });
    const quick = informer.on({});
    await engine.start();
    expect([informer.hasSynced('host'), informer.hasSynced('mute'), informer.hasSynced('nobody')]).to.deep.equal([true, false, false]);
    await waitFor(() => quick.hasSynced('host'), 'the quick handler');
    expect(slow.hasSynced('host')).to.equal(false);
    release();
    await waitFor(() => slow.hasSynced('host'), 'the slow handler');
    expect(informer.on({}).hasSynced('mute')).to.equal(false);
  });

  it('ask for a fresh credential once where the one that they have is refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kosmos-401-'));
    try {
      // The first token that the plugin gives is of nobody; from then on it gives the one that is valid.
      const kubeconfig = parse(host.kubeconfig) as { users: { user: { token?: string; exec?: object } }[] };
      const token = kubeconfig.users[0]?.user.token ?? '';
      const command = join(folder, 'credential');
      const answer = (given: string) => `echo '{"kind":"ExecCredential","status":{"token":"${given}"}}'`;
      writeFileSync(
        command,
        `#!/bin/sh\necho x >> ${folder}/calls\nif [ -e ${folder}/used ]; then ${answer(token)}; else touch ${folder}/used; ${answer('stale')}; fi\n`,
        { mode: 0o700 },
      );
      for (const user of kubeconfig.users) user.user = { exec: { command, apiVersion: 'client.authentication.k8s.io/v1' } };
      const engine = engineOf({}, systemClock, JSON.stringify(kubeconfig));
      const informer = engine.scope.informer(ConfigMaps, OPTIONS);
      await put('a');
      await engine.start();
      await waitFor(() => has(informer, 'a'), 'the object');
      expect(readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n')).to.have.length(2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('tell what is watched, by whom, and how it is', async () => {
    await put('a');
    const { proxy, kubeconfig } = await proxied();
    const clock = skippingClock();
    const engine = engineOf({ away: { kubeconfig } }, clock);
    engine.scope.informer(ConfigMaps, { ...OPTIONS, clusters: ['host', 'away'] });
    engine.scope
      .controller('c')
      .gated('l')
      .reconcile(async () => {});
    await engine.start();
    engine.engine.startControllers();
    await waitFor(() => engine.engine.status().informers.every(({ state }) => state === 'live'), 'both to be live');
    const { clusters, informers, controllers, leases } = engine.engine.status();
    expect(clusters.map(({ name, state }) => [name, state])).to.have.deep.members([
      ['host', 'live'],
      ['away', 'live'],
    ]);
    expect(informers.map((one) => ({ ...one, lagMs: 0 }))).to.deep.equal(
      ['host', 'away'].map((cluster) => ({
        cluster,
        kind: 'configmaps',
        plugins: ['demo'],
        state: 'live',
        objects: 1,
        queued: 0,
        lagMs: 0,
      })),
    );
    expect(controllers).to.deep.equal([{ controller: 'demo/c', queued: 0, delayed: 0, active: 0, failing: 0, lease: 'l' }]);
    await waitFor(
      () => engine.engine.status().leases[0]?.held === true,
      'the lease',
      10_000,
      () => leases,
    );
    expect(engine.engine.status().leases).to.deep.equal([{ name: 'l', held: true, holder: 'one' }]);
    proxy.silence(true);
    const away = () => engine.engine.status().informers.find(({ cluster }) => cluster === 'away');
    await waitFor(() => away()?.state === 'stale' || (clock.skip(1000), false), 'it to be missed', 20_000, away);
    expect(away()?.error).to.be.a('string');
    expect(away()?.lagMs).to.be.greaterThan(14_000);
    expect(away()?.objects).to.equal(1);
    engine.engine.measure();
  });

  it('are a reason not to be ready once the host has not been heard of for two minutes', async () => {
    const clock = skippingClock();
    const { proxy, kubeconfig } = await proxied();
    const engine = engineOf({}, clock, kubeconfig);
    const informer = engine.scope.informer(ConfigMaps, OPTIONS);
    await engine.start();
    await waitFor(() => informer.state('host') === 'live', 'the watch');
    proxy.silence(true);
    await waitFor(() => informer.state('host') === 'stale' || (clock.skip(1000), false), 'it to be missed', 20_000);
    expect(engine.reasons()).to.deep.equal([]);
    clock.skip(120_000);
    expect(engine.reasons()).to.deep.equal(['not heard of for 120 s: configmaps of host']);
    proxy.heal();
    await waitFor(
      () => engine.reasons().length === 0 || (clock.skip(1000), false),
      'it to be heard of',
      20_000,
      () => engine.reasons(),
    );
  });
});

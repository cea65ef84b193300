import { expect } from 'chai';
import type { Clock } from '../../src/index.ts';
import { systemClock } from '../../src/services/clock.ts';
import { ConfigMaps, type TestEngine, fastClock, testEngine } from '../support/engine.ts';
import { type Asked, type Scripted, bookmark, configMap, scripted } from '../support/scripted.ts';
import { waitFor } from '../support/wait-for.ts';

describe('what a reflector asks for', function () {
  this.timeout(30_000);
  let server: Scripted;
  let engine: TestEngine;
  const names = () => [...informer.list()].map((o) => o.metadata.name).toSorted();
  let informer: ReturnType<TestEngine['scope']['informer']>;
  const begin = async (answer: (asked: Asked, all: readonly Asked[]) => void, clock: Clock = systemClock) => {
    server = await scripted(answer);
    engine = testEngine({ host: { kubeconfig: server.kubeconfig } }, 'one', clock);
    informer = engine.scope.informer(ConfigMaps);
  };
  afterEach(async () => {
    await engine.stop();
    await server.close();
  });
  const shown = () => server.asked.map(({ query }) => Object.fromEntries(query));
  const asked = (count: number) =>
    waitFor(
      () => server.asked.length >= count,
      `${count} requests`,
      15_000,
      () => shown(),
    );

  it('is one streamed list that goes on as the watch, with bookmarks, for 5 to 10 minutes', async () => {
    await begin((one) => {
      one.event('ADDED', configMap('a', '3'));
      one.event('BOOKMARK', bookmark('7', true));
      one.event('ADDED', configMap('b', '8'));
    });
    await engine.start();
    await waitFor(() => names().length === 2, 'both objects');
    const [{ timeoutSeconds, ...rest } = { timeoutSeconds: '' }, ...more] = shown();
    expect(rest).to.deep.equal({
      watch: 'true',
      allowWatchBookmarks: 'true',
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
    });
    expect(Number(timeoutSeconds)).to.be.within(300, 600);
    expect(more).to.deep.equal([]);
  });

  it('goes on after a watch that ended from the version of the last bookmark', async () => {
    await begin((one, all) => {
      if (all.length > 1) return void one.event('ADDED', configMap('late', '11'));
      one.event('BOOKMARK', bookmark('7', true));
      one.event('ADDED', configMap('a', '8'));
      one.event('BOOKMARK', bookmark('10'));
      one.response.end();
    });
    await engine.start();
    await waitFor(() => names().includes('late'), 'the object of the second watch');
    expect(shown()[1]).to.include({ watch: 'true', resourceVersion: '10' }).and.not.to.have.property('sendInitialEvents');
  });

  it('takes pages where the server calls a streamed list invalid, and does not ask for one again', async () => {
    let lists = 0;
    await begin((one) => {
      if (one.streamed) one.refuse(422, 'Invalid', 'sendInitialEvents is forbidden for watch');
      else if (!one.watch) {
        lists += 1;
        if (one.query.get('continue') === 'more') one.list('9', [configMap('b', '2')]);
        else one.list('9', [configMap('a', '1')], 'more');
      } else if (lists < 4) one.event('ERROR', { code: 410, reason: 'Expired' });
      else one.event('BOOKMARK', bookmark('9'));
    });
    await engine.start();
    await asked(7);
    expect(shown().filter((q) => q.sendInitialEvents)).to.have.length(1);
    expect(shown()[1]).to.deep.equal({ limit: '500', resourceVersion: '0', resourceVersionMatch: 'NotOlderThan' });
    expect(shown()[2]).to.deep.equal({ limit: '500', continue: 'more' });
    expect(shown()[3]).to.include({ watch: 'true', resourceVersion: '9' });
    // The list after a 410 must not be older than what is known.
    expect(shown()[4]).to.deep.equal({ limit: '500', resourceVersion: '9', resourceVersionMatch: 'NotOlderThan' });
    expect(names()).to.deep.equal(['a', 'b']);
  });

  it('takes pages after an ERROR within a streamed list that began with 200, and keeps nothing that is gone', async () => {
    await begin((one) => {
      if (one.streamed) {
        one.event('ADDED', configMap('gone', '3'));
        one.event('ERROR', { code: 500, reason: 'InternalError', message: 'x' });
        one.response.end();
      } else if (!one.watch) one.list('9', [configMap('a', '4')]);
      else one.event('BOOKMARK', bookmark('9'));
    });
    await engine.start();
    expect(names()).to.deep.equal(['a']);
    expect(engine.metrics.counts.get('informer_failures_total')).to.equal(undefined);
  });

  it('takes pages where a server takes a streamed list for a watch, and says nothing', async () => {
    await begin((one) => {
      if (one.streamed) one.event('ADDED', configMap('a', '3'));
      else if (!one.watch) one.list('9', [configMap('a', '3')]);
      else one.event('BOOKMARK', bookmark('9'));
    }, fastClock(20));
    await engine.start();
    await asked(3);
    expect(shown().map((q) => q.watch)).to.deep.equal(['true', undefined, 'true']);
  });

  it('takes pages where a streamed list proves slow, and at once the next time', async () => {
    const clock = fastClock(50);
    let lists = 0;
    await begin((one) => {
      if (one.streamed) {
        for (let i = 0; i < 2990; i += 1) one.event('ADDED', configMap(`n${i}`, '3'));
        setTimeout(() => {
          for (let i = 2990; i < 3500; i += 1) one.event('ADDED', configMap(`n${i}`, '3'));
          one.event('BOOKMARK', bookmark('7', true));
        }, 10);
      } else if (!one.watch) one.list('9', (lists += 1) > 0 ? [configMap('a', '4')] : []);
      else if (lists === 1) one.event('ERROR', { code: 410, reason: 'Expired' });
      else one.event('BOOKMARK', bookmark('9'));
    }, clock);
    await engine.start();
    await asked(5);
    expect(shown().map((q) => (q.sendInitialEvents ? 'stream' : q.watch ? 'watch' : 'list'))).to.deep.equal([
      'stream',
      'list',
      'watch',
      'list',
      'watch',
    ]);
    expect(names()).to.deep.equal(['a']);
  });

  it('stays with a streamed list that is slow only at its beginning, while both ends warm up', async () => {
    // Slow, so that a busy machine does not look like a slow stream; the pause still is one.
    const clock = fastClock(0.2);
    await begin((one) => {
      for (let i = 0; i < 990; i += 1) one.event('ADDED', configMap(`n${i}`, '3'));
      setTimeout(() => {
        for (let i = 990; i < 3500; i += 1) one.event('ADDED', configMap(`n${i}`, '3'));
        one.event('BOOKMARK', bookmark('7', true));
      }, 1500);
    }, clock);
    await engine.start();
    expect(names()).to.have.length(3500);
    expect(shown()).to.have.length(1);
  });

  it('is the whole list in one where a page is too old to go on', async () => {
    await begin((one) => {
      if (one.streamed) one.refuse(400, 'BadRequest');
      else if (one.query.get('continue')) one.refuse(410, 'Expired');
      else if (one.query.get('limit')) one.list('5', [configMap('old', '1')], 'more');
      else if (!one.watch) one.list('9', [configMap('a', '4')]);
      else one.event('BOOKMARK', bookmark('9'));
    });
    await engine.start();
    expect(shown().slice(1, 4)).to.deep.equal([
      { limit: '500', resourceVersion: '0', resourceVersionMatch: 'NotOlderThan' },
      { limit: '500', continue: 'more' },
      { resourceVersion: '0', resourceVersionMatch: 'NotOlderThan' },
    ]);
    expect(names()).to.deep.equal(['a']);
  });

  it('is the latest list where a server is behind the version that is known', async () => {
    await begin((one, all) => {
      if (all.length === 1) {
        one.event('BOOKMARK', bookmark('7', true));
        one.response.end();
      } else if (all.length === 2) one.refuse(504, 'Timeout', 'Too large resource version: 7, current: 3');
      else one.event('BOOKMARK', bookmark('8', true));
    }, fastClock(10));
    await engine.start();
    await asked(3);
    expect(shown()[2]).to.include({ sendInitialEvents: 'true' }).and.not.to.have.property('resourceVersion');
  });

  it('comes as late as a server asks that has too much to do', async () => {
    const clock = fastClock(20);
    let times: number[] = [];
    await begin((one, all) => {
      times = [...times, clock.now()];
      if (all.length === 1) one.refuse(429, 'TooManyRequests', '', { 'retry-after': '20' });
      else if (all.length === 2) one.refuse(429, 'TooManyRequests', '', { 'retry-after': '20' });
      else one.event('BOOKMARK', bookmark('8', true));
    }, clock);
    await engine.start();
    expect(times).to.have.length(3);
    expect((times[2] ?? 0) - (times[0] ?? 0)).to.be.at.least(40_000);
    expect(shown().every((q) => q.sendInitialEvents)).to.equal(true);
  });

  it('begins a watch anew, from where it was, that says nothing for two minutes', async () => {
    const clock = fastClock(60);
    let times: number[] = [];
    await begin((one) => {
      times = [...times, clock.now()];
      if (one.streamed) one.event('BOOKMARK', bookmark('7', true));
      else one.response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    }, clock);
    await engine.start();
    await asked(3);
    expect((times[1] ?? 0) - (times[0] ?? 0)).to.be.within(115_000, 200_000);
    expect(
      shown()
        .slice(1, 3)
        .map((q) => q.resourceVersion),
    ).to.deep.equal(['7', '7']);
    expect(informer.state('host')).to.equal('live');
    expect(engine.metrics.counts.get('informer_failures_total')).to.equal(undefined);
  });
});

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import { ConfigMaps, testEngine } from '../support/engine.ts';
import { type Proxy, startProxy } from '../support/proxy.ts';
import { waitFor } from '../support/wait-for.ts';

const MANAGER = resolve(import.meta.dirname, '../fixtures/manager.ts');
/** Their clocks run so much faster than ours. */
const TIMES = 3;
/** Others may take the lease over so long after its last renewal, and look every 2 s. */
const LEASE_MS = 15_000 + 2 * 2000;

interface Told {
  readonly wrote?: string;
  readonly refused?: string;
  readonly failed?: string;
  readonly said?: string;
  readonly by?: string;
  readonly at: number;
}

describe('two managers', function () {
  this.timeout(90_000);
  let host: TestApiServer;
  let children: ChildProcess[] = [];
  let told: Told[];
  before(async () => {
    host = await startTestApiServer();
    const { engine, stop } = testEngine({ host: { kubeconfig: host.kubeconfig } });
    await engine.clusters.client('host').apply(ConfigMaps, { metadata: { name: 'start', namespace: 'default' } }, { fieldManager: 'test' });
    await stop();
  });
  after(() => host?.stop());
  beforeEach(() => (told = []));
  afterEach(async () => {
    await Promise.all(
      children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGKILL');
        await once(child, 'exit');
      }),
    );
    children = [];
    const { engine, stop } = testEngine({ host: { kubeconfig: host.kubeconfig } });
    await engine.clusters.client('host').request('DELETE', '/apis/coordination.k8s.io/v1/namespaces/kosmos-system/leases/managers');
    await stop();
  });
  const manager = (name: string, kubeconfig = host.kubeconfig): ChildProcess => {
    const child = fork(MANAGER, [kubeconfig, name, String(TIMES)], {
      execArgv: ['--conditions=@kosmos/source', '--disable-warning=ExperimentalWarning'],
    });
    child.on('message', (message) => told.push(message as Told));
    children.push(child);
    return child;
  };
  const wrote = (name: string) => told.filter((each) => each.wrote === name);
  const refused = (name: string) => told.filter((each) => each.refused === name);
  const seen = () => told.slice(-5);

  it('of which the leader is killed: the other acts within the lease', async () => {
    const leader = manager('one');
    await waitFor(() => wrote('one').length > 0, 'one to write', 30_000, seen);
    manager('two');
    await waitFor(() => refused('two').length > 0, 'two to be refused', 30_000, seen);
    const killed = Date.now();
    leader.kill('SIGKILL');
    await waitFor(() => wrote('two').length > 0, 'two to write', 60_000, seen);
    const gap = ((wrote('two')[0]?.at ?? 0) - killed) * TIMES;
    // Two seconds of ours for a machine under load.
    expect(gap).to.be.lessThan(LEASE_MS + 2000 * TIMES);
    expect(told.filter(({ failed }) => failed !== undefined)).to.deep.equal([]);
  });

  it('of which the leader is cut off: it stops writing before the other starts', async () => {
    let proxy: Proxy | undefined;
    try {
      proxy = await startProxy(host.url);
      manager('one', host.kubeconfig.replaceAll(host.url, proxy.url));
      await waitFor(() => wrote('one').length > 0, 'one to write', 30_000, seen);
      manager('two');
      await waitFor(() => refused('two').length > 0, 'two to be refused', 30_000, seen);
      proxy.silence(true);
      await waitFor(() => wrote('two').length > 0, 'two to write', 60_000, seen);
      const since = wrote('two')[0]?.at ?? 0;
      const given = told.find(({ said, by }) => said === 'not leading any more' && by === 'one')?.at ?? Number.POSITIVE_INFINITY;
      expect(given).to.be.lessThan(since);
      expect(wrote('one').filter(({ at }) => at >= since)).to.deep.equal([]);
      // What it tries from then on is refused by its own writer; also once it reaches the server again.
      proxy.heal();
      const healed = Date.now();
      await waitFor(() => refused('one').some(({ at }) => at > healed), 'one to be refused', 20_000, seen);
      expect(wrote('one').filter(({ at }) => at >= since)).to.deep.equal([]);
    } finally {
      await proxy?.close();
    }
  });
});

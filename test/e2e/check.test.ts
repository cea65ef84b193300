import { topologyOf, type Lab } from '@kosmos/lab';
import type { Kind, KObject } from '@kosmos/kernel';
import { cleanUp, eventually, needs, startTestLab } from '@kosmos/testing';
import { expect } from 'chai';
import { check, type CheckResult, CONFIG, leftovers, startCheck } from '../support/check.ts';

const Namespaces: Kind<KObject> = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };

/** Two dual-stack clusters of one node each. */
describe('kosmos check', function () {
  this.timeout(240_000);
  let lab: Lab;
  /** Of a check while all is well. */
  let well: CheckResult;

  before(needs('root', 'ip', 'nft', 'ping'));
  before(async () => {
    const clusters = [1, 2].map(() => ({ families: 'dual' as const, nodes: 1 }));
    lab = await startTestLab({ config: CONFIG, topology: topologyOf({ clusters }) });
    well = await eventually(
      async () => {
        const { code, found } = await check(lab);
        return code === 0 && found.rows.every(({ lossPercent }) => lossPercent === 0) && found;
      },
      { message: 'all is well', timeoutMs: 60_000 },
    );
  });
  afterEach(async () => expect(await leftovers(lab)).to.deep.equal([]));
  after(cleanUp);

  it('tells of pods, ClusterIPs and hosts in both families: round trip, loss, size and the source seen', () => {
    expect(well.faults).to.deep.equal([]);
    const rows = well.rows.map(({ from, to, kind, family, mtu, lossPercent, failed, asked }) =>
      [from, to, kind, family, mtu, lossPercent, `${failed}/${asked}`].join(' '),
    );
    const expected = ['c1 c2', 'c2 c1'].flatMap((ends) =>
      [4, 6].flatMap((family) => {
        const mtu = family === 4 ? 1450 : 1430;
        return [`${ends} pod ${family} ${mtu} 0 0/1`, `${ends} service ${family}  0 0/1`, `${ends} host ${family} ${mtu} 0 0/1`];
      }),
    );
    expect(rows.sort()).to.deep.equal(expected.sort());
    for (const { kind, rttMs, sources, samples } of well.rows) {
      expect(rttMs).to.be.greaterThan(0);
      if (kind === 'pod') expect(sources).to.deep.equal([samples[0]!.source]);
    }
  });

  it('names the first thing that is wrong, and what to do', async () => {
    await lab.stopProcess('c2/n1/agent');
    const { code: gone } = await lab.exec('c2/n1', ['ip', 'route', 'del', '10.1.1.0/24', 'table', '200']);
    expect(gone).to.equal(0);
    const { code, stdout, stderr } = await startCheck(lab).done;
    await lab.startProcess('c2/n1/agent');
    expect(code).to.equal(1);
    expect(stdout).to.match(
      /c2-n1: no route to 10\.1\.1\.0\/24 in table 200 \(planned via 220\.\S+ dev vx-bridge\); agent last applied at \S+Z.* \(RouteMissing\)\n/,
    );
    expect(stdout).to.include('fix: see that the agent runs there');
    expect(stdout)
      .to.match(/c1 +c2 +pod to pod +IPv4 .* FAILED 1 of 1\n/)
      .and.to.match(/c1 +c2 +pod to pod +IPv6 .* ok\n/);
    expect(stdout).not.to.include('\u001b');
    expect(stderr).to.include('starting pods on 2 nodes\n');
  });

  it('takes away what it made when it is interrupted, and when its pods do not start', async () => {
    const running = startCheck(lab);
    await eventually(async () => (await leftovers(lab)).length === 2, { message: 'it has made its namespaces' });
    running.kill('SIGINT');
    await running.done; // what enters the lab has no code of it
    expect(await leftovers(lab)).to.deep.equal([]);
    const late = await startCheck(lab, '--timeout', '0s').done;
    expect(late.code).to.equal(1);
    expect(late.stdout).to.match(/NOT CHECKED\n {2}cluster c\d: c\d-n1 is not checked: after 0 s its pod node-0 is not ready/);
  });

  it('finds what a killed one left, once its time is over, and takes it away', async () => {
    const running = startCheck(lab);
    await eventually(async () => (await leftovers(lab)).length === 2, { message: 'it has made its namespaces' });
    running.kill('SIGKILL');
    await running.done;
    const [left = ''] = await leftovers(lab);
    await startCheck(lab).done;
    expect(await leftovers(lab), 'it may be at work still').to.deep.equal([left, left]);
    const over = { metadata: { annotations: { 'kosmos.io/check-until': '2020-01-01T00:00:00Z' } } };
    for (const { name } of lab.clusters) await lab.client(name).patch(Namespaces, left, over);
    const { stderr } = await startCheck(lab).done;
    expect(stderr).to.include(`Removed what an earlier check left in cluster 'c2': ${left}`);
  });

  it('refuses wrong use with exit code 2, and makes nothing', async () => {
    for (const [args, said] of [
      [['c1', 'c9'], "There is no cluster 'c9'."],
      [['c1'], 'Only 1 cluster is to be checked'],
      [['--timeout', 'soon'], "--timeout is 'soon'"],
      [['--by', 'rack'], 'Allowed choices are cluster, node'],
    ] as const) {
      const { code, stderr } = await startCheck(lab, ...args).done;
      expect([code, stderr]).to.satisfy(([c, text]: [number, string]) => c === 2 && text.includes(said), stderr);
    }
  });
});

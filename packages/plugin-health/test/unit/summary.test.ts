import { expect } from 'chai';
import { finding, summary } from '../../src/agent/summary.ts';
import type { Trouble } from '../../src/trouble.ts';
import { peer } from '../support/peers.ts';

const link = (
  cluster: string,
  n: number,
  more: { rttMs?: number; loss?: number; trouble?: Trouble; mtu?: number; probed?: boolean } = {},
) => ({
  peer: peer(cluster, n),
  trouble: more.trouble,
  probed: more.probed ?? true,
  rttMs: more.rttMs,
  loss: more.loss ?? 0,
  mtu: more.mtu,
});

describe('what a NodeConfig says of tunnels', () => {
  it('is one entry a cluster, with who is in trouble by name', () => {
    const links = [
      link('c3', 1, { rttMs: 0.4, mtu: 1450 }),
      link('c2', 1, { rttMs: 1.2, mtu: 1450 }),
      link('c2', 2, { trouble: 'NoAnswer', loss: 1 }),
      link('c2', 3, { trouble: 'AgentSilent', loss: 1 }),
      link('c2', 4, { trouble: 'MtuTooSmall', rttMs: 1.2, mtu: 1380 }),
      link('c4', 1, { probed: false }),
    ];
    expect(summary(links, undefined)).to.deep.equal([
      {
        cluster: 'c2',
        probed: 4,
        up: 2,
        rttMicroseconds: 2000,
        lossPercent: 50,
        mtu: 1380,
        down: ['c2-n2'],
        silent: ['c2-n3'],
        narrow: ['c2-n4'],
      },
      { cluster: 'c3', probed: 1, up: 1, rttMicroseconds: 500, lossPercent: 0, mtu: 1450 },
    ]);
  });

  it('stays as it is while figures move around within or just beyond their step', () => {
    let known = summary([link('c2', 1, { rttMs: 1.9 })], undefined);
    for (const rttMs of [1.1, 2.1, 2.4, 1.0, 0.9]) {
      const next = summary([link('c2', 1, { rttMs })], known);
      expect(next, `${rttMs} ms`).to.deep.equal(known);
      known = next;
    }
    expect(summary([link('c2', 1, { rttMs: 2.6 })], known)[0]!.rttMicroseconds).to.equal(5000);
    expect(summary([link('c2', 1, { rttMs: 0.5 })], known)[0]!.rttMicroseconds).to.equal(500);
  });

  it('has a condition with the worst as its reason, and says when all is well again', () => {
    const wrong = [link('c2', 1, { trouble: 'MtuTooSmall', mtu: 1380 }), link('c2', 2, { trouble: 'NoAnswer' })];
    expect(finding(wrong, false)).to.deep.equal({
      type: 'NetworkDegraded',
      status: 'True',
      reason: 'NoAnswer',
      message: 'no answer from c2-n2 (vx-bridge); packets of full size do not pass to c2-n1 (vx-bridge: 1380 bytes)',
    });
    expect(finding([link('c2', 1)], false)).to.equal(undefined);
    expect(finding([link('c2', 1)], true)).to.include({ status: 'False', reason: 'Recovered' });
  });
});

import type { NodeConfig } from '@kosmos/api';
import { manualClock } from '@kosmos/testing';
import { expect } from 'chai';
import { Link } from '../../src/agent/link.ts';
import { Report } from '../../src/agent/report.ts';
import { peer } from '../support/peers.ts';

type Applied = NodeConfig['status'];

/** A report whose writes are what the object says from then on. */
function reporting() {
  const clock = manualClock(1_000_000);
  const writes: Applied[] = [];
  const events: string[] = [];
  let config: NodeConfig = { metadata: { name: 'c1-n1', uid: 'u', resourceVersion: '1' } };
  const report = new Report({
    clock,
    own: () => config,
    failed(error) {
      throw error;
    },
    recorder: { event: (_cluster, _object, type, reason) => void events.push(`${type} ${reason}`) },
    writer: {
      async apply<T>(_cluster: string, _kind: unknown, object: object) {
        writes.push((object as NodeConfig).status);
        config = { ...config, status: (object as NodeConfig).status! };
        return config as T;
      },
      delete: async () => {},
    },
  });
  const links = [new Link(peer('c2', 1)), new Link(peer('c2', 2))];
  /** Each second one probe of each; `rtt` undefined: lost. */
  const run = async (seconds: number, ...rtts: (number | undefined)[]) => {
    for (let s = 0; s < seconds; s += 1) {
      links.forEach((link, i) => link.record(rtts[i], false, clock.now()));
      await report.look(links);
      await clock.advance(1000);
    }
  };
  return { run, writes, events };
}

describe('the report of tunnels', () => {
  it('writes once when all is well, and then nothing for hours', async () => {
    const { run, writes, events } = reporting();
    await run(3600, 1.5, 1.6);
    expect(writes).to.have.length(1);
    await run(600, 1.2, 1.9);
    expect(writes).to.have.length(1);
    expect(events).to.deep.equal([]);
  });

  it('tells a death and its end once each, as condition and event', async () => {
    const { run, writes, events } = reporting();
    await run(60, 1.5, 1.5);
    await run(600, 1.5, undefined);
    const dead = writes.at(-1)!;
    expect(dead.conditions![0]).to.include({ type: 'NetworkDegraded', status: 'True', reason: 'NoAnswer' });
    expect(dead.links![0]).to.deep.include({ cluster: 'c2', probed: 2, up: 1, down: ['c2-n2'] });
    await run(600, 1.5, 1.5);
    expect(writes.at(-1)!.conditions![0]).to.include({ status: 'False', reason: 'Recovered' });
    expect(events).to.deep.equal(['Warning NoAnswer', 'Normal Recovered']);
    // Each state once, and the loss figures that change meanwhile every two minutes at most.
    expect(writes.length).to.be.at.most(1 + 2 + 10);
  });

  it('writes at most every 10 s while a tunnel comes and goes', async () => {
    const { run, writes } = reporting();
    await run(60, 1.5, 1.5);
    const before = writes.length;
    for (let i = 0; i < 10; i += 1) {
      await run(4, 1.5, undefined);
      await run(6, 1.5, 1.5);
    }
    expect(writes.length - before).to.be.at.most(11);
  });
});

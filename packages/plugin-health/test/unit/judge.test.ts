import { expect } from 'chai';
import { judgeCluster, judgeNodes } from '../../src/manager/judge.ts';

const report = (
  node: string,
  links: { cluster: string; probed: number; up: number; down?: string[]; silent?: string[]; narrow?: string[] }[],
) => ({
  node,
  cluster: node.slice(0, 2),
  links,
});

describe('what reports mean for a node', () => {
  it('is nothing where nobody complains', () => {
    expect(judgeNodes('c2', [report('c1-n1', [{ cluster: 'c2', probed: 2, up: 2 }])]).size).to.equal(0);
  });

  it('is the worst that others say of it, with the clusters that do', () => {
    const found = judgeNodes('c2', [
      report('c1-n1', [{ cluster: 'c2', probed: 3, up: 2, down: ['c2-n1'] }]),
      report('c3-n1', [{ cluster: 'c2', probed: 3, up: 2, silent: ['c2-n1'] }]),
      report('c3-n2', [{ cluster: 'c2', probed: 3, up: 3, narrow: ['c2-n2'] }]),
    ]);
    expect([...found].map(([name, { reason }]) => [name, reason])).to.deep.equal([
      ['c2-n1', 'NoAnswer'],
      ['c2-n2', 'MtuTooSmall'],
    ]);
    expect(found.get('c2-n1')!.message).to.include('nodes of c1:');
  });

  it('is that it is cut off itself where it hears nobody, and the others are not to blame', () => {
    const reports = [report('c1-n1', [{ cluster: 'c2', probed: 2, up: 0, down: ['c2-n1', 'c2-n2'] }])];
    expect(judgeNodes('c2', reports).size).to.equal(0);
    expect(judgeNodes('c1', reports).get('c1-n1')).to.include({ reason: 'Isolated', status: 'True' });
  });
});

describe('what the state of its nodes means for a cluster', () => {
  const dead = { type: 'NetworkDegraded', status: 'True', reason: 'NoAnswer', message: '' } as const;

  it('is that it is disconnected when all ways into it are dead', () => {
    expect(judgeCluster(['c2-n1', 'c2-n2'], new Map([['c2-n1', dead]]))).to.include({ reason: 'NodesDegraded' });
    expect(judgeCluster(['c2-n1'], new Map([['c2-n1', dead]]))).to.include({ reason: 'Disconnected' });
    expect(judgeCluster(['c2-n1'], new Map())).to.equal(undefined);
  });
});

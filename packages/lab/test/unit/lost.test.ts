import { expect } from 'chai';
import { afterLoss } from '../../src/node/lost.ts';
import { planOf } from '../../src/node/plan.ts';
import { containerNamed, ended, podOf, recordOf, running } from '../support.ts';

describe('a pod whose node lost all that ran', () => {
  const entries = () =>
    [recordOf('i', ended(0)), recordOf('c', { ...running, ready: true, started: true })].map((r) => ({ ...r, inRow: 0, log: '' }));
  const pod = (restartPolicy: string) => podOf({ restartPolicy, initContainers: [containerNamed('i')], containers: [containerNamed('c')] });

  it('begins with its init containers again', () => {
    const all = entries();
    afterLoss(pod('Always'), all, 'now');
    expect(planOf(pod('Always'), all).run.map((c) => c.name)).to.deep.equal(['i']);
    expect(all[1]?.lastState.terminated).to.include({ exitCode: 255, reason: 'Unknown', finishedAt: 'now' });
    expect(all[1]).to.include({ ready: false, started: false });
  });

  it('has failed where nothing may run twice', () => {
    const all = entries();
    afterLoss(pod('Never'), all, 'now');
    expect(planOf(pod('Never'), all).over).to.equal(true);
    expect(all[1]?.state.terminated).to.include({ exitCode: 255 });
  });
});

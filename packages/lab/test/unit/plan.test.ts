import { expect } from 'chai';
import type { Pod } from '../../src/kube.ts';
import { backOffMs, restartsAfter } from '../../src/node/back-off.ts';
import { planOf } from '../../src/node/plan.ts';
import type { ContainerRecord } from '../../src/node/status.ts';
import { containerNamed, ended, podOf, recordOf, running } from '../support.ts';

describe('what is to run of a pod', () => {
  const pod = (restartPolicy = 'Always') =>
    podOf({
      restartPolicy,
      initContainers: [containerNamed('i'), containerNamed('s', { restartPolicy: 'Always' }), containerNamed('j')],
      containers: [containerNamed('c'), containerNamed('d')],
    });
  const started = { ...running, started: true };
  const cases: [string, Pod, Record<string, Partial<ContainerRecord>>, string][] = [
    ['first the first init container', pod(), {}, 'i'],
    ['an init container again that failed', pod(), { i: ended(1) }, 'i'],
    ['after it the sidecar alone, until it has started', pod(), { i: ended(0), s: running }, 's'],
    ['then the next init container beside it', pod(), { i: ended(0), s: started }, 's j'],
    ['then all others', pod(), { i: ended(0), s: started, j: ended(0) }, 's c d'],
    ['all others also while a sidecar is started again', pod(), { i: ended(0), s: ended(1), j: ended(0), c: running, d: running }, 's c d'],
    ['what ended, again', pod(), { i: ended(0), s: started, j: ended(0), c: ended(0), d: running }, 's c d'],
    ['no success again on failure', pod('OnFailure'), { i: ended(0), s: started, j: ended(0), c: ended(0), d: ended(1) }, 's d'],
    ['nothing again never', pod('Never'), { i: ended(0), s: started, j: ended(0), c: ended(1), d: running }, 's d'],
    ['nothing when all have ended', pod('Never'), { i: ended(0), s: started, j: ended(0), c: ended(1), d: ended(0) }, 'over'],
    ['nothing when an init container failed for good', pod('Never'), { i: ended(1) }, 'over'],
  ];
  for (const [what, p, known, wanted] of cases) {
    it(`is ${what}`, () => {
      const records = ['i', 's', 'j', 'c', 'd'].map((name) => recordOf(name, known[name]));
      const { run, over } = planOf(p, records);
      expect(over ? 'over' : run.map((c) => c.name).join(' ')).to.equal(wanted);
    });
  }
});

describe('the back-off of a container', () => {
  it('is nothing at first, then doubles from 1 s to 60 s', () => {
    expect([0, 1, 2, 3, 6, 7, 8, 50].map(backOffMs)).to.deep.equal([0, 1000, 2000, 4000, 32_000, 60_000, 60_000, 60_000]);
  });

  it('begins anew after a run of ten minutes', () => {
    expect(restartsAfter(5, 599_999)).to.equal(5);
    expect(restartsAfter(5, 600_000)).to.equal(0);
  });
});

import { expect } from 'chai';
import { jsonOf, junitOf, type Outcome, tableOf } from '../../src/check/print.ts';
import type { Answer } from '../../src/check/probe.ts';
import { problemsOf, type Sample } from '../../src/check/sample.ts';

const GOOD: Answer = { sent: 10, received: 10, rttMs: 0.5, by: ['c2-n1'], sources: ['10.1.1.2'], mtu: 1450 };
const SAMPLE: Sample = {
  kind: 'pod',
  family: 4,
  from: 'c1-n1',
  to: 'c2-n1',
  fromCluster: 'c1',
  toCluster: 'c2',
  ip: '10.2.1.2',
  source: '10.1.1.2',
  answer: GOOD,
  problems: [],
};
const explanation = { reason: 'RouteMissing', node: 'c2-n2', message: 'no route to <10.1.1.0/24>', fix: 'start the agent' };
const failed = (from: string): Sample => ({
  ...SAMPLE,
  from,
  to: 'c2-n2',
  problems: ['no answer'],
  answer: { ...GOOD, received: 0, by: [] },
  explanation,
});
const outcome = (samples: readonly Sample[], more: Partial<Outcome> = {}): Outcome => ({ samples, faults: [], warnings: [], ...more });

describe('what a check finds', () => {
  it('is well only if all came back, from the right pod, with the right source, in every size', () => {
    const problems = (more: Partial<Answer>) => problemsOf(SAMPLE, { ...GOOD, ...more });
    expect(problems({})).to.deep.equal([]);
    expect(problems({ received: 9 })).to.deep.equal([]);
    expect(problems({ received: 8 })).to.deep.equal(['20 % of the datagrams got lost']);
    expect(problems({ received: 0, by: [], sources: [], tcp: 'ECONNREFUSED' })).to.deep.equal(['no answer (TCP: ECONNREFUSED)']);
    expect(problems({ tcp: 'no answer' })).to.deep.equal(['TCP: no answer']);
    expect(problems({ by: ['c3-n1'] })).to.deep.equal(['the pod on c3-n1 answered']);
    expect(problems({ sources: ['220.1.0.1'] })).to.deep.equal(['seen as 220.1.0.1 instead of 10.1.1.2']);
    expect(problems({ mtu: 1380, lost: 1450 })).to.deep.equal(['packets of 1450 bytes get lost, those of 1380 pass']);
    expect(problemsOf({ to: 'c2-n1', source: undefined }, { ...GOOD, sources: ['220.1.0.1'] })).to.deep.equal([]);
  });

  it('is a table with a row for each two clusters and kind, and what is wrong once for all whom it concerns', () => {
    const skipped: Sample = { ...SAMPLE, kind: 'service', problems: [], skipped: 'c2 announces no network with 10.96.0.9' };
    const { answer: _, ...asked } = skipped;
    const samples = [SAMPLE, failed('c1-n1'), failed('c1-n2'), asked];
    expect(tableOf(outcome(samples, { faults: ['cluster c3: it does not answer'], warnings: ['a warning'] }), 'cluster', false)).to.equal(
      [
        'FROM   TO   WHAT               FAMILY   RTT      LOSS   MTU    SOURCE SEEN   RESULT',
        'c1     c2   pod to pod         IPv4     0.50ms   67%    1450   10.1.1.2      FAILED 2 of 3',
        'c1     c2   pod to ClusterIP   IPv4     -        -      -      -             not offered',
        '',
        'FAILED',
        '  c2-n2: no route to <10.1.1.0/24> (RouteMissing)',
        '    fix: start the agent',
        '    c1-n1 to c2-n2, pod to pod, IPv4: no answer',
        '    c1-n2 to c2-n2, pod to pod, IPv4: no answer',
        '',
        'NOT CHECKED',
        '  cluster c3: it does not answer',
        '',
        'NOT OFFERED',
        '  c2 announces no network with 10.96.0.9',
        '',
        'WARNINGS',
        '  a warning',
      ].join('\n'),
    );
    expect(tableOf(outcome([SAMPLE]), 'node', false).split('\n')[1]).to.match(/^c1-n1 {3}c2-n1 .* ok$/);
  });

  it('has colours for a terminal only', () => {
    expect(tableOf(outcome([SAMPLE]), 'cluster', true)).to.include('\u001b[32mok');
    expect(tableOf(outcome([failed('c1-n1')]), 'cluster', true)).to.include('\u001b[31mFAILED 1 of 1');
    expect(tableOf(outcome([failed('c1-n1')]), 'cluster', false)).not.to.include('\u001b');
  });

  it('is JSON with the figures of each row and all that it is made of', () => {
    const { rows } = JSON.parse(jsonOf(outcome([SAMPLE, failed('c1-n2')]), 'cluster')) as { rows: { samples: Sample[] }[] };
    expect(rows).to.have.length(1);
    expect(rows[0]).to.deep.include({
      from: 'c1',
      to: 'c2',
      kind: 'pod',
      family: 4,
      rttMs: 0.5,
      lossPercent: 50,
      mtu: 1450,
      asked: 2,
      failed: 1,
    });
    expect(rows[0]!.samples[1]).to.deep.include({ explanation });
  });

  it('is JUnit with a case for each pair, escaped, with the reason as the type of a failure', () => {
    const xml = junitOf(outcome([SAMPLE, failed('c1-n2')], { faults: ['cluster c3: "gone"'] }), 'cluster');
    expect(xml).to.include('<testsuite name="c1 to c2, pod to pod, IPv4" tests="2" failures="1" errors="0" skipped="0">');
    expect(xml).to.include('name="c1-n1 to c2-n1" time="0.000500"/>');
    expect(xml).to.include(
      '<failure type="RouteMissing" message="no answer">c2-n2: no route to &lt;10.1.1.0/24&gt; (RouteMissing)\nfix: start the agent</failure>',
    );
    expect(xml).to.include(
      '<testcase classname="kosmos check" name="cluster c3"><error message="cluster c3: &quot;gone&quot;"/></testcase>',
    );
    expect(xml.match(/<\w/g)!.length).to.equal(xml.match(/<\/\w|\/>/g)!.length);
  });
});

import { expect } from 'chai';
import type { Pod } from '../../src/kube.ts';
import { errImagePull, podStatus, type ContainerRecord } from '../../src/node/status.ts';
import { containerNamed, ended, podOf, recordOf, running } from '../support.ts';

const at = { hostIPs: ['10.101.0.11'], podIPs: ['10.1.1.2', 'fd00::2'], isPrepared: true, now: '2026-01-02T00:00:00Z' };
const crashed = {
  state: { waiting: { reason: 'CrashLoopBackOff' } },
  lastState: { terminated: { exitCode: 1, reason: 'Error' } },
  began: true,
};

describe("a pod's status", () => {
  const init = { initContainers: [containerNamed('i')], containers: [containerNamed('c')] };
  const sidecar = { initContainers: [containerNamed('s', { restartPolicy: 'Always' })], restartPolicy: 'Never' };
  const phases: [string, Pod, ContainerRecord[], string][] = [
    ['a container that waits for its image', podOf(), [recordOf('c', { state: errImagePull('nginx') })], 'Pending'],
    ['a container that runs', podOf(), [recordOf('c', running)], 'Running'],
    ['an end that is followed by a restart', podOf(), [recordOf('c', ended(0))], 'Running'],
    ['a container in its back-off', podOf(), [recordOf('c', crashed)], 'Running'],
    ['success, never to be restarted', podOf({ restartPolicy: 'Never' }), [recordOf('c', ended(0))], 'Succeeded'],
    ['failure, never to be restarted', podOf({ restartPolicy: 'Never' }), [recordOf('c', ended(1))], 'Failed'],
    ['failure, restarted on failure', podOf({ restartPolicy: 'OnFailure' }), [recordOf('c', ended(1))], 'Running'],
    ['an init container that runs', podOf(init), [recordOf('i', running), recordOf('c')], 'Pending'],
    [
      'an init container that failed for good',
      podOf({ ...init, restartPolicy: 'Never' }),
      [recordOf('i', ended(1)), recordOf('c')],
      'Failed',
    ],
    ['an init container that is tried again', podOf(init), [recordOf('i', ended(1)), recordOf('c')], 'Pending'],
    ['a sidecar that outlasts the others', podOf(sidecar), [recordOf('s', running), recordOf('c', ended(0))], 'Running'],
    ['a sidecar that ended after the others', podOf(sidecar), [recordOf('s', ended(137)), recordOf('c', ended(0))], 'Succeeded'],
    [
      'one container of two that waits',
      podOf({ containers: [containerNamed('c'), containerNamed('d')] }),
      [recordOf('c', running), recordOf('d')],
      'Pending',
    ],
  ];
  for (const [what, pod, records, phase] of phases) {
    it(`is ${phase} for ${what}`, () => expect(podStatus(pod, records, at).phase).to.equal(phase));
  }

  const conditions: [string, Pod, ContainerRecord[], Record<string, string>][] = [
    [
      'before it has what it needs',
      podOf(),
      [recordOf('c')],
      { PodReadyToStartContainers: 'True', Initialized: 'True', Ready: 'ContainersNotReady', ContainersReady: 'ContainersNotReady' },
    ],
    ['while an init container runs', podOf(init), [recordOf('i', running), recordOf('c')], { Initialized: 'ContainersNotInitialized' }],
    ['after its init containers', podOf(init), [recordOf('i', ended(0)), recordOf('c')], { Initialized: 'True' }],
    ['when all containers are', podOf(), [recordOf('c', { ...running, ready: true })], { Ready: 'True', ContainersReady: 'True' }],
    [
      'when its gates are not',
      podOf({ readinessGates: [{ conditionType: 'example.com/ok' }] }),
      [recordOf('c', { ...running, ready: true })],
      { Ready: 'ReadinessGatesNotReady', ContainersReady: 'True' },
    ],
    ['when it succeeded', podOf({ restartPolicy: 'Never' }), [recordOf('c', ended(0))], { Initialized: 'True', Ready: 'PodCompleted' }],
    ['when it failed', podOf({ restartPolicy: 'Never' }), [recordOf('c', ended(1))], { Ready: 'PodFailed' }],
  ];
  for (const [what, pod, records, wanted] of conditions) {
    it(`has Kubernetes' conditions and reasons ${what}`, () => {
      const seen = Object.fromEntries(
        podStatus(pod, records, at).conditions.map((c) => [c.type, c.status === 'True' ? 'True' : (c.reason ?? 'False')]),
      );
      expect(seen).to.include(wanted);
    });
  }

  it('keeps the time of a condition that did not change, and the conditions of others', () => {
    const other = { type: 'example.com/ok', status: 'True' as const, lastTransitionTime: '2025-01-01T00:00:00Z' };
    const before = podStatus(podOf({}, { status: { conditions: [other] } }), [recordOf('c')], { ...at, now: '2026-01-01T00:00:00Z' });
    const after = podStatus(podOf({}, { status: before }), [recordOf('c')], at);
    expect(after.conditions).to.deep.equal(before.conditions);
    expect(after.conditions.at(-1)).to.deep.equal(other);
    expect(after.startTime).to.equal('2026-01-01T00:00:00Z');
    expect(after.conditions[0]).to.include({ observedGeneration: 3 });
  });

  it('has the addresses of every family', () => {
    expect(podStatus(podOf(), [recordOf('c')], at)).to.deep.include({
      podIP: '10.1.1.2',
      podIPs: [{ ip: '10.1.1.2' }, { ip: 'fd00::2' }],
      hostIP: '10.101.0.11',
      observedGeneration: 3,
    });
  });

  it('is Failed with the reason once the node has ended it', () => {
    const failure = { reason: 'DeadlineExceeded', message: 'm' };
    expect(podStatus(podOf(), [recordOf('c', running)], { ...at, failure }).phase).to.equal('Running');
    expect(podStatus(podOf(), [recordOf('c', ended(137))], { ...at, failure })).to.include({ phase: 'Failed', ...failure });
  });
});

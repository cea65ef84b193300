import { expect } from 'chai';
import type { Pod } from '../../src/kube.ts';
import { envOf, expand } from '../../src/node/env.ts';
import { imageOf } from '../../src/node/images.ts';
import { errImagePull, podStatus, type ContainerRecord } from '../../src/node/status.ts';

const pod = (spec: object = {}, status: object = {}): Pod => ({
  metadata: { name: 'web', namespace: 'default', uid: 'u1', resourceVersion: '1' },
  spec: { containers: [{ name: 'c', image: 'lab/echo' }], ...spec },
  status,
});
const container = (more: Partial<ContainerRecord>): ContainerRecord => ({
  name: 'c',
  state: {},
  lastState: {},
  ready: false,
  restarts: 0,
  ...more,
});
const at = { hostIPs: ['10.101.0.11'], podIPs: ['10.1.1.2'], now: '2026-01-02T00:00:00Z' };

describe("a pod's status", () => {
  const ended = (exitCode: number) => container({ state: { terminated: { exitCode, reason: 'x' } } });
  const cases: [string, Pod, ContainerRecord, string][] = [
    ['a container that waits for its image', pod(), container({ state: errImagePull('nginx') }), 'Pending'],
    ['a container that runs', pod(), container({ state: { running: { startedAt: at.now } } }), 'Running'],
    ['an end that is followed by a restart', pod(), ended(0), 'Running'],
    ['success, never to be restarted', pod({ restartPolicy: 'Never' }), ended(0), 'Succeeded'],
    ['failure, never to be restarted', pod({ restartPolicy: 'Never' }), ended(1), 'Failed'],
    ['failure, restarted on failure', pod({ restartPolicy: 'OnFailure' }), ended(1), 'Running'],
  ];
  for (const [what, p, c, phase] of cases) {
    it(`is ${phase} for ${what}`, () => expect(podStatus(p, [c], at).phase).to.equal(phase));
  }

  it('is Ready only when every container is', () => {
    const ready = (c: ContainerRecord) => podStatus(pod(), [c], at).conditions.find((x) => x.type === 'Ready')?.status;
    expect(ready(container({ ready: true, state: { running: { startedAt: at.now } } }))).to.equal('True');
    expect(ready(container({}))).to.equal('False');
  });

  it('keeps the time of a condition that did not change', () => {
    const before = podStatus(pod(), [container({})], { ...at, now: '2026-01-01T00:00:00Z' });
    const after = podStatus(pod({}, before), [container({})], at);
    expect(after.conditions).to.deep.equal(before.conditions);
    expect(after.startTime).to.equal('2026-01-01T00:00:00Z');
  });
});

describe("a container's environment", () => {
  it('has values, fields of the pod, and earlier variables', () => {
    const env = [
      { name: 'A', value: 'x' },
      { name: 'B', value: '$(A)/$(NONE)/$$(A)' },
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    ];
    expect(envOf(pod(), { name: 'c', env }, '10.1.1.2')).to.deep.equal({ A: 'x', B: 'x/$(NONE)/$(A)', IP: '10.1.1.2' });
    expect(expand('$(A)', {})).to.equal('$(A)');
  });

  it('refuses a field that the lab does not know, and says which it does', () => {
    const env = [{ name: 'X', valueFrom: { fieldRef: { fieldPath: 'spec.other' } } }];
    expect(() => envOf(pod(), { name: 'c', env }, '')).to.throw(/env X: .*metadata\.name/);
  });
});

describe('an image', () => {
  it('is known by its name, whatever its tag', () => {
    for (const image of ['lab/echo', 'lab/echo:v1', 'lab/echo@sha256:00', 'lab/echo:v1@sha256:00'])
      expect(imageOf(image), image).not.to.equal(undefined);
    for (const image of ['nginx', 'lab/echoes', 'x:5000/lab/echo', undefined]) expect(imageOf(image), image).to.equal(undefined);
  });
});

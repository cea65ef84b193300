import { expect } from 'chai';
import { chooseNode } from '../../src/control-plane/binder.ts';
import type { Node, Pod } from '../../src/kube.ts';
import { imageOf } from '../../src/node/images.ts';

const pod = (spec: object = {}, status: object = {}): Pod => ({
  metadata: { name: 'web', namespace: 'default', uid: 'u1', resourceVersion: '1' },
  spec: { containers: [{ name: 'c', image: 'lab/echo' }], ...spec },
  status,
});
describe('an image', () => {
  it('is known by its name, whatever its tag', () => {
    for (const image of ['lab/echo', 'lab/echo:v1', 'lab/echo@sha256:00', 'lab/echo:v1@sha256:00'])
      expect(imageOf(image), image).not.to.equal(undefined);
    for (const image of ['nginx', 'lab/echoes', 'x:5000/lab/echo', undefined]) expect(imageOf(image), image).to.equal(undefined);
  });
});

describe('the binder', () => {
  const node = (name: string, ready: 'True' | 'False', more: object = {}): Node => ({
    metadata: { name, uid: name, resourceVersion: '1', labels: { host: name } },
    spec: {},
    status: { conditions: [{ type: 'Ready', status: ready }] },
    ...more,
  });
  const nodes = [node('b', 'True'), node('a', 'True'), node('c', 'False'), node('d', 'True', { spec: { unschedulable: true } })];

  it('takes Ready nodes that are not cordoned in turn', () => {
    expect([0, 1, 2].map((turn) => chooseNode(pod(), nodes, turn)?.metadata.name)).to.deep.equal(['a', 'b', 'a']);
  });

  it('takes only nodes that the selector allows', () => {
    expect(chooseNode(pod({ nodeSelector: { host: 'b' } }), nodes, 0)?.metadata.name).to.equal('b');
    expect(chooseNode(pod({ nodeSelector: { host: 'c' } }), nodes, 0)).to.equal(undefined);
  });
});

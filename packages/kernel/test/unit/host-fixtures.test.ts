import { type Config, type Plugin, type Role, type Token } from '@kosmos/kernel';
import { createKernel } from '@kosmos/kernel/runtime';
import { expect } from 'chai';
import { memoryLog, plugin } from '../fixtures/host.ts';
import { type Pod, Ways, knode, knodeIdentity, knodePlacement, knodeStorage, knodeWhere } from '../fixtures/knode.ts';
import { Decide, leastUsed, scheduler, selector, unschedulable } from '../fixtures/scheduler.ts';

/** Sets plugins up in a role and takes one token's value out. */
async function take<T>(want: Token<T>, role: Role, plugins: readonly Plugin[]): Promise<T> {
  let taken: unknown;
  const taker = plugin('taker', (ctx) => (taken = ctx.use.it), { requires: { it: want } });
  const config: Config = { plugins: [...plugins, taker] };
  await createKernel({ config, role, log: memoryLog() });
  return taken as T;
}

const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1' },
  spec: {
    nodeName: 'kosmos-a',
    serviceAccountName: 'web',
    containers: [{ name: 'web', image: 'web:1' }],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
    nodeSelector: { disk: 'ssd' },
  },
};

describe('the contract carries knode', () => {
  it('three mutators change a pod in the order that they ask for, whatever the order in the config', async () => {
    const ways = await take(Ways, 'manager', [knodeStorage(), knodeIdentity(), knodePlacement(), knodeWhere(), knode()]);
    const made = ways.down(pod, { cluster: 'a' });
    expect(made.spec).to.deep.equal({
      containers: [{ name: 'web', image: 'web:1' }],
      nodeSelector: { disk: 'ssd' },
      serviceAccountName: 'host-web',
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-a' } }],
    });
    expect(pod.spec.nodeName).to.equal('kosmos-a');
  });

  it('the status flows back through a chain', async () => {
    const ways = await take(Ways, 'manager', [knode(), knodeWhere()]);
    expect(ways.up({ phase: 'Running' }, { cluster: 'a' })).to.deep.equal({ phase: 'Running', message: 'runs in a' });
  });
});

describe('the contract carries the scheduler', () => {
  const nodes = [
    { name: 'small', labels: { disk: 'ssd' }, free: 1 },
    { name: 'big', labels: { disk: 'ssd' }, free: 4 },
    { name: 'slow', labels: { disk: 'hdd' }, free: 9 },
    { name: 'off', labels: { disk: 'ssd' }, free: 9, unschedulable: true },
  ];

  it('filters say why not, scores pick the best of the rest', async () => {
    const decide = await take(Decide, 'scheduler', [scheduler(), unschedulable(), selector(), leastUsed()]);
    const { node, against } = decide(pod, nodes);
    expect(node).to.equal('big');
    expect([...against]).to.deep.equal([
      ['slow', "node(s) didn't match Pod's node selector"],
      ['off', 'node(s) were unschedulable'],
    ]);
  });

  it('no node left is no decision', async () => {
    const decide = await take(Decide, 'scheduler', [scheduler(), unschedulable(), leastUsed()]);
    expect(decide(pod, [{ name: 'off', labels: {}, free: 1, unschedulable: true }]).node).to.equal(undefined);
  });
});

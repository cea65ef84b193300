import { definePlugin, eventRight, leaseRights, part, type Right, Rights, type Who } from '@kosmos/kernel';
import { createKernel } from '@kosmos/kernel/runtime';
import { expect } from 'chai';
import * as z from 'zod';
import { memoryLog, plugin } from '../fixtures/host.ts';

const things = { group: 'x.example', plural: 'things' };
const read = (name: string): Right => ({ on: 'host', kind: things, verbs: ['get'], names: [name] });

const worker = definePlugin({
  name: 'worker',
  version: '1.0.0',
  apiVersion: 1,
  kernel: '*',
  options: z.strictObject({}),
  parts: {
    all: part<object>()({ rights: () => [eventRight()], setup: () => {} }),
    manager: part<object>()({ rights: () => leaseRights('worker'), setup: () => {} }),
    agent: part<object>()({ rights: ({ cluster, node }) => [read(`${cluster}-${node}`)], setup: () => {} }),
  },
});

describe('rights', () => {
  it('are those of all parts that a role has, for the node that is asked for, in any role', async () => {
    let rights: Rights | undefined;
    const asker = plugin('asker', (ctx) => void (rights = ctx.use.rights as Rights), { requires: { rights: Rights }, role: 'cli' });
    await createKernel({ config: { plugins: [worker(), asker] }, role: 'cli', log: memoryLog() });
    const of = (who: Who) => rights!.of(who);
    expect(of({ role: 'agent', cluster: 'c1', node: 'n1' })).to.deep.equal([eventRight(), read('c1-n1')]);
    expect(of({ role: 'agent', cluster: 'c1', node: 'n2' })).to.deep.equal([eventRight(), read('c1-n2')]);
    expect(of({ role: 'manager', cluster: 'host' })).to.deep.equal([eventRight(), ...leaseRights('worker')]);
    expect(of({ role: 'dns', cluster: 'host' })).to.deep.equal([eventRight()]);
  });
});

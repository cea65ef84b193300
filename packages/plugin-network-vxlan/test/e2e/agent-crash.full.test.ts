import { type Change, type HostNet, HostNetError } from '@kosmos/hostnet';
import { needs } from '@kosmos/testing';
import { expect } from 'chai';
import { kernelState } from '../../src/agent/kernel-state.ts';
import type { NodePlan } from '../../src/plan/types.ts';
import { type AgentLab, agentLab, differences, dump, planOf } from '../support/agent-lab.ts';
import { EMPTY } from '../support/agent-plans.ts';

const FEW = planOf(0);
/** Other routes and peers, another MAC, another translation and a second device. */
const OTHER: NodePlan = {
  ...planOf(0, 3),
  devices: [
    { ...FEW.devices[0]!, mac: '02:00:00:00:00:77' },
    { ...FEW.devices[0]!, name: 'vx-local', addr: '210.101.0.1/8', mac: '02:00:00:00:00:78', id: 55, port: 4877 },
  ],
  nat: [
    { stage: 'keep', cidr: '10.1.0.0/24', dev: 'vx-bridge' },
    { stage: 'translate', real: '10.1.0.0/24', seen: '100.64.1.0/24', dev: 'vx-bridge' },
  ],
};

const WAYS: readonly (readonly [name: string, from: NodePlan, to: NodePlan])[] = [
  ['from nothing to a plan', EMPTY, FEW],
  ['from one plan to another', FEW, OTHER],
  ['back', OTHER, FEW],
  ['from a plan to nothing', OTHER, EMPTY],
];

describe('an agent that does not get to the end of an apply', function () {
  this.timeout(300_000);
  let lab: AgentLab;
  before(needs('root', 'ip', 'bridge', 'nft', 'nsenter'));
  before(async () => {
    lab = await agentLab();
  });
  after(() => lab?.down());

  for (const [name, from, to] of WAYS) {
    for (const how of ['killed', 'failing'] as const) {
      it(`${how} at every step ${name}, leaves nothing that the next look does not put right`, async () => {
        const { net, ip, netns } = lab.nodes[0];
        const hold = (plan: NodePlan, of: HostNet = net) => kernelState(of).hold(plan, { ip });
        await hold(to);
        const whole = await dump(netns);
        for (let step = 1, last = false; !last; step += 1) {
          await hold(from);
          const { broken, reached } = breaking(net, step, how);
          const state = kernelState(broken);
          const ended = await state.hold(to, { ip }).catch((error: unknown) => error as Error);
          last = !reached();
          if (how === 'killed') expect(ended instanceof Error, `step ${step}`).to.equal(!last);
          // Killed: another process, which knows nothing. Failing: the same goes on.
          const { refused } = how === 'killed' ? await hold(to) : await state.hold(to, { ip });
          expect(refused, `step ${step}`).to.deep.equal([]);
          expect(differences(whole, await dump(netns), true), `step ${step}`).to.deep.equal([]);
          expect((await hold(to)).written, `step ${step}, and again`).to.equal(0);
        }
      });
    }
  }
});

/** A host on which the process ends, or one command fails, at the n-th thing that is written. */
function breaking(net: HostNet, step: number, how: 'killed' | 'failing'): { broken: HostNet; reached: () => boolean } {
  let written = 0;
  const end = () => new Error('killed');
  const once = async (write: () => Promise<void>) => {
    written += 1;
    if (written > step && how === 'killed') throw end();
    if (written === step) throw how === 'killed' ? end() : new HostNetError('HOSTNET_E_COMMAND', 'fails this once');
    await write();
  };
  const broken: HostNet = {
    ...net,
    async applyAll(changes, options) {
      const left = step - 1 - written;
      if (changes.length <= left || (left < 0 && how === 'failing')) {
        written += changes.length;
        return net.applyAll(changes, options);
      }
      const before: readonly Change[] = changes.slice(0, Math.max(left, 0));
      written += before.length + 1;
      const refused = await net.applyAll(before, options);
      if (how === 'killed') throw end();
      const [failed, ...rest] = changes.slice(before.length);
      written += rest.length;
      const error = new HostNetError('HOSTNET_E_COMMAND', 'fails this once');
      return [...refused, { change: failed!, error }, ...(await net.applyAll(rest, options))];
    },
    nft: (tables, options) => once(() => net.nft(tables, options)),
    setSysctl: (key, value, options) => once(() => net.setSysctl(key, value, options)),
  };
  return { broken, reached: () => written >= step };
}

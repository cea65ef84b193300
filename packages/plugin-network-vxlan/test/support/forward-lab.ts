import { createFirewall, createHostNet } from '@kosmos/hostnet';
import { needs } from '@kosmos/testing';
import { expect } from 'chai';
import { forwardBlocked } from '../../src/agent/forward.ts';
import { kernelState } from '../../src/agent/kernel-state.ts';
import { removeAll } from '../../src/agent/uninstall.ts';
import { type AgentLab, agentLab, differences, dump, inside, type LabNode } from './agent-lab.ts';

/** Two nodes for each test of the suite that calls this, and what to do on them. */
export function forwardLab() {
  let lab: AgentLab;
  before(needs('root', 'ip', 'nft', 'nsenter', 'ping', 'iptables-legacy', 'iptables-nft', 'ip6tables-legacy'));
  beforeEach(async () => {
    lab = await agentLab();
  });
  afterEach(() => lab?.down());
  const stateOf = (node: LabNode, foreignChains = false) => kernelState(createHostNet({ netns: node.netns }), { foreignChains });
  const hold = (node: LabNode, foreignChains = false) => stateOf(node, foreignChains).hold(node.plan, { ip: node.ip });
  const ping = async (from: 0 | 1) => (await inside(lab.nodes[from].pod, ['ping', '-c', '1', '-W', '1', lab.nodes[1 - from]!.podIp])).code;
  return {
    first: () => lab.nodes[0],
    second: () => lab.nodes[1],
    stateOf,
    hold,
    /** To both nodes; the outcome of the first. */
    apply: async (foreignChains = false) => (await Promise.all(lab.nodes.map((node) => hold(node, foreignChains))))[0]!,
    /** What a look at the first node finds, which changes nothing. */
    seen: async () => (await forwardBlocked(createFirewall({ netns: lab.nodes[0].netns }), ['vx-bridge'], {})).map(({ item }) => item),
    /** On the first node. */
    shell: async (command: string) => {
      const { code, text } = await inside(lab.nodes[0].netns, ['sh', '-c', command]);
      expect(code, text).to.equal(0);
      return text;
    },
    /** Exit codes of a ping from pod to pod, each way. */
    ping,
    both: () => Promise.all([ping(0), ping(1)]),
  };
}

/** Registers a test for each command that drops forwarded packets by iptables. */
export function letsThrough(
  { first, stateOf, hold, apply, seen, shell, both }: ReturnType<typeof forwardLab>,
  policies: Readonly<Record<string, string>>,
): void {
  for (const [name, command] of Object.entries(policies)) {
    it(`lets tunnels through ${name}, once, again when it is undone, and leaves it as it was`, async () => {
      const node = first();
      await shell(command);
      const before = await dump(node.netns);
      const { refused, blocked } = await apply();
      expect([refused, blocked]).to.deep.equal([[], []]);
      expect(await both()).to.deep.equal([0, 0]);
      const state = stateOf(node);
      expect((await state.hold(node.plan, { ip: node.ip })).written, 'a second time').to.equal(0);
      expect(await state.undone()).to.equal(false);

      const tools = ['iptables-legacy', 'iptables-nft'].filter((tool) => command.includes(tool));
      for (const tool of tools) await shell(`${tool} -D FORWARD -j KOSMOS-FORWARD; ${tool} -F KOSMOS-FORWARD`);
      expect(await both(), 'undone').to.not.deep.equal([0, 0]);
      expect(await seen(), 'undone').to.deep.equal(tools.map((tool) => `${tool} FORWARD`));
      if (tools.includes('iptables-legacy')) expect(await state.undone()).to.equal(true);
      expect((await hold(node)).written).to.be.greaterThan(0);
      expect(await both(), 'mended').to.deep.equal([0, 0]);
      expect(await seen(), 'mended').to.deep.equal([]);

      await removeAll(node.net);
      expect(differences(before, await dump(node.netns))).to.deep.equal([]);
    });
  }
}

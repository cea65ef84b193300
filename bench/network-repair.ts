/** How long a node's kernel stays broken after somebody changed it by hand, and how soon others follow a node that comes and goes. */
import { ClusterNodeKind } from '@kosmos/api';
import type { Kind, KObject } from '@kosmos/kernel';
import type { Lab } from '@kosmos/lab';
import { cleanUp, eventually } from '@kosmos/testing';
import { FAULTS, onNode } from '../test/support/faults.ts';
import { expectSame, kernelState, settledState, startNetwork } from '../test/support/network.ts';
import type { Result } from './result.ts';

const Nodes: Kind<KObject> = { group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false };
const NODE = 'c1/n1';
const ROUNDS = 5;
const TARGET = '<= 2000';

export async function run(): Promise<Result[]> {
  try {
    const lab = await startNetwork();
    return [...(await byHand(lab)), ...(await membership(lab))];
  } finally {
    await cleanUp();
  }
}

async function byHand(lab: Lab): Promise<Result[]> {
  const results: Result[] = [];
  for (const { what, commands } of FAULTS) {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = await settledState(lab, NODE);
      const given = await commands(lab, NODE);
      const from = performance.now();
      await onNode(lab, NODE, given);
      await eventually(async () => expectSame(await kernelState(lab, NODE), before), { message: what, timeoutMs: 20_000, intervalMs: 20 });
      times.push(performance.now() - from);
    }
    results.push(worst(`${what} by hand: until the kernel's state is as before`, times));
  }
  return results;
}

async function membership(lab: Lab): Promise<Result[]> {
  const others = ['c1/n1', 'c1/n2'];
  const host = lab.client('c1');
  const routes = (there: boolean, cidr: string) => async () => {
    const all = await Promise.all(others.map((node) => lab.exec(node, ['ip', 'route', 'show', 'table', '200'])));
    return all.every(({ stdout }) => stdout.includes(cidr) === there);
  };
  const timed = async (message: string, from: number, condition: () => Promise<unknown>) => {
    await eventually(condition, { message, timeoutMs: 20_000, intervalMs: 20 });
    return performance.now() - from;
  };
  const [came, went]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { name, podCIDR } = await lab.addNode('c2');
    // The lab starts the node's agent, and until that has told its address nobody can send it anything.
    await eventually(async () => (await host.get(ClusterNodeKind, `c2-${name}`))?.spec?.ip, { message: 'its address', timeoutMs: 20_000 });
    came.push(await timed('routes to the new node', performance.now(), routes(true, podCIDR)));
    const removed = lab.removeNode('c2', name); // ends what runs there, and deletes its Node last
    const member = lab.client('c2');
    await eventually(async () => !(await member.get(Nodes, name)), { message: 'its Node is gone', timeoutMs: 20_000, intervalMs: 5 });
    went.push(await timed('no routes to it', performance.now(), routes(false, podCIDR)));
    await removed;
  }
  return [
    worst('a node added: from its address on the ClusterNode to the routes on all others', came),
    worst('a node removed: from its Node deleted to no routes on any other', went),
  ];
}

function worst(name: string, times: readonly number[]): Result {
  return {
    name,
    value: Math.max(...times),
    unit: 'ms',
    target: TARGET,
    note: `the longest of ${ROUNDS}, the looks that find out included`,
  };
}

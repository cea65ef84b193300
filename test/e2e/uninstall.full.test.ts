import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Lab } from '@kosmos/lab';
import { cleanUp, eventually, needs, startTestLab } from '@kosmos/testing';
import { expect } from 'chai';
import { CONFIG, expectSame, kernelState, podIP, reaches, runPod, settledState, WHOLE_AGAIN_MS } from '../support/network.ts';

const KOSMOS = [process.execPath, resolve('packages/cli/bin/kosmos.js')];
const NODES = ['c1/n1', 'c2/n1'];

/** Kosmos is put on clusters that had been without it, by the commands that a user types. */
describe('a node after Kosmos', function () {
  this.timeout(120_000);
  let lab: Lab;
  let clean: Record<string, string>[];
  const agents = new Map<string, ChildProcess>();

  const kosmos = async (where: string, ...args: string[]) => {
    const { code, stdout, stderr } = await lab.exec(where, [...KOSMOS, ...args, '--config', CONFIG], { timeoutMs: 30_000 });
    if (code !== 0) throw new Error(`kosmos ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  const start = (where: string, ...args: string[]) => {
    const [file, ...rest] = lab.command(where, [...KOSMOS, 'run', ...args, '--config', CONFIG]) as [string, ...string[]];
    return spawn(file, rest, { stdio: 'ignore' }); // it ends with the lab
  };

  before(needs('root', 'ip', 'nft', 'ping', 'sysctl', 'pkill'));
  before(async () => {
    lab = await startTestLab();
    await Promise.all(lab.clusters.map(({ name }) => runPod(lab, name, 'echo', 'n1')));
    clean = await Promise.all(NODES.map((node) => settledState(lab, node)));
    process.env.KOSMOS_HOST_KUBECONFIG = lab.host.innerKubeconfig;
    for (const cluster of lab.clusters) {
      await kosmos('c1/cp', 'join', cluster.name, '--kubeconfig', cluster.innerKubeconfig, '--ip-family', 'ipv4', '--cni', 'lab');
    }
    start('c1/cp', '--role', 'manager');
    for (const node of NODES) {
      const [cluster, name] = node.split('/') as [string, string];
      agents.set(node, start(node, '--role', 'agent', '--cluster', cluster, '--node', name));
    }
    await reaches(lab, 'c1/echo', podIP(lab, 'c2/echo'), 30_000);
  });
  after(() => delete process.env.KOSMOS_HOST_KUBECONFIG);
  after(cleanUp);

  it('is as it was before, once its agent is stopped and `kosmos agent uninstall` has run', async () => {
    // By its name, inside the lab: what was spawned here is the nsenter before it.
    const ended = once(agents.get('c1/n1') as ChildProcess, 'exit');
    await lab.exec('c1/n1', ['pkill', '-TERM', '-f', 'role agent --cluster c1 --node n1']);
    await ended;
    await reaches(lab, 'c1/echo', podIP(lab, 'c2/echo'), WHOLE_AGAIN_MS); // without the agent, the kernel goes on
    expect(await kosmos('c1/n1', 'agent', 'uninstall')).to.include('Removed what Kosmos made on this node');
    expectSame(await kernelState(lab, 'c1/n1'), clean[0] ?? {});
    expect(await kosmos('c1/n1', 'agent', 'uninstall')).to.include('There was nothing of Kosmos on this node');
  });

  it('is as it was before, once its cluster has left by `kosmos unjoin`', async () => {
    await kosmos('c1/cp', 'unjoin', 'c2');
    await eventually(async () => expectSame(await kernelState(lab, 'c2/n1'), clean[1] ?? {}), { message: 'c2/n1 is as it was' });
  });
});

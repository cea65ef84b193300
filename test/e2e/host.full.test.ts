import { type Cluster, ClusterKind, ClusterNodeKind, NodeConfigKind } from '@kosmos/api';
import type { Lab } from '@kosmos/lab';
import { cleanUp, eventually, needs } from '@kosmos/testing';
import { expect } from 'chai';
import { Flow, podIP, reaches, startNetwork, WHOLE_AGAIN_MS } from '../support/network.ts';

const NODE = 'c1/n1';
const RECORD = 'c1-n1';

/** What other software and administrators do to a host, and how the network lives with it. */
describe('a host as it is', function () {
  this.timeout(120_000);
  let lab: Lab;
  let underlay: string;
  const host = () => lab.client(lab.host.name);
  const record = async () => (await host().get(ClusterNodeKind, RECORD))!;
  const shell = async (command: string) => {
    const { code, stdout, stderr } = await lab.exec(NODE, ['sh', '-c', command]);
    expect(code, stderr).to.equal(0);
    return stdout;
  };
  const condition = (what: string, read: () => Promise<unknown>, wanted: object, timeoutMs = 30_000) =>
    eventually(
      async () => {
        expect(await read()).to.include(wanted);
        return true;
      },
      { message: what, timeoutMs },
    );
  const forwardOpen = async () => (await host().get(NodeConfigKind, RECORD))?.status?.conditions?.find((c) => c.type === 'ForwardOpen');
  const across = (timeoutMs: number) => reaches(lab, 'c1/probe', podIP(lab, 'c2/probe'), timeoutMs);

  before(needs('root', 'ip', 'nft', 'ping', 'iptables-legacy'));
  before(async () => {
    lab = await startNetwork();
    underlay = (await record()).spec!.interfaceName!;
  });
  after(cleanUp);

  it('whose underlay gets another MTU has its tunnel follow', async () => {
    const mtu = async () => /mtu (\d+)/.exec(await shell('ip link show vx-bridge'))![1];
    const usual = Number(/mtu (\d+)/.exec(await shell(`ip link show ${underlay}`))![1]);
    for (const size of [1400, usual]) {
      await shell(`ip link set ${underlay} mtu ${size}`);
      await eventually(async () => (await mtu()) === String(size - 50), { message: `vx-bridge with ${size - 50}`, timeoutMs: 10_000 });
    }
  });

  it('whose forwarding somebody closes with iptables-legacy, which tells nobody, is open again within seconds', async () => {
    await shell('iptables-legacy -P FORWARD DROP');
    await across(15_000);
    await shell('iptables-legacy -D FORWARD -j KOSMOS-FORWARD');
    await across(15_000);
    await shell('iptables-legacy -P FORWARD ACCEPT');
    expect(await forwardOpen()).to.include({ status: 'True' });
  });

  it('whose forwarding an nft chain closes says which, and says when that is over', async () => {
    await shell(`nft 'table inet fw { chain forward { type filter hook forward priority 0; policy drop; }; }'`);
    await condition('told', forwardOpen, { status: 'False', reason: 'Blocked' });
    expect((await forwardOpen())!.message).to.match(/^nft chain 'inet fw forward': its policy drops /);
    await shell('nft delete table inet fw');
    await condition('over', forwardOpen, { status: 'True', reason: 'Open' });
    await across(WHOLE_AGAIN_MS);
  });

  it('that does not have the wanted interface says what it has, and stays in the network as it is', async () => {
    const client = host();
    const want = (defaultNICName: string) => client.patch<Cluster>(ClusterKind, 'c1', { spec: { clusterLinkOptions: { defaultNICName } } });
    const told = async () => (await record()).status?.conditions?.find((c) => c.type === 'UnderlayUnknown');
    const before = (await record()).spec;
    await want('wlan*');
    await condition('told', told, { status: 'True', reason: 'NoInterface' });
    expect((await told())!.message).to.match(
      new RegExp(`^spec\\.clusterLinkOptions\\.defaultNICName wants 'wlan\\*': there is none; this node has .*${underlay} \\(`),
    );
    expect((await record()).spec).to.deep.equal(before);
    await across(WHOLE_AGAIN_MS);
    await want(`${underlay.slice(0, -1)}*`);
    await condition('over', told, { status: 'False', reason: 'Resolved' });
    await want('*');
  });

  it('that is renumbered loses nothing while its old address lives, and is followed by all', async () => {
    const [address, length] = /inet (\S+)/.exec(await shell(`ip -4 addr show dev ${underlay}`))![1]!.split('/') as [string, string];
    const next = address.replace(/\d+$/, '77');
    const flow = await Flow.start(lab, 'c1/probe', podIP(lab, 'c2/probe'));
    await shell(`ip addr add ${next}/${length} dev ${underlay}; ip addr change ${address}/${length} dev ${underlay} preferred_lft 0`);
    await eventually(async () => (await record()).spec!.ip === next, { message: `${RECORD} says ${next}`, timeoutMs: 10_000 });
    const there = async () => (await lab.exec('c2/n1', ['bridge', 'fdb', 'show', 'dev', 'vx-bridge'])).stdout;
    await eventually(async () => (await there()).includes(`dst ${next} `), { message: 'c2/n1 follows', timeoutMs: 10_000 });
    await eventually(async () => (await shell('ip -d link show vx-bridge')).includes(`local ${next} `), { message: 'its tunnel follows' });
    const loss = await flow.stop();
    expect(loss.received, JSON.stringify(loss)).to.equal(loss.sent);
    await shell(`ip addr change ${address}/${length} dev ${underlay} preferred_lft forever; ip addr del ${next}/${length} dev ${underlay}`);
    await across(20_000);
  });
});

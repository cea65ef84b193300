import { expect } from 'chai';
import { cleanUp, eventually, needs, startTestLab, tempLabHome } from '@kosmos/testing';
import { topologyOf, type Lab } from '../../src/index.ts';
import { getPod, kubectl, podManifest } from './support.ts';

/**
 * Two clusters whose lans an edge router joins for their first nodes only; the second one is dual stack, has an underlay of
 * its own among its nodes and small packets; a third one is behind a router that masquerades.
 */
const topology = topologyOf({
  underlays: [
    { name: 'lan-a', cidr: '192.168.1.0/24' },
    { name: 'lan-b', cidr: '192.168.2.0/24,fd00:2::/64', mtu: 1400 },
    { name: 'wan', cidr: '203.0.113.0/24' },
    { name: 'home', cidr: '192.168.1.0/24' },
  ],
  routers: [
    { name: 'edge', underlays: ['lan-a', 'lan-b'], allow: ['a/n1', 'b/n1'] },
    { name: 'nat', underlays: ['home', 'wan'], masquerade: ['wan'] },
  ],
  clusters: [
    { name: 'a', underlay: 'lan-a', nodes: [{ underlays: ['wan'] }, {}], cni: { forward: 'iptables-legacy', rpFilter: 2 } },
    {
      name: 'b',
      underlay: 'lan-b',
      families: 'dual',
      podCIDR: '10.1.0.0/16,fd10::/48',
      nodes: 2,
      cni: { masquerade: false, forward: 'nft' },
    },
    { name: 'c', underlay: 'home', nodes: 1, cni: { forward: 'iptables-nft' } },
  ],
});

describe('a topology file', function () {
  this.timeout(60_000);
  let lab: Lab;

  before(needs('lab', 'kubectl', 'ping', 'iptables-legacy'));
  before(async () => {
    tempLabHome();
    lab = await startTestLab({ topology });
  });
  after(cleanUp);

  const reaches = async (from: string, to: string, ...more: string[]) =>
    (await lab.exec(from, ['ping', '-c1', '-W1', ...more, to])).code === 0;
  const address = (cluster: string, node: string) =>
    lab.clusters.find((c) => c.name === cluster)?.nodes.find((n) => n.name === node)?.address ?? '';

  it('says which nodes a router forwards for; the control planes are reached by all', async () => {
    expect(await reaches('a/n1', address('b', 'n1'))).to.equal(true);
    expect(await reaches('a/n2', address('b', 'n1'))).to.equal(false);
    expect(await reaches('a/n1', address('b', 'n2'))).to.equal(false);
    expect(await reaches('b/n2', lab.host.address)).to.equal(true);
  });

  it('attaches nodes to more than one underlay', async () => {
    const { stdout } = await lab.exec('a/n1', ['ip', '-br', 'address', 'show', 'dev', 'eth1']);
    expect(stdout).to.match(/203\.0\.113\.11\/24/);
    expect((await lab.exec('a/n2', ['ip', 'link', 'show', 'eth1'])).code).not.to.equal(0);
  });

  it('hides what is behind a router that masquerades, which still gets out', async () => {
    expect(await reaches('c/n1', '203.0.113.11')).to.equal(true);
    expect((await lab.exec('a/n1', ['ip', 'route', 'get', '203.0.113.1'])).stdout).to.include('eth1');
    const { stdout } = await lab.exec('a/n1', ['ip', 'neighbour', 'show', 'dev', 'eth1']);
    expect(stdout).to.include('203.0.113.1 ').and.not.to.include('192.168.1.11');
  });

  it('sets MTUs: what is larger does not pass', async () => {
    expect(await reaches('b/n1', address('b', 'n2'), '-M', 'do', '-s', '1372')).to.equal(true);
    expect(await reaches('b/n1', address('b', 'n2'), '-M', 'do', '-s', '1373')).to.equal(false);
  });

  it('imitates CNIs and distributions', async () => {
    const forward = async (target: string, tool: string) => (await lab.exec(target, [tool, '-S', 'FORWARD'])).stdout;
    expect(await forward('a/n1', 'iptables-legacy')).to.include('-P FORWARD DROP');
    expect(await forward('c/n1', 'iptables-nft')).to.include('-P FORWARD DROP');
    expect((await lab.exec('b/n1', ['nft', 'list', 'table', 'inet', 'firewall'])).stdout).to.include('policy drop');
    expect((await lab.exec('b/n1', ['nft', 'list', 'tables'])).stdout).not.to.match(/ cni$/m);
    expect((await lab.exec('a/n1', ['sysctl', '-n', 'net.ipv4.conf.eth0.rp_filter'])).stdout.trim()).to.equal('2');
  });

  it('lets a node forward for its pods only where it drops the rest', async () => {
    for (const [cluster, node] of [
      ['a', 'n1'],
      ['b', 'n1'],
      ['c', 'n1'],
    ] as const) {
      kubectl(lab, cluster, ['apply', '-f', '-'], podManifest('inside', { image: 'lab/pause' }, { nodeName: node }));
      kubectl(lab, cluster, ['wait', '--for=condition=Ready', 'pod/inside', '--timeout=15s']);
      const of = lab.clusters.find((c) => c.name === cluster);
      const { podIP } = getPod(lab, cluster, 'inside').status;
      // The control plane has a way to the pods, by their node: as one of the nodes' network it may, as anybody else it may not.
      expect(await reaches(`${cluster}/inside`, of?.address ?? ''), `${cluster}: out`).to.equal(true);
      expect(await reaches(`${cluster}/cp`, podIP), `${cluster}: in`).to.equal(true);
      const strange = '198.51.100.1';
      await lab.exec(`${cluster}/cp`, ['ip', 'address', 'add', `${strange}/32`, 'dev', 'lo']);
      await lab.exec(`${cluster}/${node}`, ['ip', 'route', 'add', strange, 'via', of?.address ?? '']);
      expect(await reaches(`${cluster}/cp`, podIP, '-I', strange), `${cluster}: in, by a stranger`).to.equal(false);
      expect(await reaches(`${cluster}/inside`, strange), `${cluster}: out, to a stranger`).to.equal(true);
    }
  });

  it('gives pods of a dual-stack cluster an address of each family, by which they reach each other across nodes', async () => {
    for (const node of ['n1', 'n2'])
      kubectl(lab, 'b', ['apply', '-f', '-'], podManifest(`p-${node}`, { image: 'lab/pause' }, { nodeName: node }));
    for (const node of ['n1', 'n2']) kubectl(lab, 'b', ['wait', '--for=condition=Ready', `pod/p-${node}`, '--timeout=15s']);
    const { podIPs } = getPod(lab, 'b', 'p-n2').status as unknown as { podIPs: { ip: string }[] };
    expect(podIPs.map((p) => p.ip)).to.deep.equal(['10.1.2.2', 'fd10:0:0:2::2']);
    for (const { ip } of podIPs) expect(await reaches('b/p-n1', ip), ip).to.equal(true);
    expect(kubectl(lab, 'b', ['get', 'node', 'n1', '-o', 'jsonpath={.status.addresses[*].address} {.spec.podCIDRs[*]}'])).to.equal(
      '192.168.2.11 fd00:2::b n1 10.1.1.0/24 fd10:0:0:1::/64',
    );
  });

  it('is cut and healed by rules, also by a part of the packets', async () => {
    await lab.cut('b/n1', 'b/n2');
    expect(await reaches('b/n1', address('b', 'n2'))).to.equal(false);
    expect(await reaches('b/p-n1', '10.1.2.2')).to.equal(false);
    expect(await reaches('b/n1', lab.clusters[1]?.address ?? '')).to.equal(true);
    await lab.heal('b/n1', 'b/n2');
    expect(await reaches('b/n1', address('b', 'n2'))).to.equal(true);
    await lab.cut('a', 'b');
    expect(await reaches('a/n1', address('b', 'n1'))).to.equal(false);
    await lab.cut('a/n1', 'b/n1', { loss: 50 });
    await lab.heal('a', 'b');
    const { stdout } = await lab.exec('a/n1', ['ping', '-i', '0.002', '-c', '200', '-W1', address('b', 'n1')]);
    const received = Number(/(\d+) received/.exec(stdout)?.[1]);
    expect(received, stdout).to.be.within(10, 120); // a fourth: each way loses half
    await lab.heal();
    expect(await reaches('a/n1', address('b', 'n1'))).to.equal(true);
  });

  it('keeps a node that is killed, which boots again with its pods', async () => {
    const before = getPod(lab, 'b', 'p-n2');
    await lab.killNode('b', 'n2');
    expect(await reaches('b/n1', address('b', 'n2'))).to.equal(false);
    await lab.startNode('b', 'n2');
    expect(await reaches('b/n1', address('b', 'n2'))).to.equal(true);
    await eventually(async () => (await lab.exec('b/p-n2', ['true'])).code === 0, { message: 'the pod runs again' });
    await eventually(() => getPod(lab, 'b', 'p-n2').status.containerStatuses[0]?.restartCount === 1);
    kubectl(lab, 'b', ['wait', '--for=condition=Ready', 'pod/p-n2', '--timeout=15s']);
    expect(getPod(lab, 'b', 'p-n2').metadata.uid).to.equal(before.metadata.uid);
    expect(getPod(lab, 'b', 'p-n2').status.podIP).to.equal(before.status.podIP);
    expect(await reaches('b/p-n1', getPod(lab, 'b', 'p-n2').status.podIP)).to.equal(true);
  });
});

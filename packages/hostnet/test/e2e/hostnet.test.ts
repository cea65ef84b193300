import { readdirSync, readFileSync } from 'node:fs';
import { eventually, needs } from '@kosmos/testing';
import { expect } from 'chai';
import { type Change, createHostNet, HostNetError, type HostNet } from '../../src/index.ts';
import { must, run } from '../../src/run.ts';

const NETNS = `kh-${process.pid}`;
const root = createHostNet();

async function errorOf(promise: Promise<unknown>): Promise<HostNetError> {
  const error = await promise.then(
    () => expect.fail('no error'),
    (thrown: unknown) => thrown,
  );
  expect(error).to.be.instanceOf(HostNetError);
  return error as HostNetError;
}

describe('hostnet in a namespace', () => {
  let net: HostNet;
  before(needs('root', 'ip', 'bridge', 'nft', 'nsenter', 'ping', 'setpriv'));
  beforeEach(async () => {
    await root.apply([{ op: 'addNetns', name: NETNS }]);
    net = createHostNet({ netns: NETNS });
  });
  afterEach(async () => void (await root.applyAll([{ op: 'deleteNetns', name: NETNS }])));

  const on = (...devices: string[]) => ({ table: 77, protocol: 84, devices: new Set(devices) });
  const bridge = (name: string) => ({ op: 'addLink', name, kind: 'bridge' }) as const;

  it('shows what was applied', async () => {
    await net.apply([
      { op: 'addLink', name: 'br0', kind: 'bridge' },
      { op: 'addLink', name: 'd0', kind: 'veth', peer: { name: 'd1' }, mac: '02:00:00:00:00:01', mtu: 1400 },
      { op: 'setLink', name: 'd0', master: 'br0', state: 'up' },
      { op: 'setLink', name: 'd1', state: 'up' },
      { op: 'setLink', name: 'br0', state: 'up' },
      { op: 'replaceAddress', address: '10.0.0.1/24', dev: 'br0' },
      { op: 'replaceAddress', address: 'fd00::1/64', dev: 'br0' },
      { op: 'addRule', family: 6, priority: 7, table: 77, protocol: 84 },
      { op: 'replaceNexthop', id: 5, via: '10.0.0.2', dev: 'br0', onlink: true, protocol: 84 },
      { op: 'replaceRoute', dst: '10.5.0.0/16', nhid: 5, table: 77, protocol: 84 },
      { op: 'replaceRoute', dst: 'fd05::/64', type: 'unreachable', table: 77, protocol: 84 },
      { op: 'replaceNeighbour', ip: '10.0.0.2', mac: '02:00:00:00:00:02', dev: 'br0' },
    ]);
    const shot = await net.snapshot(on('br0'));
    const seen = { links: shot.links, ...shot.entries() };
    expect(seen.links.find((l) => l.name === 'd0')).to.include({ kind: 'veth', mac: '02:00:00:00:00:01', mtu: 1400, master: 'br0', up: true });
    const addresses = seen.links.find((l) => l.name === 'br0')!.addresses.filter((a) => a.scope === 'global');
    expect(addresses.map(({ address, tentative }) => [address, tentative])).to.deep.equal([['10.0.0.1/24', false], ['fd00::1/64', false]]);
    expect(seen.rules).to.deep.include({ family: 6, priority: 7, table: 77, protocol: 84 });
    expect(seen.nexthops).to.deep.equal([{ id: 5, via: '10.0.0.2', dev: 'br0', onlink: true, protocol: 84 }]);
    expect(seen.routes.find((r) => r.dst === '10.5.0.0/16')).to.include({ nhid: 5, table: 77, protocol: 84 });
    expect(seen.routes.find((r) => r.dst === 'fd05::/64')).to.include({ type: 'unreachable', table: 77, protocol: 84 });
    expect(seen.neighbours).to.deep.include({ ip: '10.0.0.2', mac: '02:00:00:00:00:02', dev: 'br0', permanent: true });
  }); // prettier-ignore

  it('stops at the first change that the kernel refuses, and names it', async () => {
    const error = await errorOf(net.apply([bridge('d0'), { op: 'deleteLink', name: 'nosuch' }, bridge('d1')]));
    expect(error.code).to.equal('HOSTNET_E_COMMAND');
    expect(error.message).to.match(/'link delete dev nosuch': Cannot find device "nosuch"$/);
    expect((await net.links()).map((l) => l.name))
      .to.include('d0')
      .and.not.include('d1');
  });

  it('does all that can be done when asked to, and names each of the others', async () => {
    const bad = { op: 'deleteLink', name: 'no such' } as const;
    const gone = { op: 'deleteLink', name: 'nosuch' } as const;
    const refused = await net.applyAll([bridge('d0'), gone, bad, bridge('d1'), bridge('d0')]);
    expect(refused.map((r) => [r.change, r.error.code])).to.have.deep.members([
      [bad, 'HOSTNET_E_VALUE'],
      [gone, 'HOSTNET_E_COMMAND'],
      [bridge('d0'), 'HOSTNET_E_COMMAND'],
    ]);
    expect((await net.links()).map((l) => l.name)).to.include.members(['d0', 'd1']);
  });

  it('names each refused change among more than one process takes, and does the others', async () => {
    await net.apply([bridge('br0'), { op: 'setLink', name: 'br0', state: 'up' }]);
    const mac = '02:00:00:00:00:02';
    const neighbour = (n: number): Change => ({
      op: 'replaceNeighbour',
      ip: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
      mac,
      dev: n === 700 || n === 10_700 ? 'nosuch' : 'br0',
    });
    const changes = Array.from({ length: 10_800 }, (_, i) => neighbour(i + 1));
    const refused = await net.applyAll(changes);
    expect(refused.map((r) => r.change)).to.deep.equal([neighbour(700), neighbour(10_700)]);
    expect((await net.snapshot(on('br0'))).entries().neighbours.filter((n) => n.mac === mac)).to.have.length(10_798);
  });

  it('has the same digest only for what is the same', async () => {
    await net.apply([
      bridge('br0'),
      { op: 'setLink', name: 'br0', addrgenmode: 'none' },
      { op: 'setLink', name: 'br0', state: 'up' },
      { op: 'replaceAddress', address: '10.0.0.1/24', dev: 'br0' },
      { op: 'addLink', name: 'vx0', kind: 'vxlan', id: 7, port: 4999, local: '10.0.0.1', dev: 'br0' },
    ]);
    const digest = async () => (await net.snapshot(on('br0', 'vx0'))).digest;
    const bare = await digest();
    expect(await digest()).to.equal(bare);
    const hop = { op: 'replaceNexthop', id: 5, via: '10.0.0.2', dev: 'br0', onlink: true, protocol: 84 } as const;
    const seen = new Set([bare]);
    for (const change of [
      hop,
      { op: 'replaceRoute', dst: '10.5.0.0/16', nhid: 5, table: 77, protocol: 84 },
      { op: 'replaceNeighbour', ip: '10.0.0.2', mac: '02:00:00:00:00:02', dev: 'br0' },
      { op: 'addRule', family: 6, priority: 7, table: 77, protocol: 84 },
      { op: 'replaceFdb', mac: '02:00:00:00:00:02', dst: '10.0.0.2', dev: 'vx0' },
      { ...hop, via: '10.0.0.3' },
    ] as const) {
      await net.apply([change]);
      seen.add(await digest());
    }
    expect(seen.size).to.equal(7);
    expect((await net.snapshot(on('br0', 'vx0'))).entries().fdb).to.deep.equal([
      { mac: '02:00:00:00:00:02', dst: '10.0.0.2', dev: 'vx0', permanent: true },
    ]);
  });

  it('tells when a forwarding entry was used last', async () => {
    await net.apply([
      bridge('br0'),
      { op: 'setLink', name: 'br0', state: 'up' },
      { op: 'replaceAddress', address: '10.0.0.1/24', dev: 'br0' },
      { op: 'addLink', name: 'vx0', kind: 'vxlan', id: 7, port: 4999, local: '10.0.0.1', dev: 'br0' },
      { op: 'setLink', name: 'vx0', state: 'up' },
      { op: 'replaceAddress', address: '10.9.0.1/24', dev: 'vx0' },
      { op: 'replaceNeighbour', ip: '10.9.0.2', mac: '02:00:00:00:00:02', dev: 'vx0' },
      { op: 'replaceFdb', mac: '02:00:00:00:00:02', dst: '10.0.0.2', dev: 'vx0' },
      { op: 'replaceFdb', mac: '02:00:00:00:00:03', dst: '10.0.0.3', dev: 'vx0' },
    ]);
    const use = async (mac: string) => (await net.fdbUse('vx0')).get(mac)!;
    // Seconds, so there is a difference only some seconds after they were made.
    await eventually(async () => (await use('02:00:00:00:00:03')).updatedS >= 2, { message: 'the entries are 2 s old' });
    await run(['nsenter', `--net=/run/netns/${NETNS}`, 'ping', '-c1', '-W1', '10.9.0.2']);
    const [used, other] = [await use('02:00:00:00:00:02'), await use('02:00:00:00:00:03')];
    expect(used.updatedS - used.usedS).to.be.at.least(1);
    expect(other.updatedS - other.usedS).to.be.lessThan(1);
  });

  it('has the same digest whatever others do beside what is looked for', async () => {
    await net.apply([
      { op: 'addLink', name: 'vx0', kind: 'vxlan', id: 7, port: 4999, local: '10.0.0.1', dev: 'lo' },
      { op: 'replaceFdb', mac: '02:00:00:00:00:02', dst: '10.0.0.2', dev: 'vx0' },
      { op: 'replaceNeighbour', ip: '10.0.0.2', mac: '02:00:00:00:00:02', dev: 'vx0' },
    ]);
    const before = await net.snapshot(on('vx0'));
    await net.apply([
      { op: 'addLink', name: 'pod0', kind: 'veth', peer: { name: 'pod1' } },
      { op: 'setLink', name: 'pod0', state: 'up' },
      { op: 'setLink', name: 'pod1', state: 'up' },
      { op: 'replaceAddress', address: '10.9.0.1/24', dev: 'pod0' },
      { op: 'addLink', name: 'vx1', kind: 'vxlan', id: 8, port: 4998, local: '10.0.0.1', dev: 'lo' },
      { op: 'replaceFdb', mac: '02:00:00:00:00:03', dst: '10.0.0.3', dev: 'vx1' },
      { op: 'replaceNeighbour', ip: '10.9.0.2', mac: '02:00:00:00:00:03', dev: 'pod0' },
      { op: 'replaceNexthop', id: 6, via: '10.9.0.2', dev: 'pod0', onlink: true, protocol: 85 },
      { op: 'replaceRoute', dst: '10.8.0.0/16', nhid: 6, table: 78, protocol: 84 },
      { op: 'addRule', family: 4, priority: 8, table: 78, protocol: 84 },
    ]);
    const after = await net.snapshot(on('vx0'));
    expect(after.digest).to.equal(before.digest);
    expect(after.entries()).to.deep.equal({
      rules: [],
      routes: [],
      neighbours: [{ ip: '10.0.0.2', mac: '02:00:00:00:00:02', dev: 'vx0', permanent: true }],
      nexthops: [],
      fdb: [{ mac: '02:00:00:00:00:02', dst: '10.0.0.2', dev: 'vx0', permanent: true }],
    });
    expect(after.links.map((l) => l.name)).to.include.members(['pod0', 'pod1', 'vx1']);
  });

  it('replaces an nft table whole, and lists it alike each time', async () => {
    const table = (cidr: string) =>
      ({ family: 'inet', name: 'kh', chains: [{ name: 'c', rules: [{ when: [{ saddr: cidr }], action: 'accept', comment: 'x' }] }] }) as const;
    expect(await net.nftTable(table(''))).to.equal(undefined);
    await net.nft({ replace: [table('10.0.0.0/8')] });
    const listed = await net.nftTable(table(''));
    await net.nft({ replace: [table('10.1.0.0/16')] });
    expect(await net.nftTable(table(''))).to.not.deep.equal(listed);
    await net.nft({ replace: [table('10.0.0.0/8')] });
    expect(await net.nftTable(table(''))).to.deep.equal(listed);
    await net.nft({ delete: [table('')] });
    await net.nft({ delete: [table('')] });
    expect(await net.nftTable(table(''))).to.equal(undefined);
  }); // prettier-ignore

  it('reads and writes sysctls of the namespace, and knows that there is none', async () => {
    const key = { family: 'ipv4', conf: 'd0', name: 'rp_filter' } as const;
    expect(await net.sysctl(key)).to.equal(undefined);
    await net.apply([bridge('d0')]);
    await net.setSysctl(key, 2);
    expect(await net.sysctl(key)).to.equal(2);
  });

  it('says that the right is missing', async () => {
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'];
    const tries = [['ip', 'link', 'add', 'name', NETNS.slice(0, 15), 'type', 'dummy'], ['nft', 'list', 'ruleset']];
    for (const argv of tries) expect((await errorOf(must([...nobody, ...argv]))).code, argv[0]!).to.equal('HOSTNET_E_NOT_PERMITTED');
  }); // prettier-ignore

  it('says which tool is missing inside a namespace, too', async () => {
    const error = await errorOf(must(['nsenter', `--net=/run/netns/${NETNS}`, 'kosmos-no-such-program']));
    expect([error.code, error.message]).to.deep.equal([
      'HOSTNET_E_TOOL_MISSING',
      "The program 'kosmos-no-such-program' cannot be started (ENOENT)",
    ]);
  });

  describe('the monitor', () => {
    let hints: number;
    let failures: HostNetError[];
    let stop: () => void;
    beforeEach(() => {
      hints = 0;
      failures = [];
      stop = net.monitor({ debounceMs: 20, hint: () => (hints += 1), failed: (error) => failures.push(error) });
    });
    afterEach(() => stop());
    const hinted = async (since: number, message: string) => eventually(() => hints > since, { message });
    /** The `ip monitor` of this namespace. */
    const children = () =>
      eventually(
        () => {
          const found = readdirSync('/proc').filter((pid) => {
            if (!/^\d+$/.test(pid)) return false;
            const words = commandLine(pid);
            return words.includes(NETNS) && words.includes('monitor') && !words.startsWith('nsenter');
          });
          return found.length >= 1 && found.map(Number);
        },
        { message: 'the children of the monitor' },
      );
    /** A child may be started and not listen yet, so changes go on until one is seen. */
    const seesChanges = async () => {
      const before = hints;
      await eventually(
        async () => {
          await net.apply([bridge('w0'), { op: 'deleteLink', name: 'w0' }]);
          return hints > before;
        },
        { message: 'a change of a link hinted at' },
      );
    };

    it('hints at a change of links, and of nft', async () => {
      await hinted(0, 'a hint that it began');
      await seesChanges();
      const before = hints;
      await eventually(
        async () => {
          await net.nft({ replace: [{ family: 'inet', name: 'kh', chains: [] }] });
          return hints > before;
        },
        { message: 'a hint at the new table' },
      );
      expect(failures).to.deep.equal([]);
    });

    it('hints when a child is killed, starts it again, and then hints at changes as before', async () => {
      await seesChanges();
      const [pid] = await children();
      const before = hints;
      process.kill(pid!, 'SIGKILL');
      await hinted(before, 'a hint that events may have been lost');
      expect(failures.map((f) => f.message).join()).to.match(/monitor all: ended \(SIGKILL\)/);
      const again = await eventually(async () => (await children()).find((p) => p !== pid), { message: 'a new child' });
      expect(commandLine(String(again))).to.include('monitor');
      await seesChanges();
    });

    it('ends its children when it is stopped', async () => {
      const pids = await children();
      stop();
      await eventually(() => pids.every((pid) => commandLine(String(pid)) === ''), { message: 'no child' });
    });
  });
});

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

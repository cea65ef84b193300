import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { type CommandContext, KosmosError, KosmosErrors } from '@kosmos/kernel';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { planCommand } from '../../src/commands/plan.ts';
import { networkHooks } from '../../src/contracts.ts';
import { fleet } from '../support/fleet.ts';

describe('kosmos plan -f', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'kosmos-plan-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const given = fleet(2, 1);
  const apiVersion = 'kosmos.io/v1alpha1';
  const items = [
    ...given.clusters.map((c) => ({ apiVersion, kind: 'Cluster', ...c })),
    ...given.nodes.map((n) => ({ apiVersion, kind: 'ClusterNode', ...n })),
  ];

  const plan = async (content: string, options: object = {}) => {
    const file = join(folder, 'fleet');
    writeFileSync(file, content);
    let out = '';
    const sink = new Writable({
      write(chunk, _encoding, done) {
        out += String(chunk);
        done();
      },
    });
    // The command reads no more of its context than this when it has a file.
    const context = { args: [], options: { file, output: 'json', ...options }, stdout: sink, stderr: sink } as unknown as CommandContext;
    const code = await planCommand(networkHooks(), {}).run(context);
    return { code, out };
  };
  const refused = async (content: string, options: object = {}) => {
    try {
      await plan(content, options);
    } catch (error) {
      const errors = error instanceof KosmosErrors ? error.errors : [error];
      return errors.map((e) => (e as KosmosError).message.replace(`${folder}/`, ''));
    }
    return ['not refused'];
  };

  it('gives the same for a List, an array and documents, in YAML and JSON', async () => {
    const { code, out } = await plan(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    expect(code).to.equal(0);
    expect(Object.keys(JSON.parse(out))).to.deep.equal(['c00-n000', 'c01-n000']);
    expect(Object.keys(JSON.parse(out)['c00-n000'])).to.deep.equal(['devices', 'routes', 'fdbs', 'arps', 'nat']);
    for (const same of [JSON.stringify(items), stringify(items), items.map((item) => `---\n${stringify(item)}`).join('')]) {
      expect((await plan(same)).out).to.equal(out);
    }
    expect(parse((await plan(stringify(items), { output: 'yaml' })).out)).to.deep.equal(JSON.parse(out));
  });

  it('shows one node, as a table for people', async () => {
    const { out } = await plan(stringify(items), { output: 'table', node: 'c00-n000' });
    expect(out)
      .to.contain('c00-n000\n  device  vx-bridge  220.168.0.1/8')
      .and.to.contain('route   10.1.0.0/24  via 220.168.1.1  dev vx-bridge')
      .and.not.to.contain('c01-n000\n');
  });

  it('tells all mistakes at once, each with object, path, value and what is allowed', async () => {
    const wrong = [
      { apiVersion, kind: 'Cluster', metadata: { name: 'a' }, spec: { clusterLinkOptions: { networkType: 'mesh' } } },
      { apiVersion, kind: 'ClusterNode', metadata: { name: 'a-1' }, spec: { podCIDRs: [1] } },
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } },
      { apiVersion, kind: 'Cluster', metadata: {} },
    ];
    expect(await refused(JSON.stringify(wrong))).to.deep.equal([
      `fleet: Cluster 'a': spec.clusterLinkOptions.networkType is "mesh"; allowed: p2p, gateway`,
      `fleet: ClusterNode 'a-1': spec.podCIDRs[0] is 1; allowed: a string`,
      `fleet: item [2] has kind "Pod"; allowed: Cluster, ClusterNode, List`,
      `fleet: item [3] of kind Cluster has metadata.name undefined; allowed: a name`,
    ]);
  });

  it('refuses a malformed CIDR, a file without objects, one that does not parse, and an unknown node', async () => {
    const bad = [items[0], { ...items[2], spec: { ...items[2]!.spec, podCIDRs: ['10.0/8'] } }];
    expect(await refused(JSON.stringify(bad))).to.deep.equal([
      "fleet: ClusterNode 'c00-n000': spec.podCIDRs[0]: '10.0/8' is not an IPv4 or IPv6 network such as 10.0.0.0/16; it is left out",
    ]);
    expect(await refused('')).to.deep.equal(['fleet: holds no Cluster or ClusterNode']);
    expect((await refused('{'))[0]).to.match(/^fleet: is neither YAML nor JSON: /);
    expect(await refused(stringify(items), { node: 'nobody' })).to.deep.equal(["There is no ClusterNode 'nobody'."]);
  });

  it('--diff tells what applying objects would change on which nodes, and exits with 1 where something would', async () => {
    const changes = join(folder, 'changes');
    const diff = (object: object) => {
      writeFileSync(changes, JSON.stringify({ apiVersion, ...object }));
      return plan(JSON.stringify(items), { diff: changes, output: 'table' });
    };
    const moved = await diff({ kind: 'ClusterNode', metadata: { name: 'c01-n000' }, spec: { ip: '192.168.1.77' } });
    expect(moved.code).to.equal(1);
    expect(moved.out).to.match(
      /^c00-n000\n {2}- route {3}10\.1\.0\.0\/24 {2}via 220\.168\.1\.1 .*\n {2}\+ route {3}10\.1\.0\.0\/24 {2}via 220\.168\.1\.77 /,
    );
    expect(moved.out).to.match(/^c01-n000\n {2}- device /m);
    const same = await diff({ kind: 'ClusterNode', metadata: { name: 'c01-n000' }, spec: { roles: ['gateway'] } });
    expect(same).to.deep.equal({ code: 0, out: 'Nothing would change.\n' });
    const off = await diff({ kind: 'Cluster', metadata: { name: 'c01' }, spec: { clusterLinkOptions: { enable: false } } });
    expect(off.out).to.match(/^CONDITIONS\n {2}\+ Cluster c01 {2}NotInNetwork \(LinkDisabled\)/m);
  });
});

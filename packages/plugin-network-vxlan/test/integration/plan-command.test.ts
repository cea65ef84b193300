import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { ClusterKind, ClusterNodeKind, crdManifests, CustomResourceDefinitionKind } from '@kosmos/api';
import type { Config } from '@kosmos/kernel';
import { createKernel } from '@kosmos/kernel/runtime';
import { cleanUp, eventually, startTestApiServer, type TestApiServer, tempDir } from '@kosmos/testing';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { fleet } from '../support/fleet.ts';

const KOSMOS = fileURLToPath(new URL('../../../cli/bin/kosmos.js', import.meta.url));
const apiVersion = 'kosmos.io/v1alpha1';

describe('kosmos plan, as a process', function () {
  this.timeout(90_000);
  let server: TestApiServer;
  let folder: string;

  const kosmos = (args: readonly string[], stdin = '') => run(['plan', ...args], stdin);
  const run = async (args: readonly string[], stdin = '') => {
    const child = spawn(process.execPath, [KOSMOS, ...args], { cwd: folder, timeout: 30_000 });
    child.stdin.end(stdin);
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: await ended, out, err };
  };
  const given = fleet(2, 2);
  const objects = [
    ...given.clusters.map((c) => ({ apiVersion, kind: 'Cluster', metadata: { name: c.metadata.name }, spec: c.spec, status: c.status })),
    ...given.nodes.map((n) => ({ apiVersion, kind: 'ClusterNode', metadata: { name: n.metadata.name }, spec: n.spec })),
  ];

  before(async () => {
    folder = tempDir();
    server = await startTestApiServer();
    writeFileSync(join(folder, 'host.kubeconfig'), server.kubeconfig, { mode: 0o600 });
    const plugin = JSON.stringify(new URL('../../src/index.ts', import.meta.url).href);
    writeFileSync(
      join(folder, 'kosmos.config.ts'),
      `import { vxlan } from ${plugin};\nexport default { clusters: { host: { kubeconfigFile: 'host.kubeconfig' } }, plugins: [vxlan()] };\n`,
    );
  });
  after(async () => {
    await server?.stop();
    await cleanUp();
  });

  it('plans what the host cluster has as it plans the same from stdin', async () => {
    const config: Config = { clusters: { host: { kubeconfig: server.kubeconfig } }, plugins: [], log: { level: 'silent' } };
    const kernel = await createKernel({ config, role: 'cli' });
    try {
      const host = kernel.clusters.client('host');
      const by = { fieldManager: 'test', force: true };
      for (const manifest of crdManifests()) await host.apply(CustomResourceDefinitionKind, manifest, by);
      const put = (object: (typeof objects)[number]): Promise<unknown> =>
        object.kind === 'Cluster' ? host.apply(ClusterKind, object, by) : host.apply(ClusterNodeKind, object, by);
      for (const object of objects) await eventually(() => put(object), { timeoutMs: 30_000, message: `${object.kind} applied` });
    } finally {
      await kernel.stop();
    }
    const there = await kosmos(['-o', 'json']);
    expect(there.err).to.equal('');
    expect(there.code).to.equal(0);
    const plans = JSON.parse(there.out);
    expect(Object.keys(plans)).to.deep.equal(given.nodes.map((n) => n.metadata.name).sort());
    expect(plans['c00-n000'].routes).to.deep.include({ cidr: '10.1.0.0/24', gw: '220.168.1.1', dev: 'vx-bridge' });
    expect(await kosmos(['-f', '-', '-o', 'json'], stringify({ apiVersion: 'v1', kind: 'List', items: objects }))).to.deep.equal(there);
  });

  it('gets clusters, nodes and tunnels as tables, by name, wide, and as JSON and YAML', async () => {
    const lines = async (...args: string[]) => {
      const { code, out, err } = await run(['get', ...args]);
      expect({ code, err }).to.deep.equal({ code: 0, err: '' });
      return out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {3,}/));
    };
    expect(await lines('clusters')).to.deep.equal([
      ['NAME', 'TYPE', 'FAMILY', 'NODES', 'PODS', 'SERVICES', 'TROUBLE'],
      ['c00', 'p2p', 'ipv4', '2', '10.0.0.0/16', '172.20.0.0/24', '-'],
      ['c01', 'p2p', 'ipv4', '2', '10.1.0.0/16', '172.20.1.0/24', '-'],
    ]);
    expect((await lines('nodes', 'c01-n000'))[1]).to.deep.equal([
      'c01-n000',
      'c01',
      'gateway',
      '192.168.1.1',
      '10.1.0.0/24',
      'Unknown',
      '-',
    ]);
    expect((await lines('tunnels', 'c01-n000', '-o', 'wide'))[1]).to.include.members(['vx-bridge', '220.168.1.1/8', '54', 'eth0']);
    expect(await lines('nodeconfig')).to.deep.equal([['There are no nodeconfig.']]);
    const wide: Readonly<Record<string, readonly string[]>> = {
      clusters: ['GLOBAL', 'CNI'],
      nodes: ['NODE', 'INTERFACE', 'IP6', 'SYNCED'],
      tunnels: ['MAC', 'ON', 'MTU'],
    };
    for (const [what, columns] of Object.entries(wide)) {
      const [header = [], ...rows] = await lines(what, '-o', 'wide');
      expect(header.slice(-columns.length), what).to.deep.equal(columns);
      for (const row of rows) expect(row, what).to.have.length(header.length);
    }
    const json = JSON.parse((await run(['get', 'clusters', 'c00', '-o', 'json'])).out);
    expect(parse((await run(['get', 'clusters', 'c00', '-o', 'yaml'])).out)).to.deep.equal(json);
    expect(json).to.have.length(1);
    expect(json[0].spec.clusterLinkOptions.networkType).to.equal('p2p');
    const { code, err } = await run(['get', 'nodes', 'nobody']);
    expect(code).to.equal(1);
    expect(err).to.include("There is no ClusterNode 'nobody'").and.to.include('c00-n000, c00-n001');
  });

  it('says every mistake in a file at once, each with object, path, value and what is allowed, and fails', async () => {
    const wrong = [
      { apiVersion, kind: 'Cluster', metadata: { name: 'a' }, spec: { clusterLinkOptions: { networkTyp: 'p2p' } } },
      { apiVersion, kind: 'Cluster', metadata: { name: 'b' }, spec: { clusterLinkOptions: { networkType: 7 } } },
      { ...objects[0], status: { clusterLinkStatus: { serviceCIDRs: ['172.20.0.0'] } } },
      { ...objects[2], spec: { ...objects[2]!.spec, podCIDRs: ['10.0.0.0/33'] } },
      { ...objects[3], spec: { ...objects[3]!.spec, ip: '192.168.0.256' } },
    ];
    writeFileSync(join(folder, 'wrong.yaml'), stringify(wrong));
    const { code, out, err } = await kosmos(['-f', 'wrong.yaml']);
    expect(code).to.equal(1);
    expect(out).to.equal('');
    for (const message of [
      /wrong\.yaml: Cluster 'a': spec\.clusterLinkOptions\.networkTyp is "p2p", an unknown field; allowed: enable, cni, networkType, /,
      /wrong\.yaml: Cluster 'b': spec\.clusterLinkOptions\.networkType is 7; allowed: a string/,
      /wrong\.yaml: Cluster 'c00': status\.clusterLinkStatus\.serviceCIDRs\[0\]: '172\.20\.0\.0' is not an IPv4 or IPv6 network such as 10\.0\.0\.0\/16/,
      /wrong\.yaml: ClusterNode 'c00-n000': spec\.podCIDRs\[0\]: '10\.0\.0\.0\/33' is not an IPv4 or IPv6 network such as 10\.0\.0\.0\/16/,
      /wrong\.yaml: ClusterNode 'c00-n001': spec\.ip: '192\.168\.0\.256' is not an IPv4 address such as 192\.0\.2\.10/,
    ]) {
      expect(err).to.match(message);
      expect(err.match(new RegExp(message, 'g')), 'said once').to.have.length(1);
    }
    expect(err).to.not.match(/^\s+at .*:\d+:\d+/m);
  });

  it('names the file or server that it cannot read', async () => {
    expect(await kosmos(['-f', 'none.yaml'])).to.satisfy(
      ({ code, err }: { code: number; err: string }) => code === 1 && err.includes('none.yaml cannot be read'),
    );
    expect(await kosmos(['-f', '-'], '{')).to.satisfy(
      ({ code, err }: { code: number; err: string }) => code === 1 && err.includes('stdin: is neither YAML nor JSON'),
    );
  });
});

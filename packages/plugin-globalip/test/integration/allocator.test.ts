import { ClusterKind, crdManifests, CustomResourceDefinitionKind, NamespaceKind, SYSTEM_NAMESPACE } from '@kosmos/api';
import type { CommandContext, Config, Kind, KObject, KubeClient } from '@kosmos/kernel';
import { createKernel, type Kernel } from '@kosmos/kernel/runtime';
import { vxlan } from '@kosmos/plugin-network-vxlan';
import { eventually, startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import { globalip } from '../../src/index.ts';

const BY = { fieldManager: 'test', force: true };
const PodKind: Kind<KObject> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

describe('the pool of global networks', function () {
  this.timeout(60_000);
  let server: TestApiServer;
  let host: KubeClient;
  let manager: Kernel;
  let config: Config;
  const join = (name: string, podCIDRs: readonly string[], spec: Record<string, string> = {}) =>
    host.apply(
      ClusterKind,
      {
        apiVersion: 'kosmos.io/v1alpha1',
        kind: 'Cluster',
        metadata: { name },
        spec: { clusterLinkOptions: { cni: 'none', globalCIDRsMap: spec } },
        status: { clusterLinkStatus: { podCIDRs } },
      },
      BY,
    );
  const given = async (name: string) => (await host.get(ClusterKind, name))?.status?.clusterLinkStatus?.globalCIDRsMap;
  const has = (name: string, real: string) =>
    eventually(async () => (await given(name))?.[real], { message: `${name} is given a network for ${real}`, timeoutMs: 20_000 });

  before(async () => {
    server = await startTestApiServer();
    config = {
      clusters: { host: { kubeconfig: server.kubeconfig } },
      plugins: [vxlan(), globalip({ pool: ['100.64.0.0/14', 'fd99::/40'] })],
      log: { level: 'silent' },
    };
    host = (await createKernel({ config, role: 'cli' })).clusters.client('host');
    for (const manifest of crdManifests()) await host.apply(CustomResourceDefinitionKind, manifest, BY);
    await host.apply(NamespaceKind, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } }, BY);
    await eventually(
      () =>
        host.list(ClusterKind).then(
          () => true,
          () => false,
        ),
      { message: 'kinds are served' },
    );
    manager = await createKernel({ config, role: 'manager' });
    await manager.start();
  });
  after(async () => {
    await manager?.stop();
    await server?.stop();
  });

  it('gives every network of every cluster one of its own, of each family', async () => {
    await Promise.all(['a', 'b', 'c'].map((name) => join(name, ['10.50.0.0/16', 'fd50::/48'])));
    const four = await Promise.all(['a', 'b', 'c'].map((name) => has(name, '10.50.0.0/16')));
    const six = await Promise.all(['a', 'b', 'c'].map((name) => has(name, 'fd50::/48')));
    expect(new Set([...four, ...six]).size).to.equal(6);
    for (const text of four) expect(text).to.match(/^100\.6[4-7]\.0\.0\/16$/);
  });

  it('keeps what it gave over a restart', async () => {
    const maps = async () => Object.fromEntries(await Promise.all(['a', 'b', 'c'].map(async (name) => [name, await given(name)] as const)));
    const before = await maps();
    await manager.stop();
    manager = await createKernel({ config, role: 'manager' });
    await manager.start();
    await join('d', ['10.50.0.0/16']); // when it has this one, it has looked at all
    await has('d', '10.50.0.0/16');
    expect(await maps()).to.deep.equal(before);
  });

  it('has room again when a cluster leaves, and gives it the same when it comes back', async () => {
    await join('e', ['10.51.0.0/16']); // the pool has four
    const own = (await given('b'))!['10.50.0.0/16'];
    await eventually(async () => (await host.get(ClusterKind, 'e'))?.status?.conditions?.some((c) => c.reason === 'NoGlobalCIDR'), {
      message: 'e is told that there is no room',
      timeoutMs: 20_000,
    });
    expect((await given('e')) ?? {}).to.not.have.property('10.51.0.0/16');
    await host.delete(ClusterKind, 'b');
    expect(await has('e', '10.51.0.0/16')).to.equal(own);
    await host.delete(ClusterKind, 'e');
    await eventually(async () => (await host.get(ClusterKind, 'e')) === undefined, { message: 'e is gone' });
    await join('b', ['10.50.0.0/16']);
    expect(await has('b', '10.50.0.0/16')).to.equal(own);
  });

  it('takes back what the spec maps itself', async () => {
    await join('a', ['10.50.0.0/16', 'fd50::/48'], { '10.50.0.0/16': '198.18.0.0/16' });
    await eventually(async () => Object.keys((await given('a')) ?? {}).join() === 'fd50::/48', {
      message: 'only the other family is given',
      timeoutMs: 20_000,
    });
  });

  it('is asked by `kosmos globalip` for addresses and pods, both ways', async () => {
    const cli = await createKernel({
      config: { ...config, clusters: { ...config.clusters, a: { kubeconfig: server.kubeconfig } } },
      role: 'cli',
    });
    const command = cli.commands.find(({ path }) => path.join() === 'globalip')!;
    await host.apply(
      PodKind,
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'web', namespace: 'default' },
        spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] },
      },
      BY,
    );
    await host.patch(
      PodKind,
      'web',
      { status: { podIP: '10.50.3.7', podIPs: [{ ip: '10.50.3.7' }, { ip: 'fd50::3:7' }] } },
      { namespace: 'default', subresource: 'status' },
    );
    const ask = async (what: string) => {
      let text = '';
      const out = { write: (t: string) => (text += t) } as unknown as NodeJS.WritableStream;
      const context: CommandContext = {
        args: [what],
        options: { output: 'json' },
        stdout: out,
        stderr: { write: () => true } as unknown as NodeJS.WritableStream,
        signal: new AbortController().signal,
        log: cli.log,
        clusters: cli.clusters,
        configFile: undefined,
      };
      await command.run(context);
      return (JSON.parse(text) as { cluster: string; pod?: string; ip: string; globalIP: string }[]).filter((a) => a.cluster === 'a');
    };
    const seen6 = (await given('a'))!['fd50::/48']!.replace(/::\/48$/, '::3:7');
    expect(await ask('198.18.3.7')).to.deep.equal([{ cluster: 'a', pod: 'default/web', ip: '10.50.3.7', globalIP: '198.18.3.7' }]);
    expect(await ask(seen6)).to.deep.equal([{ cluster: 'a', pod: 'default/web', ip: 'fd50::3:7', globalIP: seen6 }]);
    expect(await ask('web')).to.deep.equal([
      { cluster: 'a', pod: 'default/web', ip: '10.50.3.7', globalIP: '198.18.3.7' },
      { cluster: 'a', pod: 'default/web', ip: 'fd50::3:7', globalIP: seen6 },
    ]);
    expect(await ask('10.50.3.7')).to.deep.equal([{ cluster: 'a', pod: 'default/web', ip: '10.50.3.7', globalIP: '198.18.3.7' }]);
    const failure = await ask('203.0.113.9').then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).to.have.property('code', 'KOSMOS_E_NOT_FOUND');
  });
});

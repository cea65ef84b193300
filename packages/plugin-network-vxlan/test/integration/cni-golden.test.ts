/** The golden cases as members of one fleet: each a real API server with the CRDs and objects of its CNI. */
import { ClusterKind, ClusterNodeKind, crdManifests, CustomResourceDefinitionKind, ServiceCIDRKind } from '@kosmos/api';
import type { Config, KObject, Kind, KubeClient } from '@kosmos/kernel';
import { createKernel, type Kernel } from '@kosmos/kernel/runtime';
import { eventually, REAL, startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import { vxlan } from '../../src/index.ts';
import { READERS } from '../../src/inventory/cni/index.ts';
import { EXTERNAL_LABEL, POOLS_FINALIZER } from '../../src/inventory/calico-pools.ts';
import type { IPPool } from '../../src/inventory/cni/calico.ts';
import { withBlocks } from '../../src/inventory/cidrs.ts';
import { GOLDEN, type Manifest } from '../support/golden-cni.ts';

const BY = { fieldManager: 'test', force: true };
const SERVICES = '10.109.0.0/16';
const memberName = (name: string) => `m${name.slice(0, name.indexOf('-'))}`;

/** Kinds that are no custom resources. */
const PLURAL: Readonly<Record<string, string>> = { Node: 'nodes', Pod: 'pods', ConfigMap: 'configmaps', DaemonSet: 'daemonsets', ServiceCIDR: 'servicecidrs', Namespace: 'namespaces' }; // prettier-ignore
const WATCHED = READERS.flatMap(({ watches }) => watches.map(({ kind }) => kind));

function kindOf({ apiVersion, kind, metadata }: Manifest): Kind<KObject> | undefined {
  const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/') as [string, string]) : ['', apiVersion];
  const plural = PLURAL[kind] ?? WATCHED.find((watched) => watched.kind === kind && watched.group === group)?.plural;
  return plural === undefined ? undefined : { group, version, kind, plural, namespaced: metadata.namespace !== undefined };
}

/** One CustomResourceDefinition a kind, with every version that an object has, and no schema. */
function definitions(objects: readonly Manifest[]): object[] {
  const custom = objects.filter(({ kind }) => !(kind in PLURAL)).flatMap((object) => kindOf(object) ?? []);
  return [...Map.groupBy(custom, ({ group, plural }) => `${plural}.${group}`)].map(([name, kinds]) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name },
    spec: {
      group: kinds[0]!.group,
      scope: kinds[0]!.namespaced ? 'Namespaced' : 'Cluster',
      names: { kind: kinds[0]!.kind, plural: kinds[0]!.plural, singular: kinds[0]!.kind.toLowerCase() },
      versions: [...new Set(kinds.map(({ version }) => version))].map((version, i) => ({
        name: version,
        served: true,
        storage: i === 0,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      })),
    },
  }));
}

async function fill(member: KubeClient, objects: readonly Manifest[]): Promise<void> {
  // The server's own, which older ones do not have and which would say it all.
  await member.delete(ServiceCIDRKind, 'kubernetes');
  for (const definition of definitions(objects)) await member.apply(CustomResourceDefinitionKind, definition, BY);
  for (const namespace of new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))) {
    await member.apply(kindOf({ apiVersion: 'v1', kind: 'Namespace', metadata: {} } as Manifest)!, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, BY); // prettier-ignore
  }
  for (const object of objects) {
    const kind = kindOf(object);
    if (!kind || object.kind === 'IPAddress') continue;
    // Of a dual-stack Node's addresses two have one type, which server-side apply refuses; nobody here reads them.
    const { status: _s, ...given } = object as Manifest & { readonly status?: unknown };
    const sent = object.kind === 'Node' ? given : object;
    const {
      deletionTimestamp,
      creationTimestamp: _c,
      ...metadata
    } = object.metadata as Manifest['metadata'] & { deletionGracePeriodSeconds?: number };
    delete (metadata as { deletionGracePeriodSeconds?: number }).deletionGracePeriodSeconds;
    await eventually(() => member.apply(kind, { ...sent, metadata }, BY), { timeoutMs: 30_000, message: `${object.kind} is served` });
    if (deletionTimestamp) await member.delete(ServiceCIDRKind, object.metadata.name);
  }
}

/** Only with embedded servers: two dozen of them are nothing, and they let go of their own ServiceCIDR. */
const describeEmbedded: (title: string, fn: (this: Mocha.Suite) => void) => unknown = REAL ? () => {} : describe;

describeEmbedded('the inventory of clusters with each CNI', function () {
  this.timeout(180_000);
  let servers: readonly TestApiServer[] = [];
  let manager: Kernel;
  let host: KubeClient;
  const cluster = (name: string, cni: string, more: object = {}) => ({
    apiVersion: 'kosmos.io/v1alpha1',
    kind: 'Cluster',
    metadata: { name },
    spec: { clusterLinkOptions: { ipFamily: 'ipv4', cni, ...more } },
  });
  const holds = (fn: () => Promise<unknown>, message = 'it') =>
    eventually(
      async () => {
        await fn();
        return true;
      },
      { timeoutMs: 60_000, message },
    );
  const conditionOf = async (name: string, type: string) =>
    (await host.get(ClusterKind, name))?.status?.conditions?.find((c) => c.type === type);

  before(async () => {
    servers = await Promise.all([startTestApiServer(), ...GOLDEN.map(() => startTestApiServer({ serviceCIDR: SERVICES }))]);
    const [own, ...members] = servers.map(({ kubeconfig }) => ({ kubeconfig }));
    const named = Object.fromEntries(GOLDEN.map(({ name }, i) => [memberName(name), members[i]!]));
    const config: Config = { clusters: { host: own!, ...named }, plugins: [vxlan()], log: { level: 'silent' } };
    const cli = await createKernel({ config, role: 'cli' });
    host = cli.clusters.client('host');
    for (const manifest of crdManifests()) await host.apply(CustomResourceDefinitionKind, manifest, BY);
    await Promise.all(GOLDEN.map(({ name, objects }) => fill(cli.clusters.client(memberName(name)), objects)));
    for (const { name, cni } of GOLDEN)
      await eventually(() => host.apply(ClusterKind, cluster(memberName(name), cni), BY), { timeoutMs: 30_000 });
    manager = await createKernel({ config, role: 'manager' });
    await manager.start();
  });
  after(async () => {
    await manager?.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });

  for (const { name, expected } of GOLDEN) {
    const member = memberName(name);
    it(`${name}: writes the CIDRs of the cluster and its nodes`, async () => {
      const blocks = Object.values(expected.nodes).flat();
      const pods = withBlocks(expected.podCIDRs, blocks);
      const services = [
        ...expected.serviceCIDRs.filter((cidr) => !name.startsWith('09f') || cidr === SERVICES),
        ...(expected.terminating ?? []),
      ];
      await holds(async () => {
        const found = (await host.get(ClusterKind, member))?.status?.clusterLinkStatus;
        expect(found?.podCIDRs ?? []).to.have.members(pods);
        // What no object says is asked of the API server, which has this range here.
        expect(found?.serviceCIDRs ?? []).to.have.members(services.length > 0 ? services : [SERVICES]);
        for (const [node, cidrs] of Object.entries(expected.nodes)) {
          expect((await host.get(ClusterNodeKind, `${member}-${node}`))?.spec?.podCIDRs, node).to.have.members(cidrs);
        }
      }, name);
    });
  }

  it('follows what a CNI gives to a node and takes back while it runs', async () => {
    const nodes: Kind<KObject> = { group: 'cilium.io', version: 'v2', kind: 'CiliumNode', plural: 'ciliumnodes', namespaced: false };
    const allocated = (...cidrs: string[]) =>
      manager.clusters.client('m03b').patch(nodes, 'node-b', { spec: { ipam: { pools: { allocated: [{ pool: 'default', cidrs }] } } } });
    const has = (...cidrs: string[]) =>
      holds(async () => expect((await host.get(ClusterNodeKind, 'm03b-node-b'))!.spec!.podCIDRs).to.deep.equal(cidrs), cidrs.join());
    await allocated('10.72.0.0/27', '10.72.1.96/27', '10.73.2.0/27');
    await has('10.72.0.0/27', '10.72.1.96/27', '10.73.2.0/27');
    await allocated('10.72.1.96/27');
    await has('10.72.1.96/27');
  });

  it('says what cannot be found, and what to configure', async () => {
    const says = (name: string, reason: string, message: RegExp) =>
      holds(async () => {
        const condition = await conditionOf(name, 'PodCIDRsUnknown');
        expect(condition).to.include({ status: 'True', reason });
        expect(condition!.message).to.match(message);
      }, name);
    await says('m08c', 'NotDiscoverable', /state those subnets in spec\.clusterLinkOptions\.podCIDRs/);
    await says('m08b', 'NoNodeBlocks', /set spec\.clusterLinkOptions\.networkType to gateway/);
    await says('m08d', 'NotDiscoverable', /nodes aks-pool2-0 /);
  });

  it('takes what the spec states, also where nothing can be found, and takes the condition back', async () => {
    await host.apply(ClusterKind, cluster('m08c', 'aws-vpc-cni', { podCIDRs: ['10.97.0.0/16'], serviceCIDRs: ['172.20.0.0/16'] }), BY);
    await holds(async () => {
      const found = await host.get(ClusterKind, 'm08c');
      expect(found?.status?.clusterLinkStatus).to.deep.equal({ podCIDRs: ['10.97.0.0/16'], serviceCIDRs: ['172.20.0.0/16'] });
      expect(found?.status?.conditions?.find((c) => c.type === 'PodCIDRsUnknown')).to.include({ status: 'False', reason: 'Resolved' });
    });
  });

  it('says that a CNI is not there, keeps what was known, and follows when it is named right', async () => {
    const before = (await host.get(ClusterKind, 'm04'))!.status!.clusterLinkStatus;
    await host.apply(ClusterKind, cluster('m04', 'calico'), BY);
    await holds(async () => {
      const condition = await conditionOf('m04', 'PodCIDRsUnknown');
      expect(condition).to.include({ status: 'True', reason: 'NotServed' });
      expect(condition!.message).to.match(/does not serve ippools of crd\.projectcalico\.org\/v1; .* set spec\.clusterLinkOptions\.cni/);
    });
    expect((await host.get(ClusterKind, 'm04'))!.status!.clusterLinkStatus).to.deep.equal(before);
    expect((await host.get(ClusterNodeKind, 'm04-node-a'))!.spec!.podCIDRs).to.deep.equal(['10.80.0.0/24', 'fd80:0:0:1::/64']);
    await host.apply(ClusterKind, cluster('m04', 'flannel'), BY);
    await holds(async () => expect(await conditionOf('m04', 'PodCIDRsUnknown')).to.include({ status: 'False' }));
  });

  for (const [name, group, version] of [
    ['m02a', 'crd.projectcalico.org', 'v1'],
    ['m02b', 'projectcalico.org', 'v3'],
  ] as const) {
    it(`keeps Calico (${group}) from masquerading to other clusters, as long as they and it are there`, async () => {
      const pools: Kind<IPPool> = { group, version, kind: 'IPPool', plural: 'ippools', namespaced: false };
      const member = manager.clusters.client(name);
      const foreign = (await member.list(pools)).filter(({ metadata }) => metadata.labels?.[EXTERNAL_LABEL] === undefined);
      const own = async () => (await member.list(pools)).filter(({ metadata }) => metadata.labels?.[EXTERNAL_LABEL] !== undefined);
      const there = async (pool: string) => (await own()).some(({ metadata }) => metadata.name === pool);
      const flannel = 'clusterlink-m04-pod-10-80-0-0-16';
      await holds(async () => expect(await there(flannel)).to.equal(true), flannel);
      expect((await member.get(pools, flannel))!.spec).to.include({ cidr: '10.80.0.0/16', disabled: true, natOutgoing: false });
      expect((await own()).filter(({ metadata }) => metadata.name.startsWith(`clusterlink-${name}-`))).to.deep.equal([]);
      expect((await host.get(ClusterKind, name))!.metadata.finalizers).to.include(POOLS_FINALIZER);

      await member.delete(pools, flannel);
      await holds(async () => expect(await there(flannel)).to.equal(true), 'put back');
      await host.apply(ClusterKind, cluster('m04', 'flannel', { enable: false }), BY);
      await holds(async () => expect(await there(flannel)).to.equal(false), 'removed with the other cluster');
      await host.apply(ClusterKind, cluster('m04', 'flannel'), BY);
      await holds(async () => expect(await there(flannel)).to.equal(true), 'back with it');

      await host.delete(ClusterKind, name);
      await holds(async () => expect(await host.get(ClusterKind, name)).to.equal(undefined), 'the Cluster is let go');
      expect(await own()).to.deep.equal([]);
      expect((await member.list(pools)).map(({ metadata }) => metadata.name)).to.have.members(foreign.map(({ metadata }) => metadata.name));
    });
  }

  it('says that it may not write the pools, until it may', async () => {
    const { faults } = servers[GOLDEN.findIndex(({ name }) => name.startsWith('02b')) + 1]!;
    const over = faults!.add({ verb: 'patch', plural: 'ippools', refuse: 403 });
    await host.apply(ClusterKind, cluster('m02b', 'calico'), BY);
    await holds(async () => expect(await conditionOf('m02b', 'CalicoPoolsMissing')).to.include({ status: 'True', reason: 'Refused' }));
    over();
    await holds(async () => expect(await conditionOf('m02b', 'CalicoPoolsMissing')).to.equal(undefined));
  });

  it('lets a Calico cluster go that does not answer any more', async () => {
    await holds(async () => expect((await host.get(ClusterKind, 'm02b'))!.metadata.finalizers).to.include(POOLS_FINALIZER));
    await servers[GOLDEN.findIndex(({ name }) => name.startsWith('02b')) + 1]!.down();
    await eventually(() => manager.clusters.state('m02b') !== 'live', { timeoutMs: 30_000 });
    await host.delete(ClusterKind, 'm02b');
    await eventually(async () => (await host.get(ClusterKind, 'm02b')) === undefined, {
      timeoutMs: 90_000,
      message: 'the Cluster is gone',
    });
  });
});

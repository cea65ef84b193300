/** What `kosmos rbac` gives is enough for the manager and the agents, and gives an agent nothing that is not its own. */
import { ClusterKind, ClusterNodeKind, LeaseKind, type Node, NodeConfigKind, NodeKind, PodKind, SecretKind } from '@kosmos/api';
import { type Kind, KubeError, type KubeClient, type KObject, type Logger } from '@kosmos/kernel';
import { createKernel } from '@kosmos/kernel/runtime';
import preset from '@kosmos/preset-network';
import { cleanUp, eventually, needs, onCleanUp, startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import { apply, clientOf, kosmos, kubeconfigOf } from '../support/accounts.ts';

const SYSTEM = { namespace: 'kosmos-system' };
const BY = { fieldManager: 'test', force: true };
const BINDINGS: Kind<KObject> = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  namespaced: false,
};
const named = (name: string, more: object = {}) => ({ metadata: { name }, ...more });
const lease = (name: string) => ({ metadata: { name, ...SYSTEM }, spec: { holderIdentity: 'x' } });
const event = {
  metadata: { name: 'e', namespace: 'default' },
  involvedObject: { kind: 'NodeConfig', name: 'c1-n1' },
  reason: 'Test',
  message: 'm',
  type: 'Normal',
};

/** What an agent must not do, and what it would do it by. */
const FORBIDDEN: Readonly<Record<string, (client: KubeClient) => Promise<unknown>>> = {
  "write another node's ClusterNode": (c) => c.apply(ClusterNodeKind, named('c1-n2', { spec: { ip: '192.0.2.6' } }), BY),
  "write another node's ClusterNode by a merge": (c) => c.patch(ClusterNodeKind, 'c1-n2', { spec: { roles: ['gateway'] } }),
  "write another ClusterNode's status": (c) => c.apply(ClusterNodeKind, named('c1-n2', { status: {} }), { ...BY, subresource: 'status' }),
  'make a ClusterNode': (c) => c.apply(ClusterNodeKind, named('c1-n3', { spec: {} }), BY),
  'delete its own ClusterNode': (c) => c.delete(ClusterNodeKind, 'c1-n1'),
  "delete another node's ClusterNode": (c) => c.delete(ClusterNodeKind, 'c1-n2'),
  "make another node's NodeConfig": (c) => c.apply(NodeConfigKind, named('c1-n2'), BY),
  "write another NodeConfig's status": (c) => c.apply(NodeConfigKind, named('c1-n2', { status: {} }), { ...BY, subresource: 'status' }),
  "delete another node's NodeConfig": (c) => c.delete(NodeConfigKind, 'c1-n2'),
  'make a NodeConfig by POST': (c) => c.request('POST', '/apis/kosmos.io/v1alpha1/nodeconfigs', { body: named('c1-n2') }),
  'read all NodeConfigs': (c) => c.list(NodeConfigKind),
  'delete all NodeConfigs': (c) => c.request('DELETE', '/apis/kosmos.io/v1alpha1/nodeconfigs'),
  'make a Cluster': (c) => c.apply(ClusterKind, named('c9'), BY),
  'write a Cluster': (c) => c.patch(ClusterKind, 'c1', { status: { clusterLinkStatus: { gateways: ['c1-n1'] } } }),
  'delete a Cluster': (c) => c.delete(ClusterKind, 'c1'),
  'read Secrets': (c) => c.list(SecretKind, SYSTEM),
  "read a cluster's kubeconfig": (c) => c.get(SecretKind, 'kosmos-cluster-c1', SYSTEM),
  'write a Secret': (c) => c.apply(SecretKind, named('s', { metadata: { name: 's', ...SYSTEM } }), BY),
  "write another gateway's Lease": (c) => c.apply(LeaseKind, lease('gateway-c1-n2'), BY),
  "write the manager's Lease": (c) => c.apply(LeaseKind, lease('kosmos-manager'), BY),
  'read Leases': (c) => c.list(LeaseKind, SYSTEM),
  'read Nodes': (c) => c.list(NodeKind),
  'read Pods': (c) => c.list(PodKind),
  'delete an event': (c) => c.request('DELETE', '/api/v1/namespaces/default/events/e'),
  'write events elsewhere': (c) =>
    c.request('POST', '/api/v1/namespaces/kube-system/events', { body: { ...event, metadata: { name: 'e', namespace: 'kube-system' } } }),
  "get another account's token": (c) =>
    c.request('POST', '/api/v1/namespaces/kosmos-system/serviceaccounts/kosmos-manager/token', { body: { spec: {} } }),
  'give itself rights': (c) => c.apply(BINDINGS, { ...named('x'), roleRef: { kind: 'ClusterRole', name: 'cluster-admin' } }, BY),
};

describe('the rights of accounts', function () {
  this.timeout(60_000);
  let host: TestApiServer;
  let member: TestApiServer;
  let admin: KubeClient;
  let memberAdmin: KubeClient;
  before(needs('kubectl'));
  before(async () => {
    [host, member] = await Promise.all([startTestApiServer(), startTestApiServer({ serviceCIDR: '10.97.0.0/16' })]);
    onCleanUp(async () => void (await Promise.all([host.stop(), member.stop()])));
    [admin, memberAdmin] = await Promise.all([clientOf(host.kubeconfig), clientOf(member.kubeconfig)]);
    const [crds, ...accounts] = await Promise.all([
      kosmos(['crds']),
      kosmos(['rbac', 'manager']),
      kosmos(['rbac', 'agent', '--cluster', 'c1', '--node', 'n1', 'n2']),
      kosmos(['rbac', 'member']),
    ]);
    const [manager, agents, inMember] = accounts as [string, string, string];
    await apply(host.kubeconfig, crds);
    await eventually(() => admin.list(ClusterKind).then(() => true), { message: 'the kinds are served' });
    await apply(host.kubeconfig, manager);
    await apply(host.kubeconfig, agents);
    await apply(host.kubeconfig, agents); // again: it changes nothing
    await apply(member.kubeconfig, inMember);
    await admin.apply(ClusterKind, named('c1', { spec: { clusterLinkOptions: { enable: false } } }), BY);
    for (const name of ['n1', 'n2'])
      await admin.apply(ClusterNodeKind, named(`c1-${name}`, { spec: { clusterName: 'c1', nodeName: name } }), BY);
  });
  after(cleanUp);

  describe('of an agent', () => {
    let agent: KubeClient;
    before(async () => {
      agent = await clientOf(await kubeconfigOf({ client: admin, kubeconfig: host.kubeconfig }, 'kosmos-agent-c1-n1'));
      // What a server hears of new rights takes it a moment.
      await eventually(() => agent.list(ClusterKind).then(() => true), { message: 'the account has its rights' });
    });

    it('are enough for what is its own node', async () => {
      await agent.list(ClusterNodeKind);
      await agent.apply(ClusterNodeKind, named('c1-n1', { spec: { ip: '192.0.2.5' } }), { ...BY, fieldManager: 'agent' });
      await agent.apply(ClusterNodeKind, named('c1-n1', { status: {} }), { ...BY, subresource: 'status' });
      await agent.apply(NodeConfigKind, named('c1-n1'), BY);
      await agent.apply(NodeConfigKind, named('c1-n1', { status: { hash: 'x' } }), { ...BY, subresource: 'status' });
      expect(await agent.list(NodeConfigKind, { fields: 'metadata.name=c1-n1' })).to.have.length(1);
      await agent.delete(NodeConfigKind, 'c1-n1');
      for (let times = 0; times < 2; times += 1) await agent.apply(LeaseKind, lease('gateway-c1-n1'), BY);
      await agent.request('POST', '/api/v1/namespaces/default/events', { body: event });
      await agent.request('PATCH', '/api/v1/namespaces/default/events/e', {
        body: { count: 2 },
        contentType: 'application/merge-patch+json',
      });
      expect((await admin.get(ClusterNodeKind, 'c1-n1'))?.spec).to.include({ ip: '192.0.2.5', nodeName: 'n1' });
    });

    for (const [what, attempt] of Object.entries(FORBIDDEN)) {
      it(`do not let it ${what}`, async () => {
        const refused = await attempt(agent).then(
          () => undefined,
          (error: unknown) => error,
        );
        expect(refused).to.be.instanceOf(KubeError);
        const { status, message } = refused as KubeError;
        expect([status, message]).to.deep.equal([403, message]);
        expect(message).to.include('User "system:serviceaccount:kosmos-system:kosmos-agent-c1-n1" cannot');
      });
    }
  });

  it('of the manager, there and in a member, are enough for its work with every CNI', async () => {
    const node = named('n5', { spec: { podCIDR: '10.244.5.0/24', podCIDRs: ['10.244.5.0/24'] } });
    await memberAdmin.apply<Node>(NodeKind, node, BY);
    const kubeconfig = await kubeconfigOf({ client: memberAdmin, kubeconfig: member.kubeconfig }, 'kosmos-member');
    const spec = (cni: string) => ({
      kubeconfig: Buffer.from(kubeconfig).toString('base64'),
      clusterLinkOptions: { cni, ipFamily: 'ipv4' },
    });
    const cnis = ['k8s', 'calico', 'cilium', 'flannel', 'antrea', 'kindnet', 'k3s', 'ovn-kubernetes', 'kube-router', 'weave', 'azure'];
    for (const cni of cnis) await admin.apply(ClusterKind, named(`with-${cni}`, { spec: spec(cni) }), BY);
    const said: string[] = [];
    const note = (fields: object, message: string) => void said.push(`${message} ${String((fields as { error?: unknown }).error ?? '')}`);
    const log: Logger = { trace: note, debug: note, info: note, warn: note, error: note, child: () => log };
    const manager = await createKernel({
      config: {
        clusters: { host: { kubeconfig: await kubeconfigOf({ client: admin, kubeconfig: host.kubeconfig }, 'kosmos-manager') } },
        plugins: [preset({ globalip: { pool: ['100.64.0.0/10'] } })],
      },
      role: 'manager',
      log,
    });
    onCleanUp(() => manager.stop());
    await manager.start();
    const forbidden = () => [...new Set(said.filter((line) => /forbidden/i.test(line)))];
    await eventually(
      async () => {
        for (const cni of cnis) {
          const { status } = (await admin.get(ClusterKind, `with-${cni}`)) ?? {};
          const condition = (type: string) => status?.conditions?.find((c) => c.type === type);
          expect(condition('Reachable')?.status, `${cni}: ${JSON.stringify(status)}`).to.equal('True');
          expect(condition('KubeconfigMoved')?.status, cni).to.equal('True');
          expect(status?.clusterLinkStatus?.serviceCIDRs, cni).to.deep.equal(['10.97.0.0/16']);
          expect(condition('PodCIDRsUnknown')?.message ?? '', cni).to.not.include('it refuses');
        }
        expect((await admin.get(ClusterNodeKind, 'with-k8s-n5'))?.spec?.podCIDRs).to.deep.equal(['10.244.5.0/24']);
        expect((await admin.get(ClusterKind, 'with-k8s'))?.status?.clusterLinkStatus?.globalCIDRsMap).to.not.equal(undefined);
        return true;
      },
      { timeoutMs: 40_000, message: `the manager did its work; refused: ${forbidden().join('\n')}` },
    );
    // What an agent may say wrongly of its own node, since RBAC knows no fields.
    const right = { clusterName: 'with-k8s', nodeName: 'n5', podCIDRs: ['10.244.5.0/24'] };
    for (const wrong of [{ podCIDRs: ['10.96.0.0/12'] }, { clusterName: 'with-flannel' }, { nodeName: 'n6' }, { roles: ['gateway'] }]) {
      await admin.patch(ClusterNodeKind, 'with-k8s-n5', { spec: wrong });
      await eventually(
        async () => {
          const { spec } = (await admin.get(ClusterNodeKind, 'with-k8s-n5')) ?? {};
          expect(spec).to.deep.include(right);
          expect(spec?.roles ?? []).to.deep.equal([]);
          return true;
        },
        { timeoutMs: 10_000, message: `${JSON.stringify(wrong)} is set right` },
      );
    }
    await memberAdmin.delete(NodeKind, 'n5');
    await eventually(async () => (await admin.get(ClusterNodeKind, 'with-k8s-n5')) === undefined, {
      timeoutMs: 20_000,
      message: 'the record of a node that is gone goes',
    });
    await manager.stop();
    expect(forbidden()).to.deep.equal([]);
  });
});

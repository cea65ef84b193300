import type { ConfigMap, Node, Pod, ServiceCIDR } from '@kosmos/api';
import { expect } from 'chai';
import { withBlocks } from '../../src/inventory/cidrs.ts';
import { statedServiceCIDRs } from '../../src/inventory/services.ts';
import { poolsFor } from '../../src/inventory/calico-pools.ts';
import type { IPPool } from '../../src/inventory/cni/calico.ts';
import { readKubernetes } from '../../src/inventory/cni/kubernetes.ts';
import { isMember } from '../../src/inventory/nodes.ts';
import { parseCidr } from '../../src/plan/address.ts';
import { merge } from '../../src/findings.ts';
import { CONDITION_TYPES } from '../../src/plan/conditions.ts';

const meta = (name: string, labels: Record<string, string> = {}) => ({ name, uid: name, resourceVersion: '1', labels });
const range = (...cidrs: string[]): ServiceCIDR => ({ metadata: meta('kubernetes'), spec: { cidrs } });
const server = (c: { command?: string[]; args?: string[] }): Pod => ({
  metadata: meta('kube-apiserver-a', { component: 'kube-apiserver' }),
  spec: { containers: [{ name: 'kube-apiserver', ...c }] },
});

const sources = { ranges: [], servers: [], cni: () => [], kubeadm: [] };
const kubeadm: ConfigMap = {
  metadata: meta('kubeadm-config'),
  data: { ClusterConfiguration: 'networking:\n  serviceSubnet: 10.101.0.0/16,fd10:65::/112\n' },
};

describe('service CIDRs', () => {
  const found = (more: Partial<Parameters<typeof statedServiceCIDRs>[0]>) => statedServiceCIDRs({ ...sources, ...more })?.ready;

  it('come from ServiceCIDR objects first', () => {
    const servers = [server({ command: ['--service-cluster-ip-range=10.0.0.0/24'] })];
    expect(found({ ranges: [range('10.96.0.0/12', 'fd00:10::/108')], servers })).to.deep.equal(['10.96.0.0/12', 'fd00:10::/108']);
  });
  it('come from command or args of the kube-apiserver pods, the flag and its value in one word or two', () => {
    const flag = '--service-cluster-ip-range';
    expect(found({ servers: [server({ command: ['kube-apiserver', `${flag}=10.237.6.0/18`] })] })).to.deep.equal(['10.237.6.0/18']);
    expect(found({ servers: [server({ args: [`${flag}=10.96.0.0/16,2409:8c2f::/114`] })] })).to.deep.equal([
      '10.96.0.0/16',
      '2409:8c2f::/114',
    ]);
    const split = server({ command: ['sh', '-c', 'exec kube-apiserver "$@"', '--'], args: [flag, '10.105.0.0/16', '--v', '2'] });
    expect(found({ servers: [split] })).to.deep.equal(['10.105.0.0/16']);
    expect(found({ servers: [server({ args: [`${flag}-x=10.1.0.0/16`] })] })).to.deep.equal([]);
  });
  it("come from the CNI, and then from kubeadm's record", () => {
    expect(found({ kubeadm: [kubeadm], cni: () => ['10.86.0.0/16'] })).to.deep.equal(['10.86.0.0/16']);
    expect(found({ kubeadm: [kubeadm] })).to.deep.equal(['10.101.0.0/16', 'fd10:65::/112']);
  });
  it('are not known while the CNI is not, and nothing where nothing says them', () => {
    expect(found({ kubeadm: [kubeadm], cni: () => undefined })).to.equal(undefined);
    expect(found({ servers: [server({ command: ['kube-apiserver'] })] })).to.deep.equal([]);
    expect(found({ kubeadm: [{ ...kubeadm, data: { ClusterConfiguration: ':\n -' } }] })).to.deep.equal([]);
  });
});

describe('pod CIDRs', () => {
  it('are the stated ranges, and blocks of nodes outside of them', () =>
    expect(withBlocks(['10.64.0.0/16'], ['10.64.5.0/26', '10.65.0.8/29', 'none'])).to.deep.equal(['10.64.0.0/16', '10.65.0.8/29']));

  it("of kubeadm's record count only while nodes are in them", () => {
    const record = { metadata: meta('kubeadm-config'), data: { ClusterConfiguration: 'networking: { podSubnet: 10.1.0.0/16 }' } };
    const seen = (...podCIDRs: string[]) => ({
      list: <T>({ kind }: { kind: { kind: string } }) => (kind.kind === 'ConfigMap' ? [record] : []) as unknown as T[],
      refused: () => undefined,
      nodes: [{ metadata: meta('a'), spec: { podCIDRs } }],
    });
    expect(readKubernetes(seen('10.1.3.0/24')).podCIDRs).to.deep.equal(['10.1.0.0/16']);
    expect(readKubernetes(seen('10.2.3.0/24')).podCIDRs).to.deep.equal([]);
  });

  it('are asked only of nodes that take part', () => {
    const node = (name: string, labels = {}): Node => ({ metadata: meta(name, labels) });
    expect(isMember(node('a'))).to.equal(true);
    expect(isMember(node('v', { 'kosmos.io/node': 'true' }))).to.equal(false);
    expect(isMember(node('x', { 'kosmos.io/exclude': 'true' }))).to.equal(false);
  });
});

describe("pools for other clusters' networks in Calico", () => {
  const external = (cluster: string, kind: 'pod' | 'service', cidr: string) => ({ cluster, kind, cidr: parseCidr(cidr)! });
  const own = (cidr: string): IPPool => ({ metadata: meta('default'), spec: { cidr } });
  const cidrs = (pools: ReadonlyMap<string, object>) => [...pools].map(([name, pool]) => [name, (pool as IPPool).spec!.cidr]);

  it("are disabled, named as the Go original's, and marked", () => {
    const pools = poolsFor([external('b', 'pod', '10.2.0.0/16'), external('b', 'service', 'fd02::/112')], []);
    expect([...pools.keys()]).to.deep.equal(['clusterlink-b-pod-10-2-0-0-16', 'clusterlink-b-service-fd02---112']);
    expect(pools.get('clusterlink-b-pod-10-2-0-0-16')).to.deep.equal({
      metadata: { name: 'clusterlink-b-pod-10-2-0-0-16', labels: { 'kosmos.io/external-cluster': 'b' } },
      spec: {
        cidr: '10.2.0.0/16',
        blockSize: 26,
        disabled: true,
        natOutgoing: false,
        disableBGPExport: true,
        ipipMode: 'Never',
        vxlanMode: 'Never',
        nodeSelector: 'all()',
      },
    });
  });
  it("leave out what overlaps the cluster's own pools, and what a wider one of them holds", () => {
    const networks = ['10.1.4.0/24', '10.2.3.0/24', '10.2.0.0/16', '10.3.0.0/28'].map((cidr) => external('b', 'pod', cidr));
    expect(cidrs(poolsFor([...networks, external('c', 'pod', '10.2.0.0/16')], [own('10.1.0.0/16')]))).to.deep.equal([
      ['clusterlink-b-pod-10-2-0-0-16', '10.2.0.0/16'],
      ['clusterlink-b-pod-10-3-0-0-28', '10.3.0.0/28'],
    ]);
  });
});

describe('conditions that are written', () => {
  const finding = { type: 'CIDRConflict', status: 'True' as const, reason: 'EqualCIDR', message: 'a' };
  const [then, now] = ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'];

  it('are none where the object says them already', () => {
    expect(merge([finding], [{ ...finding, lastTransitionTime: then }], now, CONDITION_TYPES)).to.equal(undefined);
    expect(merge([], [], now, CONDITION_TYPES)).to.equal(undefined);
    expect(merge([], [{ type: 'Reachable', status: 'True' }], now, CONDITION_TYPES)).to.equal(undefined);
  });
  it('keep their time while the status stays', () => {
    expect(merge([{ ...finding, message: 'b' }], [{ ...finding, lastTransitionTime: then }], now, CONDITION_TYPES)).to.deep.equal([
      { ...finding, message: 'b', lastTransitionTime: then },
    ]);
  });
  it('turn False when what they told is over', () => {
    expect(merge([], [{ ...finding, lastTransitionTime: then }], now, CONDITION_TYPES)).to.deep.equal([
      { type: 'CIDRConflict', status: 'False', reason: 'Resolved', message: '', lastTransitionTime: now },
    ]);
  });
});

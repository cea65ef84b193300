import type { Node, Pod, ServiceCIDR } from '@kosmos/api';
import { expect } from 'chai';
import { nodesPodCIDRs, statedServiceCIDRs } from '../../src/inventory/cidrs.ts';
import { canonicalCidrs } from '../../src/plan/address.ts';
import { merge } from '../../src/inventory/conditions.ts';

const meta = (name: string, labels: Record<string, string> = {}) => ({ name, uid: name, resourceVersion: '1', labels });
const range = (...cidrs: string[]): ServiceCIDR => ({ metadata: meta('kubernetes'), spec: { cidrs } });
const server = (c: { command?: string[]; args?: string[] }): Pod => ({
  metadata: meta('kube-apiserver-a'),
  spec: { containers: [{ name: 'kube-apiserver', ...c }] },
});

describe('service CIDRs', () => {
  it('come from ServiceCIDR objects first', () => {
    expect(
      statedServiceCIDRs([range('10.96.0.0/12', 'fd00:10::/108')], [server({ command: ['--service-cluster-ip-range=10.0.0.0/24'] })]),
    ).to.deep.equal(['10.96.0.0/12', 'fd00:10::/108']);
  });
  it('come from command or args of the kube-apiserver pods, as network addresses', () => {
    expect(
      canonicalCidrs(statedServiceCIDRs([], [server({ command: ['kube-apiserver', '--service-cluster-ip-range=10.237.6.0/18'] })])),
    ).to.deep.equal(['10.237.0.0/18']);
    expect(
      canonicalCidrs(
        statedServiceCIDRs([], [server({ args: ['--service-cluster-ip-range=10.96.0.0/16,2409:8c2f:3800:0011::0a18:0000/114'] })]),
      ),
    ).to.deep.equal(['10.96.0.0/16', '2409:8c2f:3800:11::a18:0/114']);
  });
  it('are nothing where nothing says them', () =>
    expect(statedServiceCIDRs([], [server({ command: ['kube-apiserver'] })])).to.deep.equal([]));
});

describe('pod CIDRs', () => {
  const node = (name: string, podCIDRs: string[], labels = {}): Node => ({ metadata: meta(name, labels), spec: { podCIDRs } });
  const nodes = [
    node('b', ['10.1.1.0/24']),
    node('a', ['10.1.0.0/24']),
    node('v', ['10.9.0.0/24'], { 'kosmos.io/node': 'true' }),
    node('x', ['10.8.0.0/24'], { 'kosmos.io/exclude': 'true' }),
  ];

  it('are those of the nodes that take part', () =>
    expect(canonicalCidrs(nodesPodCIDRs(nodes))).to.deep.equal(['10.1.0.0/24', '10.1.1.0/24']));
});

describe('conditions that are written', () => {
  const finding = { type: 'CIDRConflict', status: 'True' as const, reason: 'EqualCIDR', message: 'a' };
  const [then, now] = ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'];

  it('are none where the object says them already', () => {
    expect(merge([finding], [{ ...finding, lastTransitionTime: then }], now)).to.equal(undefined);
    expect(merge([], [], now)).to.equal(undefined);
    expect(merge([], [{ type: 'Reachable', status: 'True' }], now)).to.equal(undefined);
  });
  it('keep their time while the status stays', () => {
    expect(merge([{ ...finding, message: 'b' }], [{ ...finding, lastTransitionTime: then }], now)).to.deep.equal([
      { ...finding, message: 'b', lastTransitionTime: then },
    ]);
  });
  it('turn False when what they told is over', () => {
    expect(merge([], [{ ...finding, lastTransitionTime: then }], now)).to.deep.equal([
      { type: 'CIDRConflict', status: 'False', reason: 'Resolved', message: '', lastTransitionTime: now },
    ]);
  });
});

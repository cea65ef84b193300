import { expect } from 'chai';
import { pairs, type Place } from '../../src/check/ask.ts';

const place = (name: string, more: Partial<Place> = {}): Place => ({
  name,
  cluster: name.slice(0, 2),
  nodeName: name.slice(3),
  pod: 'node-0',
  host: 'host-0',
  namespace: 'kosmos-check-1',
  families: [4],
  podIPs: [`10.${name[1]}.1.2`],
  clusterIPs: [`10.20${name[1]}.0.9`],
  client: undefined as never,
  ...more,
});
const view = { seenAs: (cluster: string, ip: string) => (cluster === 'c2' ? ip.replace(/^10\./, '100.') : ip), routed: () => true };

describe('the pairs of a check', () => {
  it('are all nodes of different clusters, by every kind, with addresses as the other side has them', () => {
    const found = pairs(view, [place('c1-a'), place('c1-b'), place('c2-a')]);
    expect(found.map(({ from, to, kind, ip, source }) => [from, to, kind, ip, source].join(' '))).to.deep.equal([
      'c1-a c2-a pod 100.2.1.2 10.1.1.2',
      'c1-a c2-a service 100.202.0.9 ',
      'c1-a c2-a host 100.2.1.2 ',
      'c1-b c2-a pod 100.2.1.2 10.1.1.2',
      'c1-b c2-a service 100.202.0.9 ',
      'c1-b c2-a host 100.2.1.2 ',
      'c2-a c1-a pod 10.1.1.2 100.2.1.2',
      'c2-a c1-a service 10.201.0.9 ',
      'c2-a c1-a host 10.1.1.2 ',
      'c2-a c1-b pod 10.1.1.2 100.2.1.2',
      'c2-a c1-b service 10.201.0.9 ',
      'c2-a c1-b host 10.1.1.2 ',
    ]);
  });

  it('are of the families that both nodes have; a pod without an address is wrong, a service without a route is not offered', () => {
    const dual = { families: [4, 6] as const };
    const found = pairs({ ...view, routed: (_, ip) => ip !== '10.201.0.9' }, [place('c1-a', dual), place('c3-a', dual), place('c4-a')]);
    const of = (from: string, to: string, family: number) => found.filter((s) => s.from === from && s.to === to && s.family === family);
    expect(of('c1-a', 'c4-a', 6)).to.deep.equal([]);
    const [pod, service, host] = of('c1-a', 'c3-a', 6);
    expect([pod!.problems, host!.problems]).to.deep.equal([
      ['the pod on c3-a has no IPv6 address'],
      ['the pod on c3-a has no IPv6 address'],
    ]);
    expect(service!.skipped).to.equal('the Service on c3-a has no IPv6 address');
    expect(of('c3-a', 'c1-a', 4).map(({ skipped }) => skipped)).to.deep.equal([
      undefined,
      'c1 announces no network with 10.201.0.9',
      undefined,
    ]);
  });
});

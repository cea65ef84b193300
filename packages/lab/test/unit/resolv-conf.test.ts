import { expect } from 'chai';
import { resolvConf } from '../../src/node/resolv-conf.ts';

const cluster = {
  namespace: 'shop',
  servers: ['10.201.0.10', 'fd20::a'],
  domain: 'cluster.local',
  host: '# by hand\nnameserver 192.0.2.1\nsearch corp.example\noptions timeout:1 rotate\n',
};
const FIRST =
  'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.201.0.10\nnameserver fd20::a\noptions ndots:5\n';
const HOST = 'search corp.example\nnameserver 192.0.2.1\noptions timeout:1 rotate\n';

describe("a pod's resolv.conf", () => {
  it('asks the cluster first, by names of the own namespace first', () => {
    expect(resolvConf({}, cluster)).to.equal(FIRST);
    expect(resolvConf({ dnsPolicy: 'ClusterFirst' }, cluster)).to.equal(FIRST);
  });

  it("is the node's for pods on its network, unless they ask for the cluster's", () => {
    expect(resolvConf({ hostNetwork: true }, cluster)).to.equal(HOST);
    expect(resolvConf({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, cluster)).to.equal(FIRST);
    expect(resolvConf({ dnsPolicy: 'Default' }, cluster)).to.equal(HOST);
    expect(resolvConf({}, { ...cluster, servers: [] })).to.equal(HOST);
  });

  it('is what dnsConfig says with the policy None, and has it beside the rest else', () => {
    const dnsConfig = {
      nameservers: ['192.0.2.9', '10.201.0.10'],
      searches: ['my.example', 'cluster.local'],
      options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
    };
    expect(resolvConf({ dnsPolicy: 'None', dnsConfig }, cluster)).to.equal(
      'search my.example cluster.local\nnameserver 192.0.2.9\nnameserver 10.201.0.10\noptions ndots:2 edns0\n',
    );
    expect(resolvConf({ dnsConfig }, cluster)).to.equal(
      'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example my.example\n' +
        'nameserver 10.201.0.10\nnameserver fd20::a\nnameserver 192.0.2.9\noptions ndots:2 edns0\n',
    );
  });

  it('has no more servers and search domains than resolvers read', () => {
    const dnsConfig = {
      nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'],
      searches: Array.from({ length: 40 }, (_, i) => `d${i}.example`),
    };
    const lines = resolvConf({ dnsPolicy: 'None', dnsConfig }, cluster).trim().split('\n');
    expect(lines.filter((l) => l.startsWith('nameserver'))).to.have.length(3);
    expect(lines[0]?.split(' ')).to.have.length(33);
  });
});

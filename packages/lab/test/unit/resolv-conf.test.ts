import { expect } from 'chai';
import { resolvConf } from '../../src/node/resolv-conf.ts';
import { podOf } from '../support.ts';

describe("a pod's resolv.conf", () => {
  const dns = { addresses: ['10.201.0.10'], domain: 'cluster.local' };
  const host = 'nameserver 9.9.9.9\nsearch corp.example\noptions edns0\n';
  const cluster =
    'search default.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.201.0.10\noptions ndots:5\n';
  const machine = 'search corp.example\nnameserver 9.9.9.9\noptions edns0\n';
  const dnsConfig = {
    nameservers: ['1.1.1.1'],
    searches: ['corp.example', 'mine'],
    options: [{ name: 'ndots', value: '2' }, { name: 'use-vc' }],
  };
  const cases: [string, object, string][] = [
    ["is the cluster's by default", {}, cluster],
    ["is the machine's on the host network", { hostNetwork: true }, machine],
    ["is the cluster's on the host network where that is asked for", { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, cluster],
    ["is the machine's with Default", { dnsPolicy: 'Default' }, machine],
    [
      'is what is given with None',
      { dnsPolicy: 'None', dnsConfig },
      'search corp.example mine\nnameserver 1.1.1.1\noptions ndots:2 use-vc\n',
    ],
    [
      'has what is given beside the rest',
      { dnsConfig },
      'search default.svc.cluster.local svc.cluster.local cluster.local corp.example mine\nnameserver 10.201.0.10\nnameserver 1.1.1.1\noptions ndots:2 use-vc\n',
    ],
  ];
  for (const [what, spec, wanted] of cases) it(what, () => expect(resolvConf(podOf(spec), dns, host)).to.equal(wanted));
  it("is the machine's where the cluster has no DNS", () => expect(resolvConf(podOf(), undefined, host)).to.equal(machine));
});

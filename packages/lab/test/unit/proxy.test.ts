import { expect } from 'chai';
import { staleFlows } from '../../src/proxy/conntrack.ts';
import { backendsOf, forCluster, onNode } from '../../src/proxy/endpoints.ts';
import { rulesetOf } from '../../src/proxy/ruleset.ts';
import { servicePortsOf } from '../../src/proxy/service-ports.ts';
import { changes } from '../../src/proxy/transaction.ts';
import type { Endpoint } from '../../src/services.ts';
import { service, slice } from '../support/services.ts';

const here = { name: 'n1', zone: 'z1' };
const options = { family: 'IPv4', podCIDR: '10.1.0.0/16' } as const;
const web = { name: 'http', protocol: 'TCP' } as const;
const end = (ip: string, more: Partial<Endpoint> = {}): Endpoint => ({ addresses: [ip], conditions: { ready: true }, ...more });
const ips = (endpoints: readonly Endpoint[], choose: typeof forCluster = forCluster) =>
  choose(backendsOf([slice(endpoints)], 'IPv4', web, here), here).map((b) => b.ip);
const ending = { ready: false, serving: true, terminating: true };

describe('the endpoints of a service', () => {
  it('are the ready ones; when none is, those that end but serve still', () => {
    expect(
      ips([end('10.1.1.2'), end('10.1.1.3', { conditions: { ready: false } }), end('10.1.1.4', { conditions: ending })]),
    ).to.deep.equal(['10.1.1.2']);
    expect(ips([end('10.1.1.3', { conditions: { ready: false } }), end('10.1.1.4', { conditions: ending })])).to.deep.equal(['10.1.1.4']);
    expect(ips([end('10.1.1.4', { conditions: { ...ending, serving: false } })])).to.deep.equal([]);
    expect(ips([{ addresses: ['10.1.1.5'] }])).to.deep.equal(['10.1.1.5']);
  });

  it('follow the hints of traffic distribution, by node before zone, when every endpoint has some and one is for here', () => {
    const zone = (name: string) => ({ hints: { forZones: [{ name }] } });
    expect(ips([end('10.1.1.2', zone('z1')), end('10.1.2.2', zone('z2'))])).to.deep.equal(['10.1.1.2']);
    expect(ips([end('10.1.1.2', zone('z1')), end('10.1.2.2')])).to.have.length(2);
    expect(ips([end('10.1.1.2', zone('z3')), end('10.1.2.2', zone('z2'))])).to.have.length(2);
    const both = (node: string, name: string) => ({ hints: { forNodes: [{ name: node }], forZones: [{ name }] } });
    expect(ips([end('10.1.1.2', both('n1', 'z1')), end('10.1.2.2', both('n2', 'z1'))])).to.deep.equal(['10.1.1.2']);
  });

  it('that may not leave the node are those on it, with the same fallback', () => {
    const choose = (all: Parameters<typeof onNode>[0]) => onNode(all);
    expect(ips([end('10.1.1.2', { nodeName: 'n1' }), end('10.1.2.2', { nodeName: 'n2' })], choose)).to.deep.equal(['10.1.1.2']);
    expect(ips([end('10.1.1.2', { nodeName: 'n1', conditions: ending }), end('10.1.2.2', { nodeName: 'n2' })], choose)).to.deep.equal([
      '10.1.1.2',
    ]);
  });

  it('count once when two slices hold them, and as ready when one says so', () => {
    const slices = [slice([end('10.1.1.2', { conditions: ending })]), slice([end('10.1.1.2')])];
    expect(backendsOf(slices, 'IPv4', web, here)).to.have.length(1);
    expect(backendsOf(slices, 'IPv4', web, here)[0]?.ready).to.equal(true);
  });
});

describe('the rules of a service', () => {
  const rules = (spec: object, endpoints: readonly Endpoint[]) =>
    rulesetOf(servicePortsOf(service(spec), [slice(endpoints)], 'IPv4', here), options);
  const endpoints = [end('10.1.1.2', { nodeName: 'n1' }), end('10.1.2.2', { nodeName: 'n2' })];
  const element = (set: ReturnType<typeof rules>, key: string) => set.elements.get(key)?.replaceAll(/-[0-9a-f]{8}-/g, '-#-');

  it('are none for headless ones, external names, and those of another proxy', () => {
    for (const spec of [
      { clusterIP: 'None', clusterIPs: ['None'] },
      { type: 'ExternalName', externalName: 'a.example' },
    ])
      expect(rules(spec, endpoints).elements.size).to.equal(0);
    const labels = { 'service.kubernetes.io/service-proxy-name': 'x' };
    expect(
      servicePortsOf({ ...service({}), metadata: { ...service({}).metadata, labels } }, [slice(endpoints)], 'IPv4', here),
    ).to.deep.equal([]);
  });

  it('reject what goes to a service without endpoints, and drop what may not leave a node without one', () => {
    expect(element(rules({}, []), 'no-endpoint-services 10.201.0.9 . tcp . 80')).to.equal('goto reject-chain');
    const local = rules({ internalTrafficPolicy: 'Local' }, [endpoints[1] as Endpoint]);
    expect(element(local, 'no-endpoint-services 10.201.0.9 . tcp . 80')).to.equal('drop');
    const external = rules({ type: 'NodePort', externalTrafficPolicy: 'Local' }, [endpoints[1] as Endpoint]);
    expect(element(external, 'no-endpoint-nodeports tcp . 30080')).to.equal('drop');
    expect(element(external, 'service-nodeports tcp . 30080')).to.equal('goto external-#-default/web/tcp/http');
  });

  it('keep the source of what comes from outside with the external policy Local, and masquerade it else', () => {
    const chain = (spec: object) =>
      [...rules({ type: 'NodePort', ...spec }, endpoints).chains].find(([name]) => name.startsWith('external-'))?.[1].join('\n');
    expect(chain({})).to.match(/^jump mark-for-masquerade\ngoto service-/);
    expect(chain({ externalTrafficPolicy: 'Local' })).to.match(
      /^ip saddr 10\.1\.0\.0\/16 goto service-.*\nfib saddr type local jump mark-for-masquerade\n.*\ngoto local-/s,
    );
  });

  it('remember clients for as long as session affinity says', () => {
    const set = rules({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }, endpoints);
    expect([...set.sets.values()]).to.deep.equal(Array.from({ length: 2 }, () => 'type ipv4_addr; flags dynamic,timeout; timeout 60s;'));
    expect([...set.chains.values()].flat().filter((r) => r.startsWith('update @affinity-'))).to.have.length(2);
  });

  it('of load balancers serve external addresses, unless a proxy outside does', () => {
    const lb = service({ type: 'LoadBalancer', externalIPs: ['192.0.2.7'] });
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.8' }, { ip: '192.0.2.9', ipMode: 'Proxy' }] } };
    const set = rulesetOf(servicePortsOf({ ...lb, status }, [slice(endpoints)], 'IPv4', here), options);
    expect([...set.elements.keys()].filter((k) => k.includes('192.0.2.'))).to.deep.equal([
      'service-ips 192.0.2.7 . tcp . 80',
      'service-ips 192.0.2.8 . tcp . 80',
    ]);
  });

  it('hold no character of an object that nft would read', () => {
    const evil = service({ ports: [{ name: 'a; flush ruleset #', port: 80 }] });
    const ports = [{ name: 'a; flush ruleset #', port: 8080 }];
    const set = rulesetOf(
      servicePortsOf(evil, [{ ...slice([end('10.1.1.2'), end('1 } evil'), end('fe80::1%evil'), end('fd00::1')]), ports }], 'IPv4', here),
      options,
    );
    expect(changes('IPv4', { chains: new Map(), sets: new Map(), elements: new Map() }, set)).to.not.match(/#|flush ruleset|evil|fd00/);
  });
});

describe('UDP flows', () => {
  const udp = (endpoints: readonly Endpoint[]) =>
    servicePortsOf(
      service({ type: 'NodePort', ports: [{ name: 'dns', protocol: 'UDP', port: 53, nodePort: 30053 }] }),
      [{ ...slice(endpoints), ports: [{ name: 'dns', protocol: 'UDP', port: 53 }] }],
      'IPv4',
      here,
    );

  it('are forgotten when their endpoint is gone, and when a service gets its first one', () => {
    const [none, one, two] = [udp([]), udp([end('10.1.1.2')]), udp([end('10.1.1.2'), end('10.1.1.3')])];
    expect(staleFlows(two, one)).to.deep.equal([
      ['--orig-dst', '10.201.0.9', '--orig-port-dst', '53', '--reply-src', '10.1.1.3'],
      ['--orig-port-dst', '30053', '--reply-src', '10.1.1.3'],
    ]);
    expect(staleFlows(none, one).map((f) => f.join(' '))).to.deep.equal([
      '--orig-dst 10.201.0.9 --orig-port-dst 53',
      '--orig-port-dst 30053',
    ]);
    expect(staleFlows(one, two)).to.deep.equal([]);
    expect(staleFlows(one, [])).to.have.length(2);
  });
});

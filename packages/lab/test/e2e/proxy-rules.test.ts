import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { array, asyncProperty, assert, constantFrom, option, record, subarray } from 'fast-check';
import { createHostNet } from '@kosmos/hostnet';
import { needs } from '@kosmos/testing';
import { rulesetOf, type Ruleset } from '../../src/proxy/ruleset.ts';
import { servicePortsOf } from '../../src/proxy/service-ports.ts';
import { changes, TABLE, wholeTable } from '../../src/proxy/transaction.ts';
import { service, slice } from '../support/services.ts';

/** What one service may look like; several of them make a state of the cluster. */
const anyService = record({
  endpoints: subarray(['10.1.1.2', '10.1.1.3', '10.1.2.2']),
  type: constantFrom('ClusterIP', 'NodePort'),
  sessionAffinity: constantFrom('None', 'ClientIP'),
  timeoutSeconds: constantFrom(10, 20),
  internalTrafficPolicy: constantFrom('Cluster', 'Local'),
  externalTrafficPolicy: constantFrom('Cluster', 'Local'),
});

function rulesOf(states: readonly (ReturnType<typeof stateOf> | null)[]): Ruleset {
  const ports = states.flatMap((state, i) => {
    if (!state) return [];
    const name = `web-${i}`;
    const { endpoints, timeoutSeconds, ...spec } = state;
    const ips = { clusterIP: `10.201.0.${i}`, clusterIPs: [`10.201.0.${i}`] };
    const nodePort = spec.type === 'NodePort' ? { nodePort: 30_000 + i } : {};
    const all = {
      ...spec,
      ...ips,
      ports: [{ name: 'http', port: 80, ...nodePort }],
      sessionAffinityConfig: { clientIP: { timeoutSeconds } },
    };
    const ends = endpoints.map((ip) => ({ addresses: [ip], nodeName: ip.startsWith('10.1.1.') ? 'n1' : 'n2' }));
    return servicePortsOf(service(all, name), [slice(ends, name)], 'IPv4', { name: 'n1', zone: undefined });
  });
  return rulesetOf(ports, { family: 'IPv4', podCIDR: '10.1.0.0/16' });
}
const stateOf = (state: {
  endpoints: string[];
  type: string;
  sessionAffinity: string;
  timeoutSeconds: number;
  internalTrafficPolicy: string;
  externalTrafficPolicy: string;
}) => state;

describe("kube-proxy's table in the kernel", function () {
  this.timeout(60_000);
  const netns = `kosmos-test-${randomBytes(4).toString('hex')}`;
  const here = createHostNet();
  const net = createHostNet({ netns });

  before(needs('root', 'ip', 'nft'));
  before(() => here.apply([{ op: 'addNetns', name: netns }]));
  after(() => here.applyAll([{ op: 'deleteNetns', name: netns }]));

  /** The kernel's listing; the order of chains, sets and elements says when they were made, which is no matter. */
  const listing = async (family: 'ip' | 'ip6' = 'ip') =>
    ((await net.nftTable({ family, name: TABLE })) ?? [])
      .map((object) =>
        JSON.stringify(object, (_, value: unknown) =>
          Array.isArray(value) && _ === 'elem' ? value.map((v) => JSON.stringify(v)).sort() : value,
        ),
      )
      .sort();

  it('is, change by change, what it would be if it were written anew', async () => {
    await assert(
      asyncProperty(array(array(option(anyService), { minLength: 2, maxLength: 4 }), { minLength: 2, maxLength: 5 }), async (states) => {
        let before = rulesOf([]);
        await net.nftScript(wholeTable('IPv4', ['10.101.0.11'], before));
        for (const state of states) {
          const next = rulesOf(state);
          const text = changes('IPv4', before, next);
          if (text !== '') await net.nftScript(text);
          before = next;
        }
        const seen = await listing();
        await net.nftScript(wholeTable('IPv4', ['10.101.0.11'], before));
        expect(seen).to.deep.equal(await listing());
      }),
      { numRuns: 15, endOnFailure: true },
    );
  });

  it('has the invalid drop, the mark and the masquerade that kube-proxy has, in both families', async () => {
    for (const [family, table, node] of [
      ['IPv4', 'ip', '10.101.0.11'],
      ['IPv6', 'ip6', 'fd00::b'],
    ] as const) {
      await net.nftScript(wholeTable(family, [node], rulesOf([])));
      const rules = (await listing(table)).join('\n');
      expect(rules)
        .to.match(/"chain":"filter-forward".*"invalid".*"drop"/)
        .and.match(/"chain":"masquerading".*"masquerade"/)
        .and.include('16384');
    }
  });
});

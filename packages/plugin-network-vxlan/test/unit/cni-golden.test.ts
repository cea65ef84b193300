import type { Node, ServiceCIDR } from '@kosmos/api';
import { expect } from 'chai';
import { READERS } from '../../src/inventory/cni/index.ts';
import { CONTROL_PLANE, KUBEADM, readKubernetes } from '../../src/inventory/cni/kubernetes.ts';
import { withBlocks } from '../../src/inventory/cidrs.ts';
import { rangeInMessage } from '../../src/inventory/probe.ts';
import { statedServiceCIDRs } from '../../src/inventory/services.ts';
import { canonicalCidrs } from '../../src/plan/address.ts';
import { GOLDEN, seenIn } from '../support/golden-cni.ts';

describe('CIDRs as CNIs and Kubernetes write them', () => {
  it('are those of 21 cases', () => expect(GOLDEN).to.have.length(21));

  for (const { name, cni, objects, expected } of GOLDEN) {
    describe(name, () => {
      const seen = seenIn(objects);
      const reader = READERS.find(({ cnis }) => cnis.includes(cni));
      const reading = reader ? reader.read(seen) : readKubernetes(seen);

      it('has these pod CIDRs', () => {
        expect(canonicalCidrs(reading.podCIDRs ?? [])).to.have.members(expected.podCIDRs);
        if (!expected.podCIDRsFallbackUnion) return;
        const blocks = seen.nodes.flatMap((node) => reading.nodePodCIDRs!(node));
        expect(withBlocks(reading.podCIDRs ?? [], blocks)).to.have.members(expected.podCIDRsFallbackUnion);
      });

      it('has these pod CIDRs on its nodes', () => {
        const found = seen.nodes.map((node: Node) => [node.metadata.name, canonicalCidrs(reading.nodePodCIDRs!(node)).sort()] as const);
        const wanted = Object.entries(expected.nodes).map(([node, cidrs]) => [node, [...cidrs].sort()] as const);
        expect(Object.fromEntries(found)).to.deep.equal(Object.fromEntries(wanted));
      });

      it('has these service CIDRs', () => {
        const ranges = objects.filter(({ kind }) => kind === 'ServiceCIDR') as unknown as ServiceCIDR[];
        const cniSays = () => reading.serviceCIDRs ?? [];
        const found = statedServiceCIDRs({ ranges, servers: seen.list(CONTROL_PLANE), cni: cniSays, kubeadm: seen.list(KUBEADM) })!;
        const named = objects
          .filter(({ kind }) => kind === 'Status')
          .map((status) => rangeInMessage((status as { message?: string }).message!));
        expect(canonicalCidrs([...found.ready, ...named.filter((cidr) => cidr !== undefined)])).to.have.members(expected.serviceCIDRs);
        expect(canonicalCidrs(found.ending)).to.have.members(expected.terminating ?? []);
        for (const [message, cidr] of Object.entries(expected.perMessage ?? {})) {
          const status = objects.find((object) => (object as { details?: { name: string } }).details?.name === message) as {
            message?: string;
          };
          expect(rangeInMessage(status.message!) ?? null, message).to.equal(cidr); // eslint-disable-line unicorn/no-null -- as the case has it
        }
      });
    });
  }
});

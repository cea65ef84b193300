/** Two clusters in gateway mode whose gateways have spares, and which of them are in use. */
import { resolve } from 'node:path';
import { ClusterKind } from '@kosmos/api';
import { type Lab, topologyOf } from '@kosmos/lab';
import { eventually, startTestLab } from '@kosmos/testing';
import { podIP, PROBE, reaches, runPod } from './network.ts';

export const SPARES = resolve('examples/failover/kosmos.config.ts');

/** Of three nodes each, with a gateway in use and a spare one, n1 and n2; the pod `probe` is on n3, which is none. */
export async function startSpares(): Promise<Lab> {
  const lab = await startTestLab({
    config: SPARES,
    topology: topologyOf({ clusters: [{ nodes: 3 }, { nodes: 3 }] }),
  });
  const host = lab.client('c1');
  for (const { name } of lab.clusters) {
    // Only n1 and n2 are candidates, so that the pods' node is none.
    for (const node of ['n1', 'n2'])
      await lab.client(name).request('PATCH', `/api/v1/nodes/${node}`, {
        body: { metadata: { labels: { 'kosmos.io/gateway': 'true' } } },
        contentType: 'application/merge-patch+json',
      });
    await host.patch(ClusterKind, name, { spec: { clusterLinkOptions: { networkType: 'gateway' } } });
  }
  await Promise.all(lab.clusters.map(({ name }) => gateways(lab, name)));
  await Promise.all(lab.clusters.map(({ name }) => runPod(lab, name, 'probe', 'n3', PROBE)));
  await reaches(lab, 'c1/probe', podIP(lab, 'c2/probe'), 60_000);
  return lab;
}

/** Names of the nodes that are gateways of a cluster, best first, once both are elected. */
export function gateways(lab: Lab, cluster: string): Promise<string[]> {
  return eventually(
    async () => {
      const found = (await lab.client('c1').get(ClusterKind, cluster))?.status?.clusterLinkStatus?.gateways ?? [];
      if ([...found].sort().join() !== `${cluster}-n1,${cluster}-n2`) throw new Error(`saw ${found.join()}`);
      return found.map((name) => name.slice(cluster.length + 1));
    },
    { message: `the gateways of ${cluster}`, timeoutMs: 60_000 },
  );
}

/**
 * The node, of the gateways of `cluster`, that a node sends the other clusters' packets through. Not always the first: one that
 * a busy machine kept from answering is not used for a while.
 */
export async function usedBy(lab: Lab, node: string, cluster: string): Promise<string | undefined> {
  const { stdout } = await lab.exec(node, ['ip', 'nexthop', 'show']);
  const member = /group (\d+)/.exec(stdout)?.[1];
  // Of an overlay address all but the first octet is the node's own, with the networks that Kosmos has by default.
  const host = new RegExp(`^id ${member} via \\d+\\.(\\S+)`, 'm').exec(stdout)?.[1];
  return lab.clusters.find(({ name }) => name === cluster)?.nodes.find(({ address }) => address.replace(/^\d+\./, '') === host)?.name;
}

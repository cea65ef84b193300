import { resolve } from 'node:path';
import { ClusterKind } from '@kosmos/api';
import { type Lab, topologyOf } from '@kosmos/lab';
import { cleanUp, eventually, needs, startTestLab } from '@kosmos/testing';
import { expect } from 'chai';
import { httpGet, podIP, reaches, runPod } from '../support/network.ts';

describe('two clusters with equal networks, in a lab', function () {
  this.timeout(180_000);
  let lab: Lab;

  before(needs('root', 'ip', 'nft', 'ping'));
  before(async () => {
    const networks = { podCIDR: '10.50.0.0/16', serviceCIDR: '10.250.0.0/16' };
    lab = await startTestLab({
      config: resolve('examples/globalip/kosmos.config.ts'),
      topology: topologyOf({
        clusters: [
          { ...networks, nodes: 1 },
          { ...networks, nodes: 1 },
        ],
      }),
    });
    await Promise.all(['c1', 'c2'].map((cluster) => runPod(lab, cluster, 'echo', 'n1')));
  });
  after(cleanUp);

  /** How others see the pod `echo` of a cluster, by what the pool gave for its node. */
  const seen = (cluster: string) =>
    eventually(
      async () => {
        const map = (await lab.client('c1').get(ClusterKind, cluster))?.status?.clusterLinkStatus?.globalCIDRsMap ?? {};
        const ip = podIP(lab, `${cluster}/echo`);
        const [, to] = Object.entries(map).find(([real]) => real.startsWith('10.50.')) ?? [];
        return to && ip.replace(/^10\.50\.1\./, to.replace(/0\/24$/, '').replace(/0\.0\/16$/, '1.'));
      },
      { message: `${cluster} is given global networks`, timeoutMs: 60_000 },
    );

  it('are given global networks, by which their pods reach each other and see each other', async () => {
    const [one, two] = await Promise.all([seen('c1'), seen('c2')]);
    expect(one)
      .to.match(/^100\./)
      .and.not.equal(two);
    await reaches(lab, 'c1/echo', two, 60_000);
    await reaches(lab, 'c2/echo', one, 60_000);
    expect(await httpGet(lab, 'c1/echo', `http://${two}:8080/`)).to.include({ cluster: 'c2', pod: 'echo', peer: one });
    expect(await httpGet(lab, 'c2/echo', `http://${one}:8080/`)).to.include({ cluster: 'c1', pod: 'echo', peer: two });
  });
});

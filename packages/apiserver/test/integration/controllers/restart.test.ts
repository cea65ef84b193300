import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Cluster, DEPLOYMENTS, deployment, MAPS_OF, type Obj } from './support.ts';

describe('Controllers after a restart', function () {
  this.timeout(60_000);
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'kosmos-controllers-data-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('go on with what was begun, and write nothing where all is as it should be', async () => {
    let cluster = await Cluster.start({ dataDir: dir, kubelets: false });
    await cluster.node('n1');
    await cluster.create(DEPLOYMENTS, deployment('web', 5));
    await cluster.stop(); // at whatever point it is
    cluster = await Cluster.start({ dataDir: dir });
    try {
      await cluster.until('it is rolled out', async () => (await cluster.get(`${DEPLOYMENTS}/web`)).status.availableReplicas === 5);
      expect(await cluster.pods()).to.have.lengthOf(5);
    } finally {
      await cluster.stop();
    }
    cluster = await Cluster.start({ dataDir: dir, controllers: [] });
    const version = async (): Promise<string> => (await cluster.client.call('GET', MAPS_OF)).body.metadata.resourceVersion;
    const before = await version();
    await cluster.stop();
    cluster = await Cluster.start({ dataDir: dir });
    try {
      // A pod that is made and gone shows that every controller has had its turn.
      const made: Obj = await cluster.create('/api/v1/namespaces/default/pods', {
        metadata: { name: 'mark' },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      });
      expect(Number(made.metadata.resourceVersion) - Number(before), 'writes of the start').to.be.at.most(2);
      await cluster.until('it runs', async () => (await cluster.get('/api/v1/namespaces/default/pods/mark')).status.phase === 'Running');
    } finally {
      await cluster.stop();
    }
  });
});

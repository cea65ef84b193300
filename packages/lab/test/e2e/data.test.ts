import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { cleanUp, eventually, needs, onCleanUp, startTestLab, tempDir, tempLabHome } from '@kosmos/testing';
import { plainTopology, startLab, type Lab } from '../../src/index.ts';
import { isAlive, parseStat } from '../../src/state.ts';
import { getPod, kubectl, podManifest } from './support.ts';

const topology = plainTopology(1, 1);

describe('a lab with data', function () {
  this.timeout(180_000);
  before(needs('lab', 'kubectl'));
  before(() => void tempLabHome());
  after(cleanUp);

  /** Everything of the lab ends at once, and with it all namespaces, links and its /run: as when the machine loses its power. */
  async function crash(lab: Lab): Promise<void> {
    const init = parseStat(readFileSync(join(lab.dir, 'init.stat'), 'utf8'));
    process.kill(init?.pid as number, 'SIGKILL');
    await eventually(() => !isAlive(init), { message: 'the lab is gone' });
  }
  const again = async (name: string, data?: string) => {
    const lab = await startLab({ name, ...(data !== undefined && { data }) });
    onCleanUp(() => lab.down());
    return lab;
  };

  it('comes up as it was after the machine has crashed, and after it was taken down', async () => {
    const data = join(tempDir(), 'kept');
    const lab = await startTestLab({ topology, data });
    const { port } = lab.host;
    await lab.addNode('c1');
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } };
    kubectl(lab, 'c1', ['apply', '-f', '-'], { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'kept' }, spec });
    const container = { image: 'lab/echo', volumeMounts: [{ name: 'kept', mountPath: '/kept' }] };
    const volumes = [{ name: 'kept', persistentVolumeClaim: { claimName: 'kept' } }];
    const nodeSelector = { 'kubernetes.io/hostname': 'n1' };
    kubectl(lab, 'c1', ['apply', '-f', '-'], podManifest('web', container, { nodeSelector, volumes }));
    kubectl(lab, 'c1', ['wait', '--for=condition=Ready', 'pod/web', '--timeout=20s']);
    kubectl(lab, 'c1', ['exec', 'web', '--', 'sh', '-c', 'echo here > /kept/file']);
    const { uid } = getPod(lab, 'c1', 'web').metadata;
    const kubeconfig = readFileSync(lab.host.kubeconfig, 'utf8');

    await crash(lab);
    const second = await again(lab.name);
    expect(second.host.port).to.equal(port);
    expect(second.host.nodes.map((n) => n.name)).to.deep.equal(['n1', 'n2']);
    expect(readFileSync(second.host.kubeconfig, 'utf8').replaceAll(/token: .*/g, '')).to.equal(kubeconfig.replaceAll(/token: .*/g, ''));
    expect(getPod(second, 'c1', 'web').metadata.uid).to.equal(uid);
    const answers = () => {
      const ip = getPod(second, 'c1', 'web').status.podIP;
      return second.exec('c1/n2', [process.execPath, '-e', `fetch('http://${ip}:8080/').then((r) => r.text()).then(console.log)`], {
        timeoutMs: 5000,
      });
    };
    await eventually(async () => (await answers()).stdout.includes('"pod":"web"'), { message: 'the pod answers', timeoutMs: 20_000 });

    await second.down();
    expect(existsSync(lab.dir)).to.equal(false);
    const third = await again('under-another-name', data);
    expect(getPod(third, 'c1', 'web').metadata.uid).to.equal(uid);
    await eventually(() => kubectl(third, 'c1', ['exec', 'web', '--', 'cat', '/kept/file']) === 'here\n', { timeoutMs: 20_000 });
  });

  it('is the only one on its data, and is not made another one', async () => {
    const data = tempDir();
    const lab = await startTestLab({ topology, data });
    const refusal = (options: object) =>
      startLab({ name: 'other', data, ...options }).then(
        () => undefined,
        (e: Error & { code: string }) => e.code,
      );
    expect(await refusal({})).to.equal('KOSMOS_E_LAB_RUNNING');
    await lab.down();
    expect(await refusal({ topology: plainTopology(2, 1) })).to.equal('KOSMOS_E_LAB_DATA');
  });
});

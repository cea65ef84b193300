import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { cleanUp, eventually, needs, tempDir } from '@kosmos/testing';
import { traces } from './support.ts';

/** nobody and nogroup on every Linux. */
const NOBODY = 65_534;

const SCRIPT = `
  const { execFileSync } = await import('node:child_process');
  const { startLab, plainTopology } = await import(process.env.LAB_INDEX);
  const lab = await startLab({ name: 'mine', topology: plainTopology(2, 1) });
  const pinged = await lab.exec('c1/n1', ['ping', '-c1', '-W2', '10.102.0.11']);
  const nft = await lab.exec('c1/n1', ['nft', 'list', 'tables']);
  const answer = await fetch(\`http://127.0.0.1:\${lab.host.port}/\`).then(() => 'http', (e) => e.cause?.code ?? String(e));
  const { processes } = await lab.status();
  const kubectl = (args, input) => execFileSync('kubectl', ['--kubeconfig', lab.host.kubeconfig, ...args], { encoding: 'utf8', input });
  kubectl(['create', 'configmap', 'c', '--from-literal=key=word']);
  kubectl(['apply', '-f', '-'], JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'pod' },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{
        name: 'main',
        image: 'x',
        command: ['sleep', 'infinity'],
        volumeMounts: [{ name: 'c', mountPath: '/not/there/before' }, { name: 'c', mountPath: '/etc/of/it' }, { name: 'm', mountPath: '/m' }],
      }],
      volumes: [{ name: 'c', configMap: { name: 'c' } }, { name: 'm', emptyDir: { medium: 'Memory' } }],
    },
  }));
  kubectl(['wait', '--for=condition=Ready', 'pod/pod', '--timeout=20s']);
  const line = 'cat /not/there/before/key /etc/of/it/key; echo; touch /etc/own /tmp/own /m/own && hostname && cat /etc/hostname';
  const said = kubectl(['exec', 'pod', '--', 'sh', '-c', line]);
  kubectl(['delete', 'pod', 'pod', '--timeout=15s']);
  await lab.down();
  console.log(JSON.stringify({ uid: process.getuid(), ping: pinged.code, nft: nft.stdout, answer, said, processes: processes.map((p) => p.state) }));
`;

describe('a user who is not root', function () {
  this.timeout(60_000);
  before(needs('root', 'ip', 'nft', 'ping', 'kubectl'));
  before(function () {
    const tried = spawnSync('unshare', ['-Urnmpf', 'true'], { uid: NOBODY, gid: NOBODY });
    if (tried.status !== 0) this.skip();
  });
  after(cleanUp);

  it('has labs too, in a user namespace, and leaves nothing of them', async () => {
    const home = tempDir();
    chownSync(home, NOBODY, NOBODY);
    chmodSync(home, 0o700);
    const before = traces(home);
    const env = {
      PATH: process.env.PATH,
      HOME: home,
      KOSMOS_LAB_HOME: home,
      LAB_INDEX: fileURLToPath(new URL('../../src/index.ts', import.meta.url)),
    };
    const args = ['--conditions=@kosmos/source', '--input-type=module', '-e', SCRIPT];
    const ran = spawnSync(process.execPath, args, { uid: NOBODY, gid: NOBODY, env, cwd: '/', encoding: 'utf8', timeout: 50_000 });
    expect(ran.stderr).to.equal('');
    const seen = JSON.parse(ran.stdout) as { answer: string; said: string };
    expect(seen.said).to.equal('wordword\npod\npod\n');
    expect(seen).to.include({ uid: NOBODY, ping: 0, nft: 'table ip cni\ntable ip kube-proxy\n' });
    // Plain HTTP on a TLS port: something answers there, and hangs up.
    expect(seen.answer).not.to.equal('ECONNREFUSED');
    expect(existsSync(join(home, 'labs'))).to.equal(false);
    await eventually(() => traces(home).processes.length === before.processes.length);
  });
});

import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { cleanUp, eventually, needs, startTestLab, tempLabHome } from '@kosmos/testing';
import { logs } from '../../src/commands/logs.ts';
import { topologyOf, type Lab } from '../../src/index.ts';
import { getPod, kubectl, podManifest } from './support.ts';

describe('pods of a lab', function () {
  this.timeout(60_000);
  let lab: Lab;

  before(needs('lab', 'kubectl', 'ping'));
  before(async () => {
    tempLabHome();
    lab = await startTestLab({ topology: topologyOf({ clusters: [{ nodes: 2 }] }) });
    for (const node of ['n1', 'n2'])
      kubectl(
        lab,
        'c1',
        ['apply', '-f', '-'],
        podManifest(`echo-${node}`, { image: 'lab/echo' }, { nodeSelector: { 'kubernetes.io/hostname': node } }),
      );
    for (const node of ['n1', 'n2']) kubectl(lab, 'c1', ['wait', '--for=condition=Ready', `pod/echo-${node}`, '--timeout=15s']);
  });
  after(cleanUp);

  it('reach each other across nodes with their own addresses', async () => {
    const [from, to] = [getPod(lab, 'c1', 'echo-n1').status.podIP, getPod(lab, 'c1', 'echo-n2').status.podIP];
    const ask = `fetch('http://${to}:8080/').then((r) => r.text()).then(console.log)`;
    const { stdout } = await lab.exec('c1/echo-n1', [process.execPath, '-e', ask], { timeoutMs: 10_000 });
    expect(JSON.parse(stdout)).to.include({ pod: 'echo-n2', node: 'n2', cluster: 'c1', podIP: to, peer: from });
  });

  it("are masqueraded with their node's address outside the pod network", async () => {
    const { stdout } = await lab.exec('c1/n1', ['nft', 'list', 'ruleset']);
    expect(stdout).to.include('ip saddr 10.1.1.0/24 ip daddr != 10.1.0.0/16');
  });

  it('run the command of any image on this machine, with env, and say so in their log', async () => {
    const env = [{ name: 'WHO', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }];
    kubectl(
      lab,
      'c1',
      ['apply', '-f', '-'],
      podManifest('hello', { image: 'busybox', command: ['sh', '-c', 'echo hello $(WHO); sleep 100'], env }),
    );
    kubectl(lab, 'c1', ['wait', '--for=condition=Ready', 'pod/hello', '--timeout=15s']);
    const printed: string[] = [];
    const stdout = { write: (chunk: Buffer) => printed.push(chunk.toString()) > 0 };
    await eventually(async () => {
      printed.length = 0;
      await logs.run({ args: [`${lab.name}/c1/hello`], options: {}, stdout, signal: new AbortController().signal } as never);
      return printed.join('') === 'hello hello\n';
    });
  });

  it('of an unknown image without a command wait with ErrImagePull and a hint', async () => {
    kubectl(lab, 'c1', ['apply', '-f', '-'], podManifest('unknown', { image: 'nginx' }));
    const waiting = await eventually(() => getPod(lab, 'c1', 'unknown').status.containerStatuses?.[0]?.state.waiting);
    expect(waiting.reason).to.equal('ErrImagePull');
    expect(waiting.message).to.include('lab/echo').and.include('give the container a command');
    await eventually(() => kubectl(lab, 'c1', ['get', 'events', '-o', 'json']).includes('Failed to pull image'));
  });

  it('that fail are started again, and end for good when they may not be', async () => {
    kubectl(lab, 'c1', ['apply', '-f', '-'], podManifest('again', { image: 'x', command: ['false'] }));
    kubectl(
      lab,
      'c1',
      ['apply', '-f', '-'],
      podManifest('once', { image: 'x', command: ['sh', '-c', 'exit 3'] }, { restartPolicy: 'Never' }),
    );
    await eventually(() => getPod(lab, 'c1', 'again').status.containerStatuses?.[0]?.restartCount === 1);
    const once = await eventually(() => getPod(lab, 'c1', 'once').status.phase === 'Failed' && getPod(lab, 'c1', 'once').status);
    expect(once.containerStatuses[0]?.state.terminated?.exitCode).to.equal(3);
  });

  it('that are deleted are killed when they do not end by themselves, and free their namespace', async () => {
    kubectl(
      lab,
      'c1',
      ['apply', '-f', '-'],
      podManifest('stubborn', { image: 'x', command: ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'] }),
    );
    kubectl(lab, 'c1', ['wait', '--for=condition=Ready', 'pod/stubborn', '--timeout=15s']);
    const { netns } = lab.pod('c1/stubborn');
    expect((await lab.exec('c1/cp', ['ls', '/run/netns'])).stdout).to.include(netns);
    kubectl(lab, 'c1', ['delete', 'pod', 'stubborn', '--timeout=10s']);
    expect((await lab.exec('c1/cp', ['ls', '/run/netns'])).stdout).not.to.include(netns);
    expect(() => lab.pod('c1/stubborn')).to.throw(/no running pod 'stubborn'/);
  });

  it('outlive their kubelet, which takes them over when it starts again', async () => {
    const before = lab.pod('c1/echo-n1');
    await lab.kill('c1/n1/kubelet');
    await eventually(async () =>
      (await lab.status()).processes.some((p) => p.name === 'c1/n1/kubelet' && p.state === 'running' && p.restarts === 1),
    );
    expect(lab.pod('c1/echo-n1').containers[0]?.process).to.deep.equal(before.containers[0]?.process);
    kubectl(lab, 'c1', ['delete', 'pod', 'echo-n1', '--timeout=10s']);
    expect((await lab.exec('c1/cp', ['ls', '/run/netns'])).stdout).not.to.include(before.netns);
  });

  it('and objects outlive the API server, which comes back at the same address', async () => {
    const { uid } = getPod(lab, 'c1', 'echo-n2').metadata;
    await lab.stopProcess('c1/apiserver');
    await lab.startProcess('c1/apiserver');
    expect(getPod(lab, 'c1', 'echo-n2').metadata.uid).to.equal(uid);
  });

  it('follow when a node comes, and go when it goes', async () => {
    const node = await lab.addNode('c1');
    expect(node).to.include({ name: 'n3', podCIDR: '10.1.3.0/24' });
    expect(kubectl(lab, 'c1', ['get', 'node', 'n3'])).to.match(/ Ready /);
    kubectl(lab, 'c1', ['apply', '-f', '-'], podManifest('on-n3', { image: 'lab/pause' }, { nodeName: 'n3' }));
    kubectl(lab, 'c1', ['wait', '--for=condition=Ready', 'pod/on-n3', '--timeout=15s']);
    const ping = ['ping', '-c1', '-W2', getPod(lab, 'c1', 'on-n3').status.podIP];
    expect((await lab.exec('c1/echo-n2', ping)).code).to.equal(0);
    await lab.removeNode('c1', 'n3');
    expect(kubectl(lab, 'c1', ['get', 'nodes,pods', '-o', 'name'])).not.to.match(/n3/);
    expect((await lab.exec('c1/n2', ['ip', 'route'])).stdout).not.to.include('10.1.3.0');
    expect(existsSync(`${lab.dir}/c1/nodes/n3`)).to.equal(false);
  });

  it('are not found by a wrong name, which is answered with those there are', () => {
    expect(() => lab.netns('c1/none'))
      .to.throw(/no node and no running pod 'none'/)
      .with.property('hint')
      .that.matches(/n1, n2, cp, .*echo-n2/);
    expect(() => lab.netns('c9/n1')).to.throw(/has no cluster 'c9'/);
  });
});

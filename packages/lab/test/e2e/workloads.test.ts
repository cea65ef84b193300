import { expect } from 'chai';
import { cleanUp, eventually, needs, startTestLab, tempLabHome } from '@kosmos/testing';
import { topologyOf, type Lab } from '../../src/index.ts';
import { getPod, kubectl } from './support.ts';

/** Asks the port 80 of an address every 10 ms; prints who answered when, as JSON. */
const ASK = `(async () => {
  const [ip, count] = process.argv.slice(1);
  const answers = [];
  for (let i = 0; i < count; i += 1) {
    const { pod } = await (await fetch('http://' + ip + '/', { headers: { connection: 'close' } })).json();
    answers.push([pod, Date.now()]);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  console.log(JSON.stringify(answers));
})()`;

describe('workloads of a lab', function () {
  this.timeout(120_000);
  let lab: Lab;

  before(needs('lab', 'kubectl'));
  before(async () => {
    tempLabHome();
    lab = await startTestLab({ topology: topologyOf({ clusters: [{ nodes: 2 }] }) });
  });
  after(cleanUp);

  const run = (...args: string[]): string => kubectl(lab, 'c1', args);
  const status = (what: string): string => run('rollout', 'status', what, '--timeout=18s');
  const container = { name: 'main', image: 'lab/echo' };
  const template = (app: string, spec: object) => ({
    metadata: { labels: { app } },
    spec: { terminationGracePeriodSeconds: 1, containers: [container], ...spec },
  });

  it('roll out, roll on and back as Deployments, and are endpoints of their service', async () => {
    run('create', 'deployment', 'web', '--image=lab/echo', '--replicas=4', '--port=8080');
    run('expose', 'deployment', 'web');
    expect(status('deployment/web')).to.contain('successfully rolled out');
    const nodes = run('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].spec.nodeName}').split(' ').sort();
    expect(nodes).to.deep.equal(['n1', 'n1', 'n2', 'n2']);
    run('set', 'env', 'deployment/web', 'A=1');
    expect(status('deployment/web')).to.contain('successfully rolled out');
    run('rollout', 'undo', 'deployment/web');
    expect(status('deployment/web')).to.contain('successfully rolled out');
    expect(run('get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].env}')).to.equal('');
    await eventually(() => {
      const ips = run('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].status.podIP}').split(' ').sort();
      const endpoints = run(
        'get',
        'endpointslices',
        '-l',
        'kubernetes.io/service-name=web',
        '-o',
        'jsonpath={.items[0].endpoints[*].addresses[0]}',
      );
      expect(endpoints.split(' ').sort()).to.deep.equal(ips);
      return true;
    });
    run('delete', 'deployment,service', 'web', '--cascade=foreground', '--timeout=18s');
    expect(run('get', 'pods,replicasets,endpointslices', '-o', 'name').trim()).to.match(/^(endpointslice.*\/kubernetes)?$/);
  });

  it('keep a history, to any of which they go back, are restarted, and wait while they are paused', () => {
    const image = () => run('get', 'deployment', 'old', '-o', 'jsonpath={.spec.template.spec.containers[0].image}');
    run('create', 'deployment', 'old', '--image=lab/echo:1');
    status('deployment/old');
    for (const tag of ['2', '3']) {
      run('set', 'image', 'deployment/old', `echo=lab/echo:${tag}`);
      run('annotate', 'deployment/old', `kubernetes.io/change-cause=to ${tag}`, '--overwrite');
      status('deployment/old');
    }
    run('rollout', 'undo', 'deployment/old', '--to-revision=1');
    status('deployment/old');
    expect(image()).to.equal('lab/echo:1');
    expect(run('rollout', 'history', 'deployment/old').trim().split('\n').slice(1)).to.deep.equal([
      'REVISION  CHANGE-CAUSE',
      '2         to 2',
      '3         to 3',
      '4         <none>',
    ]);
    run('rollout', 'restart', 'deployment/old');
    status('deployment/old');
    run('rollout', 'pause', 'deployment/old');
    run('set', 'image', 'deployment/old', 'echo=lab/echo:4');
    run('wait', '--for=jsonpath={.status.conditions[?(@.type=="Progressing")].reason}=DeploymentPaused', 'deployment/old', '--timeout=18s');
    expect(run('get', 'pods', '-l', 'app=old', '-o', 'jsonpath={.items[*].spec.containers[0].image}')).not.to.include('lab/echo:4');
    run('rollout', 'resume', 'deployment/old');
    expect(status('deployment/old')).to.contain('successfully rolled out');
    run('delete', 'deployment', 'old');
  });

  it('are balanced over, and left within 2 s by a Service when they fail their probe', async () => {
    const readinessProbe = { exec: { command: ['test', '!', '-e', '/tmp/bad'] }, periodSeconds: 1, failureThreshold: 1 };
    kubectl(lab, 'c1', ['apply', '-f', '-'], {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'three' },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: 'three' } },
        template: template('three', { containers: [{ ...container, readinessProbe }] }),
      },
    });
    status('deployment/three');
    run('expose', 'deployment', 'three', '--port=80', '--target-port=8080');
    const ip = run('get', 'service', 'three', '-o', 'jsonpath={.spec.clusterIP}');
    const pods = run('get', 'pods', '-l', 'app=three', '-o', 'jsonpath={.items[*].metadata.name}').split(' ').sort();
    /** Who answers each of some requests that come one after the other, and when. */
    const ask = async (count: number) =>
      JSON.parse((await lab.exec('c1/cp', [process.execPath, '-e', ASK, ip, String(count)], { timeoutMs: 15_000 })).stdout) as [
        string,
        number,
      ][];
    const answering = (answers: readonly [string, number][]) => [...new Set(answers.map(([pod]) => pod))].sort();
    await eventually(async () => {
      expect(answering(await ask(30))).to.deep.equal(pods);
      return true;
    });
    const [gone = ''] = pods;
    run('exec', gone, '--', 'touch', '/tmp/bad');
    const since = Date.now();
    const answers = await ask(300);
    expect(answering(answers.filter(([, at]) => at > since + 2000))).to.deep.equal(pods.slice(1));
    run('delete', 'deployment,service', 'three');
  });

  it('keep their data through the deletion of their pods as StatefulSets with claims', async () => {
    const mounted = { ...container, volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    const claim = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Mi' } } } };
    kubectl(lab, 'c1', ['apply', '-f', '-'], {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db' },
      spec: {
        serviceName: 'db',
        replicas: 2,
        selector: { matchLabels: { app: 'db' } },
        template: template('db', { containers: [mounted] }),
        volumeClaimTemplates: [claim],
      },
    });
    status('statefulset/db');
    for (const pod of ['db-0', 'db-1']) run('exec', pod, '--', 'sh', '-c', `echo of ${pod} > /data/file`);
    const { uid } = getPod(lab, 'c1', 'db-1').metadata;
    run('delete', 'pod', 'db-0', 'db-1', '--timeout=18s');
    await eventually(() => getPod(lab, 'c1', 'db-1').metadata.uid !== uid, { timeoutMs: 20_000 });
    status('statefulset/db');
    for (const pod of ['db-0', 'db-1']) expect(run('exec', pod, '--', 'cat', '/data/file')).to.equal(`of ${pod}\n`);
    run('delete', 'statefulset', 'db', '--timeout=18s');
    run('delete', 'pvc', '--all', '--timeout=18s');
    await eventually(() => run('get', 'pv', '-o', 'name') === '');
  });

  it('end as Jobs, and run on each node as DaemonSets', async () => {
    const job = template('count', { restartPolicy: 'Never', containers: [{ name: 'main', image: 'x', command: ['true'] }] });
    kubectl(lab, 'c1', ['apply', '-f', '-'], {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'count' },
      spec: { completions: 3, parallelism: 2, template: job },
    });
    run('wait', '--for=condition=complete', 'job/count', '--timeout=18s');
    expect(run('get', 'job', 'count', '-o', 'jsonpath={.status.succeeded}')).to.equal('3');
    kubectl(lab, 'c1', ['apply', '-f', '-'], {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent' },
      spec: { selector: { matchLabels: { app: 'agent' } }, template: template('agent', {}) },
    });
    status('daemonset/agent');
    expect(run('get', 'pods', '-l', 'app=agent', '-o', 'jsonpath={.items[*].spec.nodeName}').split(' ').sort()).to.deep.equal(['n1', 'n2']);
  });

  it('are evicted from a node that is drained, as their budget allows, and do not come back to it', async () => {
    run('create', 'deployment', 'busy', '--image=lab/echo', '--replicas=3');
    status('deployment/busy');
    run('create', 'poddisruptionbudget', 'busy', '--selector=app=busy', '--min-available=2');
    run('drain', 'n1', '--ignore-daemonsets', '--force', '--timeout=18s');
    status('deployment/busy');
    expect(new Set(run('get', 'pods', '-l', 'app=busy', '-o', 'jsonpath={.items[*].spec.nodeName}').split(' '))).to.deep.equal(
      new Set(['n2']),
    );
    run('uncordon', 'n1');
  });
});

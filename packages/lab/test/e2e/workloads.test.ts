import { expect } from 'chai';
import { cleanUp, eventually, needs, startTestLab, tempLabHome } from '@kosmos/testing';
import { topologyOf, type Lab } from '../../src/index.ts';
import { getPod, kubectl } from './support.ts';

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

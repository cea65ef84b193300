import { expect } from 'chai';
import { Client } from './client.ts';

const core = '/api/v1/namespaces/default';
const pod = (name: string, spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});

describe('what kube-apiserver does to new objects', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());
  const post = (path: string, object: object): ReturnType<Client['call']> => client.call('POST', path, object);

  it('a pod runs as its service account, and has its token mounted unless one of them says no', async () => {
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', imagePullSecrets: [{ name: 'pull' }] };
    await post(`${core}/serviceaccounts`, { ...account, metadata: { name: 'worker' } });
    await post(`${core}/serviceaccounts`, { ...account, metadata: { name: 'shy' }, automountServiceAccountToken: false });
    const { spec } = (await post(`${core}/pods`, pod('worker', { serviceAccountName: 'worker' }))).body;
    expect(spec.imagePullSecrets).to.deep.equal([{ name: 'pull' }]);
    const [volume] = spec.volumes;
    expect(volume.name).to.match(/^kube-api-access-[a-z0-9]{5}$/);
    expect(volume.projected.sources.map((s: object) => Object.keys(s)[0])).to.deep.equal([
      'serviceAccountToken',
      'configMap',
      'downwardAPI',
    ]);
    expect(spec.containers[0].volumeMounts).to.deep.equal([
      { name: volume.name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
    ]);
    expect((await post(`${core}/pods`, pod('shy', { serviceAccountName: 'shy' }))).body.spec.volumes).to.equal(undefined);
    const no = await post(`${core}/pods`, pod('no', { serviceAccountName: 'worker', automountServiceAccountToken: false }));
    expect(no.body.spec.volumes).to.equal(undefined);
    const nobody = await post(`${core}/pods`, pod('nobody', { serviceAccountName: 'nobody' }));
    expect([nobody.status, nobody.body.message]).to.deep.equal([
      403,
      'pods "nobody" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found',
    ]);
  });

  it('a pod waits for the account of its namespace, and is refused where that does not come', async function () {
    this.timeout(10_000);
    await post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'new' } });
    const pods = '/api/v1/namespaces/new/pods';
    const refused = await post(pods, pod('early'));
    expect([refused.status, refused.body.message]).to.deep.equal([
      403,
      'pods "early" is forbidden: error looking up service account new/default: serviceaccount "default" not found',
    ]);
    const waiting = post(pods, pod('patient'));
    await post('/api/v1/namespaces/new/serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } });
    expect((await waiting).status).to.equal(201);
  });

  it('a pod has the priority of its class, and no other', async () => {
    const high = await post(`${core}/pods`, pod('high', { priorityClassName: 'system-node-critical' }));
    expect(high.body.spec).to.include({ priority: 2_000_001_000, preemptionPolicy: 'PreemptLowerPriority' });
    expect((await post(`${core}/pods`, pod('unknown', { priorityClassName: 'unknown' }))).status).to.equal(403);
    expect((await post(`${core}/pods`, pod('wishful', { priority: 7 }))).status).to.equal(403);
    await post('/apis/scheduling.k8s.io/v1/priorityclasses', {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'usual' },
      value: 5,
      globalDefault: true,
    });
    expect((await post(`${core}/pods`, pod('usual'))).body.spec).to.include({ priorityClassName: 'usual', priority: 5 });
  });

  it('a claim that names no class gets the one that is marked, and both names of its source', async () => {
    await post('/apis/storage.k8s.io/v1/storageclasses', {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'fast', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'example.com/fast',
    });
    const claim = (name: string, spec: object): object => ({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
    });
    const { spec } = (
      await post(`${core}/persistentvolumeclaims`, claim('a', { dataSource: { kind: 'PersistentVolumeClaim', name: 'b' } }))
    ).body;
    expect(spec.storageClassName).to.equal('fast');
    expect(spec.dataSourceRef).to.deep.equal({ apiGroup: null, kind: 'PersistentVolumeClaim', name: 'b' });
    const none = await post(`${core}/persistentvolumeclaims`, claim('c', { storageClassName: '' }));
    expect(none.body.spec.storageClassName).to.equal('');
  });

  it('a pod is evicted as its disruption budget allows', async () => {
    await post('/apis/policy/v1/namespaces/default/poddisruptionbudgets', {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'budget' },
      spec: { minAvailable: 1, selector: { matchLabels: { guarded: 'yes' } } },
    });
    const budget = '/apis/policy/v1/namespaces/default/poddisruptionbudgets/budget';
    const merge = { 'content-type': 'application/merge-patch+json' };
    // Only a pod that is ready costs something.
    const running = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    for (const name of ['g1', 'g2']) {
      await post(`${core}/pods`, pod(name, { nodeName: 'n' }));
      await client.call('PATCH', `${core}/pods/${name}`, { metadata: { labels: { guarded: 'yes' } } }, merge);
      await client.call('PATCH', `${core}/pods/${name}/status`, { status: running }, merge);
    }
    const evict = (name: string): ReturnType<Client['call']> =>
      post(`${core}/pods/${name}/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } });
    const early = await evict('g1');
    expect([early.status, early.body.reason, early.body.details.causes[0].reason]).to.deep.equal([
      429,
      'TooManyRequests',
      'DisruptionBudget',
    ]);
    const status = { observedGeneration: 1, disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 };
    await client.call('PATCH', `${budget}/status`, { status }, merge);
    expect((await evict('g1')).status).to.equal(201);
    const after = (await client.call('GET', budget)).body.status;
    expect([after.disruptionsAllowed, Object.keys(after.disruptedPods)]).to.deep.equal([0, ['g1']]);
    expect((await evict('g2')).status).to.equal(429);
    expect((await evict('nobody')).status).to.equal(404);
  });

  it('a node keeps the status that it is made with, and is not ready', async () => {
    const { body } = await post('/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1' },
      spec: { podCIDR: '10.1.0.0/24' },
      status: { capacity: { cpu: '4000m' } },
    });
    expect(body.status).to.deep.include({ capacity: { cpu: '4' }, allocatable: { cpu: '4' } });
    expect(body.spec).to.deep.equal({
      podCIDR: '10.1.0.0/24',
      podCIDRs: ['10.1.0.0/24'],
      taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }],
    });
  });

  it('the namespaces that everything rests on stay', async () => {
    expect((await client.call('DELETE', '/api/v1/namespaces/kube-system')).status).to.equal(403);
  });

  it('a stateful set mounts what it claims, and a job wears the labels of its template', async () => {
    const template = {
      metadata: { labels: { a: 'b' } },
      spec: { containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] },
    };
    const claim = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
    const set = await post('/apis/apps/v1/namespaces/default/statefulsets', {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 's' },
      spec: { serviceName: 's', selector: { matchLabels: { a: 'b' } }, template, volumeClaimTemplates: [claim] },
    });
    expect(set.status).to.equal(201);
    expect(set.body.spec.volumeClaimTemplates[0]).to.deep.include({ kind: 'PersistentVolumeClaim', status: { phase: 'Pending' } });
    const job = await post('/apis/batch/v1/namespaces/default/jobs', {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'j' },
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } },
    });
    expect(job.body.metadata.labels).to.deep.equal(job.body.spec.template.metadata.labels);
  });

  it('a pod gets containers to debug it, and other resources, by their own ways only', async () => {
    const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
    const containers = [{ name: 'c', image: 'i', resources: { requests: { cpu: '500m' } } }];
    await post(`${core}/pods`, pod('open', { containers }));
    const patch = (sub: string, spec: object): ReturnType<Client['call']> =>
      client.call('PATCH', `${core}/pods/open${sub}`, { spec }, strategic);
    const debug = await patch('/ephemeralcontainers', { ephemeralContainers: [{ name: 'e', image: 'i' }], hostNetwork: true });
    expect([debug.status, debug.body.spec.ephemeralContainers[0].name, debug.body.spec.hostNetwork]).to.deep.equal([200, 'e', undefined]);
    const more = { containers: [{ name: 'c', image: 'other', resources: { requests: { cpu: '1' } } }] };
    const resized = await patch('/resize', more);
    expect([resized.body.spec.containers[0].resources, resized.body.spec.containers[0].image]).to.deep.equal([
      { requests: { cpu: '1' } },
      'i',
    ]);
    expect((await patch('', { containers: [{ name: 'c', resources: { requests: { cpu: '2' } } }] })).status).to.equal(422);
    // What it has it keeps: its class, its amounts, the containers that were added.
    expect((await patch('/resize', { containers: [{ name: 'c', resources: { requests: { cpu: null } } }] })).status).to.equal(422);
    expect((await patch('/resize', { containers: [{ name: 'c', resources: { limits: { 'a.b/c': '1' } } }] })).status).to.equal(422);
    expect((await patch('/ephemeralcontainers', { ephemeralContainers: [{ name: 'e', image: 'j' }] })).status).to.equal(422);
    const unfit = { name: 'f', image: 'i', targetContainerName: 'none', ports: [{ containerPort: 1 }] };
    const { body } = await patch('/ephemeralcontainers', { ephemeralContainers: [unfit] });
    expect(body.details.causes.map((c: { field: string }) => c.field)).to.deep.equal([
      'spec.ephemeralContainers[0].targetContainerName',
      'spec.ephemeralContainers[0].ports',
    ]);
  });

  it('a status that cannot be is refused', async () => {
    await post('/apis/apps/v1/namespaces/default/deployments', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd' },
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
    });
    const { status, body } = await client.call(
      'PATCH',
      '/apis/apps/v1/namespaces/default/deployments/d/status',
      { status: { replicas: 1, readyReplicas: 2 } },
      { 'content-type': 'application/merge-patch+json' },
    );
    expect([status, body.details.causes.map((c: { field: string }) => c.field)]).to.deep.equal([422, ['status.readyReplicas']]);
  });

  it('users are bound to the roles that are there, and see what they may', async () => {
    const reader = new Client(client.server, client.server.issueToken('reader', []));
    expect((await reader.call('GET', `${core}/pods`)).status).to.equal(403);
    await post('/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'readers' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'User', name: 'reader' }],
    });
    expect((await reader.call('GET', `${core}/pods`)).status).to.equal(200);
    expect((await reader.call('GET', `${core}/secrets`)).status).to.equal(403);
    const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace: 'default' } };
    const { resourceRules, nonResourceRules } = (await reader.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', review))
      .body.status;
    expect(resourceRules.some((r: { resources: string[] }) => r.resources.includes('pods'))).to.equal(true);
    expect(nonResourceRules.some((r: { nonResourceURLs: string[] }) => r.nonResourceURLs.includes('/openapi/*'))).to.equal(true);
  });
});

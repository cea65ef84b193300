import { expect } from 'chai';
import { Client, type Answer } from './client.ts';

/** What is wrong with an object of a kind: [path, object, causes as "reason field"]. None = created. */
type Case = [path: string, object: Record<string, unknown>, ...causes: string[]];

const core = '/api/v1/namespaces/default';
const apps = '/apis/apps/v1/namespaces/default';
const batch = '/apis/batch/v1/namespaces/default';
const net = '/apis/networking.k8s.io/v1';

const template = (spec: object = {}, labels: object = { a: 'b' }): object => ({
  metadata: { labels },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});
const workload = (spec: object): Record<string, unknown> => ({
  spec: { selector: { matchLabels: { a: 'b' } }, template: template(), ...spec },
});
const pod = (spec: object, container: object = {}): Record<string, unknown> => ({
  spec: { containers: [{ name: 'c', image: 'i', ...container }], ...spec },
});
const service = (spec: object): Record<string, unknown> => ({ spec: { ports: [{ port: 80 }], ...spec } });

const cases: Record<string, Case> = {
  'a probe without a handler': [`${core}/pods`, pod({}, { livenessProbe: {} }), 'FieldValueRequired spec.containers[0].livenessProbe'],
  'a liveness probe that needs two successes': [
    `${core}/pods`,
    pod({}, { livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } }),
    'FieldValueInvalid spec.containers[0].livenessProbe.successThreshold',
  ],
  'a probe at no port': [
    `${core}/pods`,
    pod({}, { readinessProbe: { httpGet: { port: 0 } } }),
    'FieldValueInvalid spec.containers[0].readinessProbe.httpGet.port',
  ],
  'a port named twice': [
    `${core}/pods`,
    pod(
      {},
      {
        ports: [
          { name: 'a', containerPort: 1 },
          { name: 'a', containerPort: 2 },
        ],
      },
    ),
    'FieldValueDuplicate spec.containers[0].ports[1].name',
  ],
  'a volume of two kinds': [
    `${core}/pods`,
    pod({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/' } }] }),
    'FieldValueForbidden spec.volumes[0].hostPath',
  ],
  'a mount of no volume': [
    `${core}/pods`,
    pod({}, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
    'FieldValueNotFound spec.containers[0].volumeMounts[0].name',
  ],
  'a host port that is not the port of the host': [
    `${core}/pods`,
    pod({ hostNetwork: true }, { ports: [{ containerPort: 80, hostPort: 81 }] }),
    'FieldValueInvalid spec.containers[0].ports[0].hostPort',
  ],
  'a node that is selected by nothing': [
    `${core}/pods`,
    pod({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              {
                matchExpressions: [
                  { key: 'a', operator: 'Like' },
                  { key: 'b', operator: 'In' },
                ],
              },
            ],
          },
        },
      },
    }),
    'FieldValueInvalid spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator',
    'FieldValueRequired spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[1].values',
  ],
  'a deployment that selects nothing at all': [
    `${apps}/deployments`,
    { spec: { template: template() } },
    'FieldValueRequired spec.selector',
    'FieldValueInvalid spec.template.metadata.labels',
  ],
  'a strategy that is none': [`${apps}/deployments`, workload({ strategy: { type: 'Sometimes' } }), 'FieldValueNotSupported spec.strategy'],
  'a job of other pods': [
    `${batch}/jobs`,
    { spec: { manualSelector: true, selector: { matchLabels: { a: 'c' } }, template: template({ restartPolicy: 'Never' }) } },
    'FieldValueInvalid spec.template.metadata.labels',
  ],
  'a revision of nothing': [`${apps}/controllerrevisions`, {}, 'FieldValueRequired data'],
  'an environment from nowhere': [
    `${core}/pods`,
    pod({}, { env: [{ name: 'A', valueFrom: {} }] }),
    'FieldValueInvalid spec.containers[0].env[0].valueFrom',
  ],
  'a limit of an unknown resource': [
    `${core}/pods`,
    pod({}, { resources: { requests: { foo: '1' } } }),
    'FieldValueInvalid spec.containers[0].resources.requests[foo]',
    'FieldValueInvalid spec.containers[0].resources.requests[foo]',
  ],
  'a toleration without key and operator': [
    `${core}/pods`,
    pod({ tolerations: [{ effect: 'NoSchedule' }] }),
    'FieldValueInvalid spec.tolerations[0].operator',
  ],
  'no DNS at all': [`${core}/pods`, pod({ dnsPolicy: 'None' }), 'FieldValueRequired spec.dnsConfig'],
  'a user below zero': [`${core}/pods`, pod({ securityContext: { runAsUser: -1 } }), 'FieldValueInvalid spec.securityContext.runAsUser'],
  'an init container with a probe': [
    `${core}/pods`,
    pod({ initContainers: [{ name: 'i', image: 'i', readinessProbe: { tcpSocket: { port: 1 } } }] }),
    'FieldValueForbidden spec.initContainers[0].readinessProbe',
  ],
  'a deployment that selects other pods': [
    `${apps}/deployments`,
    workload({ template: template({}, { a: 'c' }) }),
    'FieldValueInvalid spec.template.metadata.labels',
  ],
  'a deployment whose pods end': [
    `${apps}/deployments`,
    workload({ template: template({ restartPolicy: 'Never' }) }),
    'FieldValueNotSupported spec.template.spec.restartPolicy',
  ],
  'a roll-out that cannot go on': [
    `${apps}/deployments`,
    workload({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
    'FieldValueInvalid spec.strategy.rollingUpdate.maxUnavailable',
  ],
  'a selector without values': [
    `${apps}/replicasets`,
    workload({ selector: { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'a', operator: 'In' }] } }),
    'FieldValueRequired spec.selector.matchExpressions[0].values',
    'FieldValueInvalid spec.selector',
  ],
  'a daemon set that surges and shrinks': [
    `${apps}/daemonsets`,
    workload({ updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } }),
    'FieldValueInvalid spec.updateStrategy.rollingUpdate.maxSurge',
  ],
  'a stateful set with another policy': [
    `${apps}/statefulsets`,
    workload({ podManagementPolicy: 'Some' }),
    'FieldValueInvalid spec.podManagementPolicy',
  ],
  'a job that never ends': [
    `${batch}/jobs`,
    { spec: { template: template({ restartPolicy: 'Always' }) } },
    'FieldValueRequired spec.template.spec.restartPolicy',
  ],
  'an indexed job without a count': [
    `${batch}/jobs`,
    { spec: { completionMode: 'Indexed', parallelism: 1, template: template({ restartPolicy: 'Never' }) } },
    'FieldValueRequired spec.completions',
  ],
  'a schedule of four fields': [
    `${batch}/cronjobs`,
    { spec: { schedule: '* * * *', jobTemplate: { spec: { template: template({ restartPolicy: 'Never' }) } } } },
    'FieldValueInvalid spec.schedule',
  ],
  'a schedule as people write them': [
    `${batch}/cronjobs`,
    {
      spec: {
        schedule: '*/5 0-6,12 1 JAN-MAR mon',
        timeZone: 'Etc/UTC',
        jobTemplate: { spec: { template: template({ restartPolicy: 'Never' }) } },
      },
    },
  ],
  'a node port of a ClusterIP service': [
    `${core}/services`,
    service({ ports: [{ port: 80, nodePort: 30001 }] }),
    'FieldValueForbidden spec.ports[0].nodePort',
  ],
  'a headless node port service': [
    `${core}/services`,
    service({ type: 'NodePort', clusterIP: 'None' }),
    'FieldValueInvalid spec.clusterIPs[0]',
  ],
  'the same port twice': [
    `${core}/services`,
    service({
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 80 },
      ],
    }),
    'FieldValueDuplicate spec.ports[1]',
  ],
  'a traffic policy of nothing outside': [
    `${core}/services`,
    service({ externalTrafficPolicy: 'Local' }),
    'FieldValueInvalid spec.externalTrafficPolicy',
  ],
  'two families in one cluster of one': [`${core}/services`, service({ ipFamilies: ['IPv6'] }), 'FieldValueInvalid spec.ipFamilies[0]'],
  'a headless service for anything': [`${core}/services`, service({ clusterIP: 'None' })],
  'an affinity that lasts for ever': [
    `${core}/services`,
    service({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 100000 } } }),
    'FieldValueInvalid spec.sessionAffinityConfig.clientIP.timeoutSeconds',
  ],
  'a name that is no name': [
    `${core}/services`,
    { spec: { type: 'ExternalName', externalName: 'a_b' } },
    'FieldValueInvalid spec.externalName',
  ],
  'a TLS secret without its key': [
    `${core}/secrets`,
    { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } },
    'FieldValueRequired data[tls.key]',
  ],
  'a claim of nothing': [
    `${core}/persistentvolumeclaims`,
    { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '0' } } } },
    'FieldValueInvalid spec.resources[storage]',
  ],
  'a volume without a source': [
    '/api/v1/persistentvolumes',
    { spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } } },
    'FieldValueRequired spec',
  ],
  'a role without verbs': [
    '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles',
    { rules: [{ apiGroups: [''], resources: ['pods'], verbs: [] }] },
    'FieldValueRequired rules[0].verbs',
  ],
  'a binding of an account of no namespace': [
    '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
    { roleRef: { kind: 'ClusterRole', name: 'x' }, subjects: [{ kind: 'ServiceAccount', name: 'x' }] },
    'FieldValueRequired subjects[0].namespace',
  ],
  'a peer that is two things': [
    `${net}/namespaces/default/networkpolicies`,
    { spec: { podSelector: {}, ingress: [{ from: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }] } },
    'FieldValueForbidden spec.ingress[0].from[0]',
  ],
  'an exception from outside': [
    `${net}/namespaces/default/networkpolicies`,
    { spec: { podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }] }] } },
    'FieldValueInvalid spec.egress[0].to[0].ipBlock.except[0]',
  ],
  'an ingress without a path type': [
    `${net}/namespaces/default/ingresses`,
    { spec: { rules: [{ http: { paths: [{ path: '/', backend: { service: { name: 's', port: { number: 1 } } } }] } }] } },
    'FieldValueRequired spec.rules[0].http.paths[0].pathType',
  ],
  'an ingress to nowhere': [`${net}/namespaces/default/ingresses`, { spec: {} }, 'FieldValueInvalid spec'],
  'a budget of both kinds': [
    '/apis/policy/v1/namespaces/default/poddisruptionbudgets',
    { spec: { minAvailable: 1, maxUnavailable: 1, selector: {} } },
    'FieldValueInvalid spec',
  ],
  'a priority above all': ['/apis/scheduling.k8s.io/v1/priorityclasses', { value: 2_000_000_000 }, 'FieldValueForbidden value'],
  'an endpoint on the loopback': [
    '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
    { addressType: 'IPv4', endpoints: [{ addresses: ['127.0.0.1'] }] },
    'FieldValueInvalid endpoints[0].addresses[0]',
  ],
  'a webhook of nothing': [
    '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
    { webhooks: [{ name: 'a', rules: [{}] }] },
    'FieldValueInvalid webhooks[0].name',
    ...['operations', 'apiGroups', 'apiVersions', 'resources'].map((k) => `FieldValueRequired webhooks[0].rules[0].${k}`),
    'FieldValueRequired webhooks[0].sideEffects',
    'FieldValueRequired webhooks[0].clientConfig',
    'FieldValueRequired webhooks[0].admissionReviewVersions',
  ],
  'an API service of another name': [
    '/apis/apiregistration.k8s.io/v1/apiservices',
    { metadata: { name: 'v1.a.b' }, spec: { group: 'a.c', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1 } },
    'FieldValueInvalid metadata.name',
  ],
  'a driver that is there twice': [
    '/apis/storage.k8s.io/v1/csinodes',
    { spec: { drivers: [{ name: 'a', nodeID: 'n' }, { name: 'a' }] } },
    'FieldValueDuplicate spec.drivers[1].name',
    'FieldValueRequired spec.drivers[1].nodeID',
  ],
  'an attachment of nothing': [
    '/apis/storage.k8s.io/v1/volumeattachments',
    { spec: {} },
    'FieldValueRequired spec.attacher',
    'FieldValueRequired spec.source',
    'FieldValueInvalid spec.nodeName',
  ],
  'a range that ends before it begins': [
    `${core}/limitranges`,
    { spec: { limits: [{ type: 'Pod', min: { cpu: '2' }, max: { cpu: '1' } }] } },
    'FieldValueInvalid spec.limits[0].min[cpu]',
  ],
  'a quota of half a pod': [`${core}/resourcequotas`, { spec: { hard: { pods: '500m' } } }, 'FieldValueInvalid spec.hard[pods]'],
  'a job with a selector of its own': [
    `${batch}/jobs`,
    { spec: { selector: { matchLabels: { a: 'b' } }, template: template({ restartPolicy: 'Never' }, { a: 'c' }) } },
    'FieldValueInvalid spec.selector',
    'FieldValueInvalid spec.template.metadata.labels',
  ],
  'a policy that fails for success': [
    `${batch}/jobs`,
    {
      spec: {
        podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [2, 0, 2] } }] },
        template: template({ restartPolicy: 'Never' }),
      },
    },
    'FieldValueInvalid spec.podFailurePolicy.rules[0].onExitCodes.values[1]',
    'FieldValueDuplicate spec.podFailurePolicy.rules[0].onExitCodes.values[2]',
    'FieldValueInvalid spec.podFailurePolicy.rules[0].onExitCodes.values',
  ],
  'a path that climbs': [
    `${net}/namespaces/default/ingresses`,
    {
      spec: {
        rules: [{ http: { paths: [{ path: '/a/..', pathType: 'Exact', backend: { service: { name: 's', port: { number: 1 } } } }] } }],
      },
    },
    'FieldValueInvalid spec.rules[0].http.paths[0].path',
  ],
  'a binding of an account of its own namespace': [
    '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings',
    { roleRef: { kind: 'Role', name: 'x' }, subjects: [{ kind: 'ServiceAccount', name: 'x' }] },
  ],
  'ranges of no load balancer': [
    `${core}/services`,
    service({ loadBalancerSourceRanges: ['10.0.0.0/8'] }),
    'FieldValueForbidden spec.LoadBalancerSourceRanges',
  ],
  'a claim on something else': [
    `${core}/persistentvolumeclaims`,
    { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1' } }, dataSourceRef: { kind: 'X', name: 'x' } } },
    'FieldValueInvalid spec.dataSource',
    'FieldValueInvalid spec.dataSourceRef',
  ],
  'a taint without effect': ['/api/v1/nodes', { spec: { taints: [{ key: 'a' }] } }, 'FieldValueRequired metadata.taints[0].effect'],
  'a range of two of a kind': [`${net}/servicecidrs`, { spec: { cidrs: ['10.1.0.0/24', '10.2.0.0/24'] } }, 'FieldValueInvalid spec.cidrs'],
};

describe('built-in kinds refuse', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());

  const create = (path: string, object: Record<string, unknown>, name = 'x'): Promise<Answer> =>
    client.call('POST', `${path}?dryRun=All`, { metadata: { name }, ...object });

  for (const [what, [path, object, ...causes]] of Object.entries(cases)) {
    it(what, async () => {
      const answer = await create(path, object);
      if (!causes.length) expect(answer.status, answer.text).to.equal(201);
      else
        expect(
          (answer.body.details?.causes ?? [answer.body.message]).map((c: any) => `${c.reason} ${c.field}`),
          answer.body.message,
        ).to.have.members(causes);
    });
  }

  it('bytes that are no base64 as a bad request', async () => {
    expect((await create(`${core}/secrets`, { data: { a: 'x_y' } })).status).to.equal(400);
  });

  it('changes of what may not change', async () => {
    const refused = async (path: string, object: Record<string, unknown>, patch: object): Promise<string[]> => {
      const name = `fixed-${Math.random().toString(36).slice(2, 8)}`;
      const made = await client.call('POST', path, { metadata: { name }, ...object });
      expect(made.status, made.text).to.equal(201);
      const answer = await client.call('PATCH', `${path}/${name}`, patch, { 'content-type': 'application/merge-patch+json' });
      return answer.status === 422 ? answer.body.details.causes.map((c: any) => `${c.reason} ${c.field}`) : [String(answer.status)];
    };
    const job = { spec: { template: template({ restartPolicy: 'Never' }) } };
    expect(await refused(`${batch}/jobs`, job, { spec: { completions: 3 } })).to.deep.equal(['FieldValueInvalid spec.completions']);
    expect(await refused(`${batch}/jobs`, job, { spec: { parallelism: 3 } })).to.deep.equal(['200']);
    expect(await refused('/apis/storage.k8s.io/v1/storageclasses', { provisioner: 'p' }, { provisioner: 'q' })).to.deep.equal([
      'FieldValueInvalid provisioner',
    ]);
    expect(await refused('/apis/scheduling.k8s.io/v1/priorityclasses', { value: 1 }, { value: 2 })).to.deep.equal([
      'FieldValueForbidden value',
    ]);
    expect(await refused(`${core}/services`, service({ type: 'NodePort' }), { spec: { type: 'ClusterIP' } })).to.deep.equal(['200']);
    expect(await refused(`${net}/servicecidrs`, { spec: { cidrs: ['10.1.0.0/24'] } }, { spec: { cidrs: ['10.2.0.0/24'] } })).to.deep.equal([
      'FieldValueInvalid spec.cidrs',
    ]);
  });

  it('nothing of the range that services get addresses from: it is there as an object', async () => {
    const { body } = await client.call('GET', `${net}/servicecidrs/kubernetes`);
    expect(body.spec.cidrs).to.have.length(1);
    expect(body.status.conditions[0]).to.include({ type: 'Ready', status: 'True' });
  });

  it('nothing of the finalizers of a namespace but by their subresource', async () => {
    await client.call('POST', '/api/v1/namespaces', { metadata: { name: 'held' } });
    const sent = { metadata: { name: 'held' }, spec: { finalizers: ['a.example/b'] } };
    const kept = await client.call('PUT', '/api/v1/namespaces/held', sent);
    expect([kept.status, kept.body.spec.finalizers]).to.deep.equal([200, ['kubernetes']]);
    const written = await client.call('PUT', '/api/v1/namespaces/held/finalize', sent);
    expect([written.status, written.body.spec.finalizers]).to.deep.equal([200, ['a.example/b']]);
  });

  it('to leave webhooks and drivers without their defaults', async () => {
    const hook = {
      name: 'a.b.c',
      clientConfig: { service: { name: 's', namespace: 'n' } },
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    };
    const hooks = await create('/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', {
      webhooks: [{ ...hook, rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }] }],
    });
    expect(hooks.body.webhooks[0]).to.deep.include({
      failurePolicy: 'Fail',
      matchPolicy: 'Equivalent',
      timeoutSeconds: 10,
      reinvocationPolicy: 'Never',
    });
    expect(hooks.body.webhooks[0].clientConfig.service.port).to.equal(443);
    const driver = await create('/apis/storage.k8s.io/v1/csidrivers', { spec: {} });
    expect(driver.body.spec).to.deep.include({ attachRequired: true, volumeLifecycleModes: ['Persistent'] });
    const range = await create(`${core}/limitranges`, { spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } });
    expect(range.body.spec.limits[0]).to.deep.include({ default: { cpu: '1' }, defaultRequest: { cpu: '1' } });
  });
});

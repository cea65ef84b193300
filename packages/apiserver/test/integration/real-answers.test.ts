import { expect } from 'chai';
import { SIGNING_REQUEST } from '../fixtures/objects.ts';
import { causes, Client, configMap, MAPS } from './client.ts';

/* What a kube-apiserver 1.36.2 answered to the same requests. */

const SERVICES = '/api/v1/namespaces/default/services';
const MERGE = { 'content-type': 'application/merge-patch+json' };

describe('as a real kube-apiserver', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
    await client.call('POST', MAPS, configMap('there'));
  });
  after(() => client.stop());

  const message = async (method: string, path: string, body?: unknown, headers = {}): Promise<[number, string]> => {
    const answer = await client.call(method, path, body, headers);
    return [answer.status, answer.body?.message ?? answer.text];
  };

  it('methods are refused where a kind is served, and paths of nothing have no page', async () => {
    expect((await client.call('HEAD', MAPS)).status).to.equal(405);
    expect((await client.call('OPTIONS', MAPS)).status).to.equal(405);
    expect((await client.call('POST', '/api')).status).to.equal(405);
    for (const path of ['/apis', '/apis/apps', '/healthz']) expect((await client.call('POST', path)).status, path).to.equal(200);
    expect((await client.call('PUT', '/api/v1//configmaps')).body.reason).to.equal('NotFound');
    expect((await client.call('GET', '/apis/apps/v9/x')).body.reason).to.equal('NotFound');
    for (const path of ['/nope', '/apis/nope', '/apis/nope/v1/x']) {
      const { status, text, headers } = await client.call('GET', path);
      expect([status, text, headers['content-type']]).to.deep.equal([404, '404 page not found\n', 'text/plain; charset=utf-8']);
    }
    expect(await message('GET', '/apis/nope/v1/x', undefined, { authorization: '' })).to.deep.equal([
      403,
      'x.nope is forbidden: User "system:anonymous" cannot list resource "x" in API group "nope" at the cluster scope',
    ]);
  });

  it('bodies that are no object are told as Go tells of them', async () => {
    const prefix = "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: ";
    for (const [body, why] of [
      ['{', 'unexpected end of JSON input ({)'],
      [
        '{"metadata":{"name":"a"},"data":{"a":"b",}}',
        `invalid character '}' looking for beginning of object key string ({"metadata":{"name":"a"},"data ...)`,
      ],
      ['{"metadata":{}} x', `invalid character 'x' after top-level value ({"metadata":{}} x)`],
      ['\ufeff{}', "invalid character 'ï' looking for beginning of value (efbbbf7b7d)"],
      ['{"kind":1}', 'json: cannot unmarshal number into Go struct field .kind of type string ({"kind":1})'],
    ] as const)
      expect(await message('POST', MAPS, body)).to.deep.equal([400, prefix + why]);
    expect((await message('POST', MAPS, 'null'))[0]).to.equal(422);
    expect(await message('PATCH', `${MAPS}/there`, '[', MERGE)).to.deep.equal([400, 'error decoding patch: unexpected end of JSON input']);
    expect((await message('PATCH', `${MAPS}/none`, '[', MERGE))[0]).to.equal(404);
    expect((await message('PATCH', `${MAPS}/none?force=true`, '[', MERGE))[0]).to.equal(422);
  });

  it('a field of the wrong type is told with its struct and type', async () => {
    const wrong = async (path: string, kind: string, body: object): Promise<string> =>
      (await message('POST', path, body))[1].replace(`${kind} in version "v1" cannot be handled as a ${kind}: json: cannot unmarshal `, '');
    const deployments = '/apis/apps/v1/namespaces/default/deployments';
    expect(await wrong(deployments, 'Deployment', { spec: { replicas: 1.5 } })).to.equal(
      'number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    );
    expect(await wrong(deployments, 'Deployment', { spec: 'x' })).to.equal(
      'string into Go struct field Deployment.spec of type v1.DeploymentSpec',
    );
    expect(await wrong(MAPS, 'ConfigMap', { data: [] })).to.equal('array into Go struct field ConfigMap.data of type map[string]string');
    const pod = { spec: { volumes: [{ emptyDir: 1 }] } };
    expect(await wrong('/api/v1/namespaces/default/pods', 'Pod', pod)).to.equal(
      'number into Go struct field Volume.spec.volumes.VolumeSource.emptyDir of type v1.EmptyDirVolumeSource',
    );
  });

  it('only the status of a load balancer has addresses, and an external name no cluster IP', async () => {
    await client.call('POST', SERVICES, { metadata: { name: 'plain' }, spec: { ports: [{ port: 1 }] } });
    const status = { status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }, { hostname: '1.2.3.4' }] } } };
    const to = (name: string, sub: string, body: object): Promise<string[]> =>
      client.call('PATCH', `${SERVICES}/${name}${sub}`, body, MERGE).then(causes);
    expect(await to('plain', '/status', status)).to.deep.equal(['422', 'FieldValueForbidden status.loadBalancer.ingress']);
    await client.call('POST', SERVICES, { metadata: { name: 'lb' }, spec: { type: 'LoadBalancer', ports: [{ port: 1 }] } });
    expect(await to('lb', '/status', status)).to.deep.equal(['422', 'FieldValueInvalid status.loadBalancer.ingress[1].hostname']);
    status.status.loadBalancer.ingress.pop();
    const { body } = await client.call('PATCH', `${SERVICES}/lb/status`, status, MERGE);
    expect(body.status.loadBalancer.ingress).to.deep.equal([{ ip: '1.2.3.4', ipMode: 'VIP' }]);
    const outside = { metadata: { name: 'out' }, spec: { ports: [{ port: 1 }], clusterIP: '1.2.3.4' } };
    expect((await client.call('POST', SERVICES, outside)).body.details.name).to.equal('out');
    const moved = { spec: { clusterIP: '10.96.9.9' } };
    expect(await to('plain', '', moved)).to.deep.equal(['422', 'FieldValueInvalid spec.clusterIPs[0]']);
    await client.call('POST', SERVICES, { metadata: { name: 'ext' }, spec: { type: 'ExternalName', externalName: 'a.b' } });
    expect(await to('ext', '', moved)).to.deep.equal(['422', 'FieldValueForbidden spec.clusterIPs']);
  });

  it('an update tells what is wrong with its metadata as often as it is checked', async () => {
    const patch = { metadata: { labels: { a: 'b c' }, finalizers: ['a'] } };
    const { body } = await client.call('PATCH', `${MAPS}/there`, patch, MERGE);
    const fields: string[] = body.details.causes.map((c: { field: string }) => c.field);
    expect(fields.filter((f) => f === 'metadata.labels')).to.have.length(4);
    expect(fields.filter((f) => f === 'metadata.finalizers[0]')).to.have.length(2);
  });

  it('kinds without fields of their own name those that they can be selected by', async () => {
    expect(await message('GET', `${MAPS}?fieldSelector=a%3Db`)).to.deep.equal([
      400,
      '"a" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ]);
    expect((await message('GET', `${MAPS}?labelSelector=%3D1`))[1]).to.equal("found '=', expected: !, identifier, or 'end of string'");
    const roles = '/apis/rbac.authorization.k8s.io/v1/clusterroles?fieldSelector=metadata.namespace%3D';
    expect((await client.call('GET', roles)).status).to.equal(200);
  });

  it('events need no DNS name, services and stateful sets a label', async () => {
    const events = '/api/v1/namespaces/default/events';
    expect((await client.call('POST', events, { metadata: { name: 'A' }, involvedObject: { namespace: 'default' } })).status).to.equal(201);
    expect((await client.call('POST', SERVICES, { metadata: { name: '1' }, spec: { ports: [{ port: 1 }] } })).status).to.equal(201);
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const set = { metadata: { name: 'a.b' }, spec: { selector: { matchLabels: { a: 'b' } }, template } };
    expect((await message('POST', '/apis/apps/v1/namespaces/default/statefulsets', set))[1]).to.contain('"a.b": must not contain dots');
  });

  it('reviews say who asked what', async () => {
    const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews?fieldManager=m';
    const { body } = await client.call('POST', reviews, { spec: { resourceAttributes: { verb: 'get' } } });
    expect(body.metadata.managedFields[0].fieldsV1).to.deep.equal({ 'f:spec': { 'f:resourceAttributes': { '.': {}, 'f:verb': {} } } });
    expect((await message('POST', reviews, { spec: {} }))[1]).to.match(/^\.authorization\.k8s\.io "" is invalid/);
  });

  it('a definition is answered before it is established, and may say that it has no default', async () => {
    const definition = (name: string, spec: object): object => ({
      metadata: { name: `${name}.t.io` },
      spec: {
        group: 't.io',
        scope: 'Namespaced',
        names: { plural: name, kind: name.toUpperCase() },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { spec } } } }],
      },
    });
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const { body } = await client.call('POST', crds, definition('a', { type: 'string', default: null }));
    expect(body.status).to.deep.equal({ conditions: null, acceptedNames: { plural: '', kind: '' }, storedVersions: ['v1'] });
    expect(body.metadata.finalizers).to.equal(undefined);
    expect((await client.call('GET', `${crds}/a.t.io`)).body.status.conditions).to.have.length(2);
    const items = { type: 'object', required: ['k'], properties: { k: { type: 'object' } } };
    const keyed = { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'], items };
    expect((await message('POST', crds, definition('b', keyed)))[1]).to.contain('must be a scalar type if parent array');
    const rule = 'self.matches("^[a-z")';
    const ruled = { type: 'string', 'x-kubernetes-validations': [{ rule }] };
    expect((await message('POST', crds, definition('b', ruled)))[1]).to.contain(
      `compilation failed: ERROR: <input>:1:14: invalid matches argument\n | ${rule}\n | .............^`,
    );
  });

  it('an autoscaler has a metric and rules, and says what is wrong with them', async () => {
    const path = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers';
    const ref = { kind: 'Deployment', name: 'a', apiVersion: 'apps/v1' };
    const scaler = (spec: object): object => ({ metadata: { name: 'h' }, spec: { maxReplicas: 1, scaleTargetRef: ref, ...spec } });
    const wrong = [{ type: 'Resource' }, { type: 'X' }];
    expect(causes(await client.call('POST', path, scaler({ metrics: wrong, minReplicas: 5, scaleTargetRef: {} })))).to.deep.equal([
      '422',
      'FieldValueInvalid spec.maxReplicas',
      'FieldValueRequired spec.scaleTargetRef.kind',
      'FieldValueRequired spec.scaleTargetRef.name',
      'FieldValueInvalid spec.scaleTargetRef.apiVersion',
      'FieldValueRequired spec.metrics[0].resource',
      'FieldValueNotSupported spec.metrics[1].type',
      'FieldValueNotSupported spec.metrics[1].type',
    ]);
    const { spec } = (await client.call('POST', path, scaler({ behavior: {} }))).body;
    expect([spec.minReplicas, spec.metrics[0].resource.target.averageUtilization, spec.behavior.scaleDown]).to.deep.equal([
      1,
      80,
      { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
    ]);
    const older = { apiVersion: 'autoscaling/v1', ...scaler({}), metadata: { name: 'older' } };
    expect((await client.call('POST', path.replace('v2', 'v1'), older)).body.spec.targetCPUUtilizationPercentage).to.equal(80);
  });

  it('a stop signal is dropped', async () => {
    const containers = [{ name: 'c', image: 'i', lifecycle: { stopSignal: 'SIGTERM' } }];
    const { body } = await client.call('POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'p' }, spec: { containers } });
    expect(body.spec.containers[0].lifecycle).to.equal(undefined);
  });

  it('credentials of no kind that is known are none', async () => {
    expect((await client.call('GET', '/api', undefined, { authorization: 'Basic abc' })).status).to.equal(403);
  });

  it('rows of a table without objects have null for one', async () => {
    const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
    const { body } = await client.call('GET', `${MAPS}?includeObject=None`, undefined, table);
    expect(body.rows[0].object).to.equal(null);
  });
});

describe('rights are given by those who have them', () => {
  const RBAC = '/apis/rbac.authorization.k8s.io/v1';
  const GROUP = 'rbac.authorization.k8s.io';
  let admin: Client;
  let alice: Client;
  before(async () => {
    admin = await Client.start();
    alice = new Client(admin.server, admin.server.issueToken('alice', ['developers']));
    const rules = [
      { apiGroups: [GROUP], resources: ['*'], verbs: ['create', 'get', 'patch'] },
      { apiGroups: ['certificates.k8s.io'], resources: ['*'], verbs: ['create'] },
    ];
    await admin.call('POST', `${RBAC}/clusterroles`, { metadata: { name: 'w' }, rules });
    const subjects = [{ kind: 'User', name: 'alice' }];
    await admin.call('POST', `${RBAC}/clusterrolebindings`, {
      metadata: { name: 'w' },
      roleRef: { kind: 'ClusterRole', name: 'w' },
      subjects,
    });
  });
  after(async () => {
    await admin.stop();
  });

  const rules = [
    { apiGroups: ['', GROUP], resources: ['roles'], verbs: ['get', 'list'] },
    { apiGroups: [''], resources: ['secrets'], resourceNames: ['a'], verbs: ['get'] },
  ];
  const lacking = [
    '{APIGroups:[""], Resources:["roles"], Verbs:["get" "list"]}',
    '{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["get"]}',
    `{APIGroups:["${GROUP}"], Resources:["roles"], Verbs:["list"]}`,
  ];
  const told = (kind: string): string =>
    `${kind}.${GROUP} "e" is forbidden: user "alice" (groups=["developers" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n${lacking.join('\n')}`;

  it('as roles, as bindings, and as those that gather others', async () => {
    const roles = `${RBAC}/namespaces/default/roles`;
    const bindings = `${RBAC}/namespaces/default/rolebindings`;
    const refused = await alice.call('POST', roles, { metadata: { name: 'e' }, rules });
    expect([refused.status, refused.body.message]).to.deep.equal([403, told('roles')]);
    const own = [{ apiGroups: [GROUP], resources: ['roles/x'], verbs: ['get'] }];
    expect((await alice.call('POST', roles, { metadata: { name: 'own' }, rules: own })).status).to.equal(201);
    expect((await admin.call('POST', roles, { metadata: { name: 'e' }, rules })).status).to.equal(201);
    const binding = (name: string): object => ({ metadata: { name: 'e' }, roleRef: { kind: 'Role', name } });
    expect((await alice.call('POST', bindings, binding('e'))).body.message).to.equal(told('rolebindings'));
    expect((await alice.call('POST', bindings, binding('none'))).status).to.equal(404);
    expect((await alice.call('POST', bindings, binding('own'))).status).to.equal(201);
    expect((await alice.call('PATCH', `${roles}/e`, { metadata: { labels: { a: 'b' } } }, MERGE)).status).to.equal(200);
    expect((await alice.call('PATCH', `${roles}/own`, { rules }, MERGE)).status).to.equal(403);
    const gathering = { metadata: { name: 'g' }, rules: [], aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } };
    expect((await alice.call('POST', `${RBAC}/clusterroles`, gathering)).body.message).to.contain('must have cluster-admin privileges');
  });

  it('and a request for a certificate is whose it is', async () => {
    const spec = { request: SIGNING_REQUEST, signerName: 'a.b/c', usages: ['client auth'], username: 'zed', groups: ['g'] };
    const { body } = await alice.call('POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests', { metadata: { name: 'q' }, spec });
    expect([body.spec.username, body.spec.groups]).to.deep.equal(['alice', ['developers', 'system:authenticated']]);
  });
});

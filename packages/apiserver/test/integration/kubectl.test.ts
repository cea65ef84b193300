import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@kosmos/testing';
import { expect } from 'chai';
import { startApiServer, type ApiServer } from '../../src/index.ts';

const CRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gears.kubectl.example.com}
spec:
  group: kubectl.example.com
  scope: Cluster
  names: {plural: gears, singular: gear, kind: Gear, shortNames: [gr]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns: [{name: Teeth, type: integer, jsonPath: .spec.teeth}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {teeth: {type: integer, default: 8}}}
          status: {type: object, properties: {phase: {type: string}}}
`;

describe('kubectl as it is', function () {
  this.timeout(30_000);
  let server: ApiServer;
  let home: string;
  let env: NodeJS.ProcessEnv;

  before(async function () {
    if (spawnSync('kubectl', ['version', '--client']).error) return this.skip();
    server = await startApiServer();
    home = mkdtempSync(join(tmpdir(), 'kosmos-apiserver-kubectl-'));
    const file = join(home, 'kubeconfig');
    writeFileSync(file, server.kubeconfig());
    env = { PATH: process.env['PATH'], HOME: home, KUBECONFIG: file };
  });
  after(async () => {
    await server?.stop();
    if (home) rmSync(home, { recursive: true, force: true });
  });

  const kubectl = (args: string, input?: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const child = execFile('kubectl', args.split(' '), { env, timeout: 15_000 }, (error, stdout, stderr) => {
        if (error) reject(new Error(`kubectl ${args}: ${stderr || error.message}`));
        else resolve(stdout + stderr);
      });
      child.stdin!.end(input ?? '');
    });
  const lines = (text: string): string[] =>
    text
      .trimEnd()
      .split('\n')
      .map((l) => l.replace(/\s+/g, ' ').trim());

  it('creates what it sends as protobuf, labels, annotates, patches and deletes it', async () => {
    expect(await kubectl('create configmap one --from-literal=a=1')).to.equal('configmap/one created\n');
    await kubectl('label configmap one x=y');
    await kubectl('annotate configmap one note=hello');
    await kubectl('patch configmap one --type merge -p {"data":{"b":"2"}}');
    expect(await kubectl('get configmap one -o jsonpath={.data.a}{.data.b}{.metadata.labels.x}{.metadata.annotations.note}')).to.equal(
      '12yhello',
    );
    expect(await kubectl('delete configmap one')).to.match(/^configmap "one" deleted/);
  });

  it('applies in both ways, and tells of a conflict', async () => {
    const deployment = (image: string): string =>
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web' },
        spec: {
          selector: { matchLabels: { app: 'web' } },
          template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
        },
      });
    expect(await kubectl('apply -f -', deployment('a:1'))).to.equal('deployment.apps/web created\n');
    expect(await kubectl('apply -f -', deployment('a:1'))).to.equal('deployment.apps/web unchanged\n');
    expect(await kubectl('apply -f -', deployment('a:2'))).to.equal('deployment.apps/web configured\n');
    let refusal = '';
    await kubectl('apply --server-side --field-manager other -f -', deployment('a:3')).catch((e: Error) => {
      refusal = e.message;
    });
    expect(refusal).to.match(
      /conflict with "kubectl-client-side-apply" using apps\/v1.*\n?.*\.spec\.template\.spec\.containers\[name="c"\]\.image/,
    );
    await kubectl('apply --server-side --force-conflicts --field-manager other -f -', deployment('a:3'));
    expect(await kubectl('get deployment web -o jsonpath={.spec.template.spec.containers[0].image}')).to.equal('a:3');
    await kubectl('scale deployment web --replicas 3');
    expect(lines(await kubectl('get deployment web'))[1]).to.match(/^web 0\/3 0 0 \d+s$/);
    expect(await kubectl('describe deployment web')).to.contain('3 desired');
    await kubectl('wait --for=jsonpath={.spec.replicas}=3 deployment/web --timeout=5s');
    await kubectl('delete deployment web');
  });

  it('works with custom resources', async () => {
    await kubectl('apply -f -', CRD);
    await kubectl('wait --for=condition=established crd/gears.kubectl.example.com --timeout=5s');
    await kubectl('apply -f -', '{"apiVersion":"kubectl.example.com/v1","kind":"Gear","metadata":{"name":"g"},"spec":{}}');
    expect(lines(await kubectl('get gr'))).to.deep.equal(['NAME TEETH', 'g 8']);
    await kubectl('patch gear g --subresource status --type merge -p {"status":{"phase":"On"}}');
    await kubectl('wait --for=jsonpath={.status.phase}=On gear/g --timeout=5s');
    expect(await kubectl('explain gear.spec')).to.contain('teeth');
    // By /openapi/v2, in protobuf.
    expect(await kubectl('explain gear.spec --output plaintext-openapiv2')).to.contain('teeth');
    await kubectl('delete crd gears.kubectl.example.com');
  });

  it('shows changes as they come', async () => {
    const child = spawn('kubectl', ['get', 'configmaps', '-n', 'kube-public', '-w', '--no-headers'], { env });
    try {
      let text = '';
      const seen = new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`kubectl -w printed only ${JSON.stringify(text)}`)), 10_000);
        child.stdout.on('data', (c) => {
          text += String(c);
          if (text.includes('later')) {
            clearTimeout(timer);
            resolve();
          }
        });
      });
      await eventually(() => server.faults.count({ verb: 'watch', plural: 'configmaps' }) > 0, {
        message: 'kubectl watches',
        intervalMs: 20,
      });
      await kubectl('create configmap later -n kube-public');
      await seen;
    } finally {
      child.kill();
    }
  });

  it('deletes a namespace with all that is in it', async () => {
    await kubectl('create namespace gone');
    await kubectl('create configmap inside -n gone');
    await kubectl('delete namespace gone --timeout=10s');
    expect(await kubectl('get configmaps -n gone')).to.match(/No resources found/);
  });

  it('asks who it is and what it may', async () => {
    expect(await kubectl('auth can-i create pods')).to.equal('yes\n');
    expect(await kubectl('auth whoami')).to.contain('kubernetes-admin');
  });

  it('tells the versions, selectable fields, scale and columns of custom resources apart', async () => {
    const version = (name: string, storage: boolean): object => ({
      name,
      served: true,
      storage,
      selectableFields: [{ jsonPath: '.spec.colour' }],
      subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
      additionalPrinterColumns: [
        { name: 'Colour', type: 'string', jsonPath: '.spec.colour' },
        { name: 'Since', type: 'date', jsonPath: '.spec.since' },
        { name: 'Wide', type: 'integer', jsonPath: '.spec.replicas', priority: 1 },
      ],
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: {
            spec: {
              type: 'object',
              properties: { colour: { type: 'string' }, since: { type: 'string', format: 'date-time' }, replicas: { type: 'integer' } },
            },
            status: { type: 'object', properties: { replicas: { type: 'integer' } } },
          },
        },
      },
    });
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'lamps.kubectl.example.com' },
      spec: {
        group: 'kubectl.example.com',
        scope: 'Namespaced',
        names: { plural: 'lamps', kind: 'Lamp' },
        versions: [version('v1', true), version('v1beta1', false)],
      },
    };
    await kubectl('apply -f -', JSON.stringify(definition));
    await kubectl('wait --for=condition=established crd/lamps.kubectl.example.com --timeout=5s');
    const since = new Date(Date.now() - 3 * 86_400_000 - 60_000).toISOString().replace(/\.\d+Z/, 'Z');
    for (const [name, colour] of [
      ['r', 'red'],
      ['g', 'green'],
    ])
      await kubectl(
        'apply --server-side -f -',
        JSON.stringify({
          apiVersion: 'kubectl.example.com/v1beta1',
          kind: 'Lamp',
          metadata: { name },
          spec: { colour, since, replicas: 1 },
        }),
      );
    expect(lines(await kubectl('get lamps'))).to.deep.equal(['NAME COLOUR SINCE', 'g green 3d', 'r red 3d']);
    expect(lines(await kubectl('get lamps -o wide --field-selector spec.colour=red'))).to.deep.equal([
      'NAME COLOUR SINCE WIDE',
      'r red 3d 1',
    ]);
    expect(await kubectl('get lamps.v1beta1.kubectl.example.com r -o jsonpath={.apiVersion}')).to.equal('kubectl.example.com/v1beta1');
    await kubectl('scale lamp r --replicas 4');
    expect(await kubectl('get lamp r -o jsonpath={.apiVersion}:{.spec.replicas}')).to.equal('kubectl.example.com/v1:4');
    expect(await kubectl('api-resources --api-group kubectl.example.com -o name')).to.equal('lamps.kubectl.example.com\n');
    await kubectl('delete crd lamps.kubectl.example.com');
  });

  it('taints, cordons, edits, diffs, explains, waits for a roll-out and asks for a token', async () => {
    await kubectl('create -f -', '{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"}}');
    await kubectl('taint node n a=b:NoSchedule');
    await kubectl('cordon n');
    expect(await kubectl('get node n -o jsonpath={.spec.unschedulable}:{.spec.taints[*].key}')).to.equal(
      'true:a node.kubernetes.io/not-ready',
    );
    expect(lines(await kubectl('get node n'))[1]).to.match(/^n (NotReady|Unknown),SchedulingDisabled <none> /);
    await kubectl('uncordon n');
    await kubectl('taint node n a-');

    await kubectl('create configmap edited --from-literal=a=old');
    env['KUBE_EDITOR'] = 'sed -i s/old/new/';
    expect(await kubectl('edit configmap edited')).to.equal('configmap/edited edited\n');
    expect(await kubectl('get configmap edited -o jsonpath={.data.a}')).to.equal('new');
    expect(await kubectl('get configmap edited -o yaml')).to.contain('\ndata:\n  a: new\nkind: ConfigMap\nmetadata:\n');
    let difference = '';
    await kubectl('diff -f -', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"edited"},"data":{"a":"newer"}}').catch(
      (e: Error) => {
        difference = e.message;
      },
    );
    expect(difference, 'diff ends with 1 where there is a difference').to.contain('kubectl diff');
    expect(await kubectl('get configmap edited -o jsonpath={.data.a}'), 'and changes nothing').to.equal('new');

    expect(await kubectl('explain deployment.spec.strategy.rollingUpdate')).to.contain('maxSurge');
    await kubectl('create deployment roll --image i');
    await kubectl(
      'patch deployment roll --subresource status --type merge -p {"status":{"observedGeneration":1,"replicas":1,"updatedReplicas":1,"readyReplicas":1,"availableReplicas":1}}',
    );
    expect(await kubectl('rollout status deployment roll --timeout=5s')).to.contain('successfully rolled out');

    await kubectl('create serviceaccount robot');
    const token = (await kubectl('create token robot --duration 20m')).trim();
    expect(JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()).sub).to.equal('system:serviceaccount:default:robot');
    expect(await kubectl('auth can-i --list')).to.contain('*.*');
    expect(await kubectl('get all')).to.contain('deployment.apps/roll');
  });
});

import { expect } from 'chai';
import { cleanUp, eventually, needs, startTestLab, tempLabHome } from '@kosmos/testing';
import { topologyOf, type Lab } from '../../src/index.ts';
import type { ContainerStatus, Pod } from '../../src/kube.ts';
import { kubectl, podManifest } from './support.ts';

const sh = (line: string, more: object = {}) => ({ image: 'x', command: ['sh', '-c', line], ...more });
const forever = 'while :; do sleep 1; done';

describe('containers of a lab', function () {
  this.timeout(90_000);
  let lab: Lab;

  before(needs('lab', 'kubectl'));
  before(async () => {
    tempLabHome();
    lab = await startTestLab({ topology: topologyOf({ clusters: [{ nodes: 1 }] }) });
  });
  after(cleanUp);

  const run = (...args: string[]) => kubectl(lab, 'c1', args);
  const apply = (manifest: object) => void kubectl(lab, 'c1', ['apply', '-f', '-'], manifest);
  const pod = (name: string) => JSON.parse(run('get', 'pod', name, '-o', 'json')) as Required<Pod>;
  const wait = (condition: string, name: string) => void run('wait', `--for=${condition}`, `pod/${name}`, '--timeout=30s');
  const statusOf = (name: string, container = 'main'): ContainerStatus | undefined =>
    [...(pod(name).status.initContainerStatuses ?? []), ...(pod(name).status.containerStatuses ?? [])].find((c) => c.name === container);
  const events = (name: string) =>
    (
      JSON.parse(run('get', 'events', '--field-selector', `involvedObject.name=${name}`, '-o', 'json')) as {
        items: { reason: string; message: string; involvedObject: { fieldPath?: string } }[];
      }
    ).items;

  it('are initialised one after the other, beside sidecars, which end last', async () => {
    const note = (who: string) => `echo ${who} >> /work/order`;
    const mount = { volumeMounts: [{ name: 'work', mountPath: '/work' }] };
    apply(
      podManifest('ordered', sh(`${note('main')}; trap '${note('main-ends')}; exit 0' TERM; ${forever}`, mount), {
        volumes: [{ name: 'work', hostPath: { path: `${lab.dir}/ordered` } }],
        initContainers: [
          { name: 'first', ...sh(`${note('first')}; test -e /work/tried || { touch /work/tried; exit 1; }`, mount) },
          {
            name: 'side',
            restartPolicy: 'Always',
            ...sh(`sleep 0.5; ${note('side')}; touch /work/up; trap '${note('side-ends')}; exit 0' TERM; ${forever}`, mount),
            startupProbe: { exec: { command: ['test', '-e', '/work/up'] }, periodSeconds: 1, failureThreshold: 20 },
          },
          { name: 'second', ...sh(note('second'), mount) },
        ],
      }),
    );
    wait('condition=Ready', 'ordered');
    const { status } = pod('ordered');
    expect(status.initContainerStatuses?.map((c) => [c.name, c.ready, c.restartCount])).to.deep.equal([
      ['first', true, 1],
      ['side', true, 0],
      ['second', true, 0],
    ]);
    expect(run('get', 'pod', 'ordered')).to.match(/2\/2 +Running/);
    run('delete', 'pod', 'ordered', '--timeout=20s');
    const order = (await lab.exec('c1/n1', ['cat', `${lab.dir}/ordered/order`])).stdout;
    expect(order.trim().split('\n')).to.deep.equal(['first', 'first', 'side', 'second', 'main', 'main-ends', 'side-ends']);
  });

  it('leave a pod that succeeds when its work is done, though a sidecar still runs', async () => {
    const side = { name: 'side', restartPolicy: 'Always', ...sh(`trap 'exit 0' TERM; ${forever}`) };
    apply(podManifest('done', sh('exit 0'), { restartPolicy: 'Never', initContainers: [side] }));
    wait('jsonpath={.status.phase}=Succeeded', 'done');
    const conditions = Object.fromEntries((pod('done').status.conditions ?? []).map((c) => [c.type, c.reason]));
    expect(conditions).to.include({ Ready: 'PodCompleted', Initialized: 'PodCompleted' });
  });

  it('drop out of Ready when their probe fails, and come back', async () => {
    const readinessProbe = { exec: { command: ['test', '-e', '/tmp/ok'] }, periodSeconds: 1, failureThreshold: 1 };
    apply(podManifest('ready', sh(`touch /tmp/ok; ${forever}`, { readinessProbe })));
    wait('condition=Ready', 'ready');
    run('exec', 'ready', '--', 'rm', '/tmp/ok');
    wait('condition=Ready=false', 'ready');
    await eventually(() => events('ready').some((e) => e.reason === 'Unhealthy' && e.message.startsWith('Readiness probe failed:')));
    expect(pod('ready').status.conditions?.find((c) => c.type === 'Ready')).to.include({
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [main]',
    });
    run('exec', 'ready', '--', 'touch', '/tmp/ok');
    wait('condition=Ready', 'ready');
    for (const condition of pod('ready').status.conditions ?? []) expect(condition).not.to.have.any.keys('reason', 'message');
    expect(statusOf('ready')?.restartCount).to.equal(0);
  });

  it('are asked by HTTP and TCP, by a name of a port too, and not before they have started', async () => {
    const ports = [{ name: 'web', containerPort: 8080 }];
    const probes = {
      ports,
      startupProbe: { tcpSocket: { port: 'web' }, periodSeconds: 1, failureThreshold: 30 },
      readinessProbe: { httpGet: { path: '/healthz', port: 'web', httpHeaders: [{ name: 'X-Who', value: 'me' }] }, periodSeconds: 1 },
    };
    apply(podManifest('asked', { image: 'lab/echo', ...probes }));
    const refusing = { httpGet: { path: '/', port: 9 }, periodSeconds: 1, failureThreshold: 1 };
    apply(podManifest('refusing', { image: 'lab/echo', readinessProbe: refusing }));
    wait('condition=Ready', 'asked');
    expect(run('logs', 'asked')).to.include('GET /healthz');
    const failed = /^Readiness probe failed: Get "http:\/\/10\.1\.1\.\d+:9\/": dial tcp .*: connect: connection refused$/;
    await eventually(() => events('refusing').some((e) => failed.test(e.message)));
    expect(statusOf('refusing')).to.include({ started: true, ready: false });
  });

  it('are started again when they fail their liveness probe, with the reason and what they left to say', async () => {
    const livenessProbe = { exec: { command: ['test', '!', '-e', '/tmp/bad'] }, periodSeconds: 1, failureThreshold: 1 };
    const talk = `trap 'echo -n gone bad > /dev/termination-log; exit 7' TERM; ${forever}`;
    apply(podManifest('alive', sh(talk, { livenessProbe })));
    wait('condition=Ready', 'alive');
    run('exec', 'alive', '--', 'touch', '/tmp/bad');
    const last = await eventually(() => statusOf('alive')?.lastState.terminated);
    expect(last).to.include({ exitCode: 7, reason: 'Error', message: 'gone bad' });
    wait('condition=Ready', 'alive'); // what it wrote went with it
    const said = await eventually(() => {
      const all = events('alive');
      return all.some((e) => e.reason === 'Unhealthy') && all.find((e) => e.reason === 'Killing');
    });
    expect(said).to.deep.include({ message: 'Container main failed liveness probe, will be restarted' });
    expect(said.involvedObject.fieldPath).to.equal('spec.containers{main}');
  });

  it('run their hooks, and end within their time of grace', async () => {
    const volumes = [{ name: 'work', hostPath: { path: `${lab.dir}/hooks` } }];
    const volumeMounts = [{ name: 'work', mountPath: '/work' }];
    const lifecycle = {
      postStart: { exec: { command: ['sh', '-c', 'echo start >> /work/order'] } },
      preStop: { exec: { command: ['sh', '-c', 'sleep 0.5; echo stop >> /work/order'] } },
    };
    apply(podManifest('hooks', sh(`trap 'echo term >> /work/order; exit 0' TERM; ${forever}`, { lifecycle, volumeMounts }), { volumes }));
    const never = { preStop: { exec: { command: ['sleep', '60'] } } };
    apply(podManifest('slow', sh(`trap '' TERM; ${forever}`, { lifecycle: never }), { terminationGracePeriodSeconds: 1 }));
    wait('condition=Ready', 'hooks');
    wait('condition=Ready', 'slow');
    run('delete', 'pod', 'hooks', 'slow', '--timeout=15s');
    expect((await lab.exec('c1/n1', ['cat', `${lab.dir}/hooks/order`])).stdout).to.equal('start\nstop\nterm\n');
  });

  it('wait longer and longer before they are started again, and say so', async () => {
    apply(podManifest('crash', sh('exit 1')));
    const waiting = await eventually(() => {
      const found = statusOf('crash');
      return (found?.restartCount ?? 0) >= 2 && found?.state.waiting;
    });
    expect(waiting.reason).to.equal('CrashLoopBackOff');
    expect(waiting.message).to.match(/^back-off \ds restarting failed container=main pod=crash_default\(.*\)$/);
    expect(run('get', 'pod', 'crash')).to.match(/CrashLoopBackOff|Error/);
    expect(pod('crash').status).to.include({ phase: 'Running', qosClass: 'BestEffort' });
    await eventually(() => events('crash').some((e) => e.reason === 'BackOff'));
  });

  it('that cannot be started say why', async () => {
    apply(podManifest('absent', { image: 'x', command: ['no-such-program'] }, { restartPolicy: 'Never' }));
    apply(podManifest('config', sh(forever, { envFrom: [{ configMapRef: { name: 'later' } }] })));
    wait('jsonpath={.status.phase}=Failed', 'absent');
    expect(statusOf('absent')?.state.terminated).to.deep.include({
      exitCode: 128,
      reason: 'StartError',
      message: 'exec: "no-such-program": executable file not found in $PATH',
    });
    const waiting = await eventually(() => {
      const found = statusOf('config')?.state.waiting;
      return found?.reason === 'CreateContainerConfigError' && found;
    });
    expect(waiting.message).to.equal('configmap "later" not found');
    run('create', 'configmap', 'later', '--from-literal=WORD=came');
    wait('condition=Ready', 'config');
    expect(run('exec', 'config', '--', 'printenv', 'WORD')).to.equal('came\n');
  });

  it('end with the deadline of their pod', () => {
    apply(podManifest('late', sh(forever), { activeDeadlineSeconds: 1 }));
    wait('jsonpath={.status.phase}=Failed', 'late');
    expect(pod('late').status).to.include({ reason: 'DeadlineExceeded' });
  });

  it('are followed while the kubelet is away: how they ended, their probes, init containers and sidecars', async () => {
    const livenessProbe = { exec: { command: ['test', '!', '-e', '/tmp/bad'] }, periodSeconds: 1, failureThreshold: 1 };
    apply(podManifest('left', sh('while ! test -e /tmp/go; do sleep 0.1; done; exit 42'), { restartPolicy: 'Never' }));
    const side = { name: 'side', restartPolicy: 'Always', ...sh(forever, { livenessProbe }) };
    apply(podManifest('stays', sh(forever), { initContainers: [{ name: 'init', ...sh('exit 0') }, side] }));
    wait('condition=Ready', 'left');
    wait('condition=Ready', 'stays');
    const before = pod('stays').status;
    run('exec', 'left', '--', 'sh', '-c', '(sleep 1; touch /tmp/go) >/dev/null 2>&1 &');
    await lab.stopProcess('c1/n1/kubelet');
    await eventually(async () => (await lab.exec('c1/left', ['sh', '-c', "ps -e -o args | grep -c '[t]mp/go'"])).stdout === '0\n');
    await lab.startProcess('c1/n1/kubelet');
    wait('jsonpath={.status.phase}=Failed', 'left');
    expect(statusOf('left')?.state.terminated).to.include({ exitCode: 42 });
    const after = pod('stays').status;
    expect(after.podIP).to.equal(before.podIP);
    expect(after.containerStatuses?.[0]).to.deep.equal(before.containerStatuses?.[0]);
    expect(after.initContainerStatuses?.map((c) => c.restartCount)).to.deep.equal([0, 0]);
    run('exec', 'stays', '-c', 'side', '--', 'touch', '/tmp/bad');
    await eventually(() => statusOf('stays', 'side')?.restartCount === 1 && statusOf('stays', 'side')?.ready);
  });

  it('are run by kubectl run, as words of an image without an entrypoint too, and taken away after it', () => {
    const out = run(
      'run',
      'once',
      '--rm',
      '-i',
      '--restart=Never',
      '--image=busybox',
      '--quiet',
      '--',
      'sh',
      '-c',
      'echo ran as $HOSTNAME',
    );
    expect(out).to.include('ran as once');
    expect(run('get', 'pods', '-o', 'name')).not.to.include('pod/once');
  });

  it('leave nothing running when their main process has ended, though it went into the background', async () => {
    apply(podManifest('daemon', sh('setsid sleep 87654 & sleep 0.3'), { restartPolicy: 'Never' }));
    wait('jsonpath={.status.phase}=Succeeded', 'daemon');
    const left = async () => (await lab.exec('c1/n1', ['sh', '-c', "ps -e -o args | grep -c '[s]leep 87654'"])).stdout;
    await eventually(async () => (await left()) === '0\n', { message: 'the daemon has ended' });
  });

  it('are not hit by the end of others, many of which come and go at once', () => {
    const containers = ['a', 'b', 'c'].map((name) => ({ name, image: 'x', command: ['true'] }));
    const spec = { restartPolicy: 'OnFailure', terminationGracePeriodSeconds: 1, containers };
    const job = { completions: 40, parallelism: 12, backoffLimit: 99, template: { spec } };
    apply({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'many' }, spec: job });
    run('wait', '--for=condition=complete', 'job/many', '--timeout=50s');
    const restarts = run('get', 'pods', '-l', 'job-name=many', '-o', 'jsonpath={.items[*].status.containerStatuses[*].restartCount}');
    expect(restarts.split(' ').filter((n) => n !== '0')).to.deep.equal([]);
    run('delete', 'job', 'many');
  });

  it('have every condition of their pod, which kubectl wait waits for', () => {
    apply(podManifest('waited', { image: 'lab/echo' }));
    for (const condition of ['PodScheduled', 'PodReadyToStartContainers', 'Initialized', 'ContainersReady', 'Ready'])
      wait(`condition=${condition}`, 'waited');
    // As kubectl describe shows them: in the order in which it went.
    expect(events('waited').map((e) => e.reason)).to.deep.equal(['Scheduled', 'Pulled', 'Created', 'Started']);
    run('delete', 'pod', 'waited', '--wait=false');
    wait('delete', 'waited');
  });

  it('stand on a node that renews its lease, and reports again when others call it not ready', async () => {
    const renewed = () => run('get', 'lease', 'n1', '-n', 'kube-node-lease', '-o', 'jsonpath={.spec.renewTime}');
    const before = renewed();
    const conditions = [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' }];
    run('patch', 'node', 'n1', '--subresource=status', '--patch', JSON.stringify({ status: { conditions } }));
    run('wait', '--for=condition=Ready', 'node/n1', '--timeout=20s');
    const node = JSON.parse(run('get', 'node', 'n1', '-o', 'json')) as {
      status: { capacity: object; conditions: { type: string; reason: string }[] };
    };
    expect(Object.keys(node.status.capacity)).to.include.members(['cpu', 'memory', 'pods', 'ephemeral-storage']);
    expect(node.status.conditions.find((c) => c.type === 'Ready')?.reason).to.equal('KubeletReady');
    await eventually(() => renewed() > before, { timeoutMs: 25_000, message: 'the lease is renewed' });
    run('cordon', 'n1');
    run('uncordon', 'n1');
    await eventually(() => {
      const told = run('describe', 'node', 'n1').split('\nEvents:')[1] ?? '';
      for (const reason of ['Starting', 'RegisteredNode', 'NodeReady', 'NodeNotSchedulable', 'NodeSchedulable'])
        expect(told).to.match(new RegExp(`Normal +${reason} `));
      return true;
    });
  });

  it('are measured for kubectl top', async () => {
    apply(podManifest('busy', sh('while :; do :; done'), { restartPolicy: 'Never' }));
    wait('condition=Ready', 'busy');
    await eventually(() => /busy +[1-9]\d+m +\d+Mi/.test(run('top', 'pod', 'busy', '--no-headers')), {
      message: 'busy is seen to be busy',
    });
    expect(run('top', 'pod', 'busy', '--containers')).to.match(/busy +main +\d+m/);
    expect(run('top', 'node')).to.match(/n1 +[1-9]\d*m +\d+% +\d+Mi +\d+%/);
    run('delete', 'pod', 'busy', '--now');
  });
});

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { cleanUp, eventually, needs, startTestLab, tempDir, tempLabHome } from '@kosmos/testing';
import { topologyOf, type Lab } from '../../src/index.ts';
import { kubectl, podManifest } from './support.ts';

const sleeps = { image: 'x', command: ['sleep', 'infinity'] };

describe('volumes of a lab', function () {
  this.timeout(60_000);
  let lab: Lab;

  before(needs('lab', 'kubectl'));
  before(async () => {
    tempLabHome();
    lab = await startTestLab({ topology: topologyOf({ clusters: [{ nodes: 1 }] }) });
  });
  after(cleanUp);

  const run = (...args: string[]) => kubectl(lab, 'c1', args);
  const apply = (manifest: object) => void kubectl(lab, 'c1', ['apply', '-f', '-'], manifest);
  const ready = (name: string) => void run('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=30s');
  const within = (name: string, line: string, container = 'main') => run('exec', name, '-c', container, '--', 'sh', '-c', line);

  it('show ConfigMaps and Secrets as files, and their changes while the pod runs', async () => {
    run('create', 'configmap', 'settings', '--from-literal=a=1', '--from-literal=b=2');
    run('create', 'secret', 'generic', 'words', '--from-literal=key=word');
    const volumeMounts = [
      { name: 'settings', mountPath: '/etc/settings' },
      { name: 'settings', mountPath: '/opt/one', subPath: 'a' },
      { name: 'words', mountPath: '/not/there/before', readOnly: true },
    ];
    const volumes = [
      { name: 'settings', configMap: { name: 'settings' } },
      { name: 'words', secret: { secretName: 'words', defaultMode: 0o400, items: [{ key: 'key', path: 'deep/key' }] } },
    ];
    apply(podManifest('files', { ...sleeps, volumeMounts }, { volumes }));
    ready('files');
    expect(within('files', 'cat /etc/settings/a /etc/settings/b /opt/one /not/there/before/deep/key')).to.equal('121word');
    expect(within('files', 'stat -L -c %a /not/there/before/deep/key')).to.equal('400\n');
    expect(() => within('files', 'touch /not/there/before/x')).to.throw(/Read-only file system/);
    run('patch', 'configmap', 'settings', '--patch', '{"data":{"a":"new","b":null,"c":"3"}}');
    await eventually(() => within('files', 'cat /etc/settings/*') === 'new3');
    expect(within('files', 'cat /opt/one')).to.equal('1'); // a subPath keeps what it had, as in Kubernetes
  });

  it('project several sources into one directory, with a token that the API server knows', async () => {
    const sources = [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
      { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
    ];
    run('create', 'serviceaccount', 'worker');
    const volumes = [{ name: 'v', projected: { sources } }];
    const volumeMounts = [{ name: 'v', mountPath: '/var/run/secrets/kosmos' }];
    const manifest = podManifest('projected', { ...sleeps, volumeMounts }, { volumes, serviceAccountName: 'worker' }) as {
      metadata: object;
    };
    apply({ ...manifest, metadata: { ...manifest.metadata, labels: { app: 'x' } } });
    ready('projected');
    expect(within('projected', 'cat /var/run/secrets/kosmos/labels')).to.equal('app="x"');
    const token = within('projected', 'cat /var/run/secrets/kosmos/token');
    expect(run('--token', token, 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}')).to.equal(
      'system:serviceaccount:default:worker',
    );
    run('label', 'pod', 'projected', 'app=y', '--overwrite');
    await eventually(() => within('projected', 'cat /var/run/secrets/kosmos/labels') === 'app="y"');
  });

  it('are shared by the containers of a pod, in memory where that is asked for, and end with it', async () => {
    const volumeMounts = [
      { name: 'disk', mountPath: '/disk' },
      { name: 'memory', mountPath: '/memory' },
    ];
    const volumes = [
      { name: 'disk', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    ];
    const containers = [
      { name: 'main', ...sleeps, volumeMounts },
      { name: 'other', ...sleeps, volumeMounts },
    ];
    apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'shared' }, spec: { terminationGracePeriodSeconds: 1, containers, volumes } });
    ready('shared');
    within('shared', 'echo one > /disk/file; echo two > /memory/file');
    expect(within('shared', 'cat /disk/file /memory/file', 'other')).to.equal('one\ntwo\n');
    expect(within('shared', 'awk \'$2 == "/memory" {print $3}\' /proc/mounts')).to.equal('tmpfs\n');
    expect(() => within('shared', 'head -c 2000000 /dev/zero > /memory/big')).to.throw(/No space left/);
    const uid = run('get', 'pod', 'shared', '-o', 'jsonpath={.metadata.uid}');
    const disk = join(lab.dir, 'c1/nodes/n1/volumes', uid);
    expect(readFileSync(join(disk, 'disk/file'), 'utf8')).to.equal('one\n');
    run('delete', 'pod', 'shared', '--timeout=15s');
    expect(existsSync(disk)).to.equal(false);
    expect((await lab.exec('c1/n1', ['sh', '-c', `ls /run/lab/c1.n1; mount | grep -c ${uid}`])).stdout)
      .to.match(/^0$/m)
      .and.not.include(uid);
  });

  it('are directories of this machine, and claims on such', async () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'data'));
    const meta = { name: 'data' };
    const capacity = { storage: '1Gi' };
    const shape = { accessModes: ['ReadWriteOnce'], storageClassName: '' };
    apply({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: meta,
      spec: { ...shape, capacity, hostPath: { path: join(dir, 'data') } },
    });
    const volumes = [
      { name: 'host', hostPath: { path: dir, type: 'Directory' } },
      { name: 'claim', persistentVolumeClaim: { claimName: 'data' } },
    ];
    const volumeMounts = [
      { name: 'host', mountPath: '/host', readOnly: true },
      { name: 'claim', mountPath: '/data', subPathExpr: '$(LAB_POD)' },
    ];
    // Bound by hand: the scheduler would wait for the claim.
    const manifest = podManifest('claims', { ...sleeps, volumeMounts }, { nodeName: 'n1', volumes });
    apply(manifest);
    await eventually(() => run('get', 'events').includes('MountVolume.SetUp failed for volume "claim"'));
    expect(run('get', 'pod', 'claims')).to.match(/ContainerCreating/);
    apply({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: meta,
      spec: { ...shape, volumeName: 'data', resources: { requests: capacity } },
    });
    run('patch', 'pvc', 'data', '--subresource=status', '--patch', '{"status":{"phase":"Bound"}}');
    ready('claims');
    within('claims', 'echo kept > /data/file');
    expect(readFileSync(join(dir, 'data/claims/file'), 'utf8')).to.equal('kept\n');
    run('delete', 'pod', 'claims', '--timeout=15s');
    apply(manifest);
    ready('claims');
    expect(within('claims', 'cat /data/file /host/data/claims/file')).to.equal('kept\nkept\n');
    expect(() => within('claims', 'touch /host/x')).to.throw(/Read-only file system/);
  });

  it("are all that a pod writes to: this machine's other files stay as they are", () => {
    const dir = tempDir();
    apply(podManifest('writes', { ...sleeps, workingDir: '/srv/made/for/it' }));
    ready('writes');
    const name = `kosmos-test-${process.pid}`;
    within('writes', `pwd > ${dir}/file; touch /etc/${name} /usr/${name} /run/${name} /dev/shm/${name}; rm -rf /var/lib/dpkg /home`);
    expect(within('writes', `cat ${dir}/file; ls /etc/${name}`)).to.equal(`/srv/made/for/it\n/etc/${name}\n`);
    for (const path of [`${dir}/file`, `/etc/${name}`, `/usr/${name}`, `/dev/shm/${name}`, '/srv/made'])
      expect(existsSync(path), path).to.equal(false);
    expect(existsSync('/home')).to.equal(true);
  });

  it('stand beside files of the node: host name, hosts, resolver', () => {
    const dnsConfig = { nameservers: ['192.0.2.53'], searches: ['kosmos.example'] };
    const hostAliases = [{ ip: '192.0.2.1', hostnames: ['alias.example'] }];
    apply(podManifest('named', sleeps, { hostname: 'who', subdomain: 'sub', dnsPolicy: 'None', dnsConfig, hostAliases }));
    ready('named');
    const ip = run('get', 'pod', 'named', '-o', 'jsonpath={.status.podIP}');
    expect(within('named', 'hostname; cat /etc/hostname')).to.equal('who\nwho\n');
    expect(within('named', 'cat /etc/hosts')).to.include(`${ip}\twho.sub.default.svc.cluster.local\twho\n`).and.include('alias.example');
    expect(within('named', 'cat /etc/resolv.conf')).to.equal('search kosmos.example\nnameserver 192.0.2.53\n');
  });

  it('carry files in and out by kubectl cp', () => {
    const dir = tempDir();
    apply(podManifest('copies', sleeps));
    ready('copies');
    within('copies', 'mkdir /tmp/out; echo there > /tmp/out/file');
    run('cp', 'copies:/tmp/out', join(dir, 'in'));
    expect(readFileSync(join(dir, 'in/file'), 'utf8')).to.equal('there\n');
    run('cp', join(dir, 'in/file'), 'copies:/tmp/back');
    expect(within('copies', 'cat /tmp/back')).to.equal('there\n');
  });
});

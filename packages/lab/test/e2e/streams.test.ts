import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { once } from 'node:events';
import { expect } from 'chai';
import { cleanUp, eventually, needs, startTestLab, tempLabHome } from '@kosmos/testing';
import { topologyOf, type Lab } from '../../src/index.ts';
import { kubectl, podManifest } from './support.ts';

describe('streams of a lab, by kubectl', function () {
  this.timeout(60_000);
  let lab: Lab;

  before(needs('lab', 'kubectl', 'script'));
  before(async () => {
    tempLabHome();
    lab = await startTestLab({ topology: topologyOf({ clusters: [{ nodes: 1 }] }) });
    const talk = 'echo one; echo two; sleep 2.5; echo three; sleep 1000';
    const read = 'while read -r line; do echo "got $line"; done';
    for (const manifest of [
      podManifest('talk', { image: 'x', command: ['sh', '-c', talk], env: [{ name: 'WHO', value: 'me' }] }),
      podManifest('echo', { image: 'lab/echo' }),
      podManifest('read', { image: 'x', command: ['sh', '-c', read], stdin: true }),
      podManifest('shell', { image: 'x', command: ['sh'], stdin: true, tty: true }),
      podManifest('again', { image: 'x', command: ['sh', '-c', 'echo run; exit 1'] }),
    ])
      kubectl(lab, 'c1', ['apply', '-f', '-'], manifest);
    kubectl(lab, 'c1', ['wait', '--for=condition=Ready', 'pod/talk', 'pod/echo', 'pod/read', 'pod/shell', '--timeout=15s']);
  });
  after(cleanUp);

  /** kubectl as a process of its own: what it says, and what it is told. */
  function start(...args: string[]) {
    const child = spawn('kubectl', ['--kubeconfig', lab.clusters[0]?.kubeconfig as string, ...args], { stdio: 'pipe' });
    const said = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
    const ended = once(child, 'close').then(([code]) => code as number);
    return { child, said, ended };
  }

  it('show a log, its last lines, and with times', async () => {
    await eventually(() => kubectl(lab, 'c1', ['logs', 'talk']) === 'one\ntwo\nthree\n');
    expect(kubectl(lab, 'c1', ['logs', 'talk', '--tail=1'])).to.equal('three\n');
    expect(kubectl(lab, 'c1', ['logs', 'talk', '--tail=0'])).to.equal('');
    expect(kubectl(lab, 'c1', ['logs', 'talk', '--limit-bytes=5'])).to.equal('one\nt');
    const lines = kubectl(lab, 'c1', ['logs', 'talk', '-c', 'main', '--timestamps']).trimEnd().split('\n');
    expect(lines.map((l) => l.split(' ')[1])).to.deep.equal(['one', 'two', 'three']);
    const [first, , third] = lines.map((l) => Date.parse(l.split(' ')[0] as string));
    expect((third as number) - (first as number)).to.be.within(2300, 4500);
    const between = new Date((first as number) + 1500).toISOString();
    expect(kubectl(lab, 'c1', ['logs', 'talk', `--since-time=${between}`])).to.equal('three\n');
    expect(kubectl(lab, 'c1', ['logs', 'talk', '--since=1h'])).to.equal('one\ntwo\nthree\n');
  });

  it('follow a log as it grows, until its container ends', async () => {
    const grow = 'for i in 1 2 3; do echo line $i; sleep 0.3; done';
    kubectl(lab, 'c1', ['apply', '-f', '-'], podManifest('grow', { image: 'x', command: ['sh', '-c', grow] }, { restartPolicy: 'Never' }));
    await eventually(() => kubectl(lab, 'c1', ['get', 'pod', 'grow', '-o', 'jsonpath={.status.containerStatuses[0].started}']) !== '');
    const { said, ended } = start('logs', '-f', 'grow');
    expect(await ended).to.equal(0);
    expect(said.out).to.equal('line 1\nline 2\nline 3\n');
  });

  it('show the log of the run before', async () => {
    await eventually(
      () => kubectl(lab, 'c1', ['get', 'pod', 'again', '-o', 'jsonpath={.status.containerStatuses[0].restartCount}']) >= '1',
    );
    expect(kubectl(lab, 'c1', ['logs', 'again', '--previous'])).to.equal('run\n');
    expect(() => kubectl(lab, 'c1', ['logs', 'talk', '--previous'])).to.throw(
      /previous terminated container "main" in pod "talk" not found/,
    );
  });

  it('run a command in a pod, with its environment and network, and give its exit code', async () => {
    expect(kubectl(lab, 'c1', ['exec', 'talk', '--', 'sh', '-c', 'echo $WHO $LAB_POD'])).to.equal('me talk\n');
    expect(kubectl(lab, 'c1', ['exec', 'talk', '--', 'ip', '-br', 'addr', 'show', 'eth0'])).to.match(/10\.1\.1\.\d+/);
    const { said, ended } = start('exec', 'talk', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3');
    expect(await ended).to.equal(3);
    expect(said.out).to.equal('out\n');
    expect(said.err).to.match(/^err\n/);
  });

  it('run a command for a client of the kernel, which hears its exit code, or why it cannot be run', async () => {
    const client = lab.client('c1');
    const talk = { namespace: 'default', name: 'talk' };
    const { code, stdout, stderr } = await client.exec(talk, ['sh', '-c', 'echo out $WHO; echo err >&2; exit 3']);
    expect([code, stdout, stderr]).to.deep.equal([3, 'out me\n', 'err\n']);
    const large = await client.exec(talk, ['head', '-c', '3000000', '/dev/zero']);
    expect([large.code, large.stdout.length]).to.deep.equal([0, 3_000_000]);
    expect(await client.exec({ ...talk, name: 'nope' }, ['true']).catch(String)).to.match(/pods "nope" not found/);
    const stopped = client.exec(talk, ['sleep', '100'], { signal: AbortSignal.timeout(500) });
    expect(await stopped.catch((error: Error) => error.name)).to.equal('TimeoutError');
  });

  it('give a command its standard input, whole and with its end', async () => {
    const { child, said, ended } = start('exec', '-i', 'talk', '--', 'sha256sum');
    child.stdin.end(Buffer.alloc(3_000_000, 'kosmos'));
    expect(await ended).to.equal(0);
    const { createHash } = await import('node:crypto');
    expect(said.out).to.include(createHash('sha256').update(Buffer.alloc(3_000_000, 'kosmos')).digest('hex'));
  });

  it('give a command a terminal of the size of the one that kubectl has', async () => {
    const script = ['--quiet', '--return', '--echo', 'always', '--command'];
    const line = `stty rows 33 cols 77; kubectl --kubeconfig ${lab.clusters[0]?.kubeconfig} exec -it talk -- sh -c 'sleep 0.5; tty; stty size; echo "two  words"; exit 4'`;
    const child = spawn('script', [...script, line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect(out).to.match(/\/dev\/pts\/\d+\r\n33 77\r\ntwo {2}words\r\n/);
    expect(code, out).to.equal(4);
  });

  it('attach to a pod that kubectl run makes for it, with a terminal, and that goes after it', async () => {
    const kubeconfig = lab.clusters[0]?.kubeconfig;
    const line = `kubectl --kubeconfig ${kubeconfig} run shell-once --rm -it --restart=Never --image=busybox -- sh`;
    const child = spawn('script', ['--quiet', '--return', '--echo', 'always', '--command', line, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const closed = once(child, 'close');
    await eventually(() => {
      child.stdin.write('tty; echo is $((40 + 2))\n');
      return /\/dev\/pts\/\d+\r\nis 42\r\n/.test(out);
    });
    child.stdin.write('exit\n');
    await closed;
    expect(out).to.include('pod "shell-once" deleted');
  });

  it('attach to the main process, and speak to it', async () => {
    const { child, said } = start('attach', '-i', 'read');
    await eventually(() => {
      child.stdin.write('hello\n');
      return said.out.includes('got hello\n');
    });
    child.kill();
    const shell = start('attach', '-i', 'shell');
    await eventually(() => {
      shell.child.stdin.write('echo $((40 + 2))\n');
      return /42\r\n/.test(shell.said.out);
    });
    shell.child.kill();
  });

  it('forward a port, for many connections at once, also to localhost only, and say when nothing listens', async () => {
    const { child, said } = start('port-forward', 'pod/echo', ':8080', ':9');
    const ports = await eventually(() => {
      const found = [...said.out.matchAll(/127\.0\.0\.1:(\d+) -> (\d+)/g)];
      return found.length === 2 ? Object.fromEntries(found.map((m) => [m[2], Number(m[1])])) : false;
    });
    const answers = await Promise.all(Array.from({ length: 20 }, async () => (await fetch(`http://127.0.0.1:${ports['8080']}/`)).json()));
    expect(answers).to.have.lengthOf(20);
    for (const answer of answers) expect(answer).to.include({ pod: 'echo', peer: '127.0.0.1' });
    const nothing = connect(ports['9'] as number, '127.0.0.1');
    nothing.on('error', () => {});
    await eventually(() => /error forwarding port 9: connect ECONNREFUSED/.test(said.err), { message: said.err });
    child.kill();
  });

  it('are refused to those who may not', () => {
    for (const args of [
      ['logs', 'talk'],
      ['exec', 'talk', '--', 'true'],
      ['attach', 'talk'],
      ['port-forward', 'pod/talk', ':1'],
    ])
      expect(() => kubectl(lab, 'c1', ['--as=alice', ...args])).to.throw(/forbidden: User "alice" cannot/);
  });

  it('say what is wrong with a name', () => {
    expect(() => kubectl(lab, 'c1', ['logs', 'talk', '-c', 'nope'])).to.throw(/container nope is not valid for pod talk/);
    expect(() => kubectl(lab, 'c1', ['exec', 'talk', '-c', 'nope', '--', 'true'])).to.throw(
      /container nope is not valid for pod talk|container not found/,
    );
    expect(() => kubectl(lab, 'c1', ['exec', 'nope', '--', 'true'])).to.throw(/pods "nope" not found/);
    expect(() => kubectl(lab, 'c1', ['exec', 'talk', '--', 'no-such-command'])).to.throw(/no-such-command/);
  });

  it('are served to the API server only', async () => {
    const ask = `const o={host:'${lab.clusters[0]?.nodes[0]?.address ?? '10.101.0.11'}',port:10250,rejectUnauthorized:false};require('https').get(o,r=>console.log(r.statusCode)).on('error',e=>console.log('refused',e.code))`;
    const { stdout } = await lab.exec('c1/cp', [process.execPath, '-e', ask], { timeoutMs: 10_000 });
    expect(stdout).to.match(/refused/);
  });
});

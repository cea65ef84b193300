import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cleanUp, eventually, needs, onCleanUp, tempLabHome } from '@kosmos/testing';
import { expect } from 'chai';

describe('the demo', function () {
  this.timeout(200_000);
  let home: string;

  before(needs('root', 'ip', 'nft', 'ping'));
  beforeEach(() => {
    home = tempLabHome();
  });
  afterEach(cleanUp);

  const start = (...args: string[]) => {
    // A process group of its own, as a terminal gives it: Ctrl-C reaches all of it.
    const child = spawn(process.execPath, ['tools/run.mjs', 'tools/demo.ts', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const run = { child, printed: '' };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (run.printed += text));
    onCleanUp(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      interrupt(child); // a test that failed left it running
      await once(child, 'close');
    });
    return run;
  };
  const interrupt = (child: ChildProcess) => process.kill(-(child.pid as number), 'SIGINT');
  /** Processes that name the place of this test's labs. */
  const left = () =>
    readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(home);
        } catch {
          return false; // it has ended
        }
      });
  const nothingIsLeft = async () => {
    await eventually(() => left().length === 0, { message: `no process of ${home} is left` });
    expect(existsSync(`${home}/labs`) ? readdirSync(`${home}/labs`) : []).to.deep.equal([]);
  };

  it('shows a pod in one cluster reach one in the other, and with --exit leaves nothing behind', async () => {
    const run = start('--exit');
    const [code] = (await once(run.child, 'close')) as [number];
    expect(code, run.printed).to.equal(0);
    expect(run.printed).to.match(/3 packets transmitted, 3 received/);
    expect(run.printed).to.match(/"cluster":"c2".*"peer":"10\.1\.\d+\.\d+"/);
    expect(run.printed).to.include("The server saw the client's own PodIP");
    await nothingIsLeft();
  });

  it('goes on until Ctrl-C, tells how to go on, and takes everything down', async () => {
    const run = start();
    await eventually(() => run.printed.includes('Ctrl-C takes everything down'), { message: 'the demo is ready', timeoutMs: 150_000 });
    expect(run.printed).to.match(/export KUBECONFIG=\S+\/c1\/kubeconfig/);
    expect(left()).to.not.deep.equal([]);
    interrupt(run.child);
    await once(run.child, 'close');
    await nothingIsLeft();
  });

  it('leaves nothing behind when Ctrl-C comes while it starts', async () => {
    const run = start();
    await eventually(() => run.printed.includes('API server of'), { message: 'the lab is being started', timeoutMs: 30_000 });
    interrupt(run.child);
    await once(run.child, 'close');
    expect(run.printed).to.not.include('error:');
    await nothingIsLeft();
  });
});

import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { eventually } from '@kosmos/testing';
import { expect } from 'chai';
import { type Answer, type Ask, PROGRAM } from '../../src/check/probe.ts';

/** On this machine's loopback, as processes of their own: as pods run it. */
describe('the program of a check', function () {
  this.timeout(30_000);
  let server: ChildProcess;
  let port: number;
  const run = (...args: string[]) =>
    spawn(process.execPath, ['-e', PROGRAM, ...args], { env: { ...process.env, KOSMOS_WHO: 'me' }, stdio: 'pipe' });
  const ask = async (...asks: Ask[]): Promise<Answer[]> => {
    const child = run('ask', JSON.stringify(asks));
    let out = '';
    child.stdout.on('data', (part) => (out += part));
    await new Promise((resolve) => child.once('close', resolve));
    return JSON.parse(out) as Answer[];
  };

  before(async () => {
    port = await new Promise((resolve) => {
      const probe = createServer().listen(0, '127.0.0.1', () => {
        const { port: free } = probe.address() as { port: number };
        probe.close(() => resolve(free));
      });
    });
    server = run('serve', String(port));
    await eventually(async () => (await ask({ ip: '127.0.0.1', port, size: false }))[0]!.tcp === undefined, { message: 'it serves' });
  });
  after(() => server?.kill());

  it('tells who answers by UDP and TCP, whom it saw, and how long that took', async () => {
    const [four, six] = await ask({ ip: '127.0.0.1', port, size: false }, { ip: '::1', port, size: false });
    expect(four).to.deep.include({ sent: 10, received: 10, by: ['me'], sources: ['127.0.0.1'] });
    expect(four!.rttMs).to.be.within(0.001, 1000);
    expect(four).not.to.have.property('tcp');
    expect(six).to.deep.include({ received: 10, sources: ['::1'] });
  });

  it('tells that nobody answers, and how a connection is refused', async () => {
    const [refused] = await ask({ ip: '127.0.0.1', port: port === 1 ? 2 : 1, size: true });
    expect(refused).to.deep.equal({ sent: 10, received: 0, by: [], sources: [], tcp: 'ECONNREFUSED' });
  });

  it('has nothing in it that Kubernetes would replace in the environment of a container, and needs no types', () => {
    expect(PROGRAM).not.to.match(/\$\(|\$\$/);
    expect(PROGRAM.length).to.be.lessThan(32_768);
  });
});

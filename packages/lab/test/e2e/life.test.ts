import { existsSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { cleanUp, eventually, needs, startTestLab, tempLabHome } from '@kosmos/testing';
import { Lab, plainTopology, startLab, topologyOf } from '../../src/index.ts';
import { isAlive, parseStat } from '../../src/state.ts';
import { kubectl, podManifest, traces } from './support.ts';

const topology = plainTopology(1, 1);

describe('a lab', function () {
  this.timeout(60_000);
  let home: string;

  before(needs('lab', 'kubectl'));
  beforeEach(() => {
    home = tempLabHome();
  });
  afterEach(cleanUp);

  const runPod = (lab: Lab) => {
    kubectl(lab, 'c1', ['apply', '-f', '-'], podManifest('pod', { image: 'lab/pause' }));
    kubectl(lab, 'c1', ['wait', '--for=condition=Ready', 'pod/pod', '--timeout=15s']);
  };
  const isAsBefore = (before: object) =>
    eventually(
      () => {
        expect(traces(home)).to.deep.equal(before);
        return true;
      },
      { message: 'the machine is as before' },
    );
  const initOf = (lab: Lab) => parseStat(readFileSync(join(lab.dir, 'init.stat'), 'utf8'));

  it('leaves no namespace, link, process or file when it is taken down', async () => {
    const before = traces(home);
    const lab = await startTestLab({ topology });
    runPod(lab);
    await lab.down();
    expect(existsSync(lab.dir)).to.equal(false);
    await isAsBefore(before);
  });

  it('leaves nothing that runs when its supervisor is killed, and is started again by a second up', async () => {
    const before = traces(home);
    const lab = await startTestLab({ topology });
    runPod(lab);
    const init = initOf(lab);
    const supervisor = traces(home).processes.find((p) => /^\d+ \S*node .*supervisor\/main/.test(p));
    process.kill(Number.parseInt(supervisor as string, 10), 'SIGKILL');
    await eventually(() => !isAlive(init));
    await isAsBefore(before);
    const again = await startLab({ name: lab.name, topology });
    expect(kubectl(again, 'c1', ['get', 'pods', '-o', 'name'])).to.equal('');
    await again.down();
    expect(existsSync(lab.dir)).to.equal(false);
  });

  it('is not started twice under one name', async () => {
    const lab = await startTestLab({ topology });
    const failed = await startLab({ name: lab.name, topology }).then(
      () => undefined,
      (e: Error & { code: string; hint: string }) => e,
    );
    expect(failed).to.include({ code: 'KOSMOS_E_LAB_RUNNING' });
    expect(failed?.hint).to.include(`kosmos lab down ${lab.name}`);
    expect((await lab.status()).ready).to.equal(true);
  });

  it('runs beside another with the same addresses, without seeing it', async () => {
    const [a, b] = await Promise.all([startTestLab({ topology }), startTestLab({ topology })]);
    kubectl(a, 'c1', ['apply', '-f', '-'], { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'only-a' } });
    expect(kubectl(b, 'c1', ['get', 'namespaces', '-o', 'name'])).not.to.include('only-a');
    expect(a.host.port).not.to.equal(b.host.port);
    await a.down();
    expect(kubectl(b, 'c1', ['get', 'nodes'])).to.match(/ Ready /);
  });

  it('says which port is in use, and leaves nothing', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    const failed = await startLab({ name: 'port', topology: topologyOf({ clusters: [{ nodes: 1, port }] }) }).then(
      () => undefined,
      (e: Error) => e,
    );
    taken.close();
    expect(failed?.message).to.equal(`port ${port} on 127.0.0.1, for the API server of c1, is in use`);
    expect(existsSync(join(home, 'labs'))).to.equal(false);
  });

  it('that is interrupted while it starts leaves nothing', async () => {
    const before = traces(home);
    const stop = new AbortController();
    const failed = await startLab({ name: 'stopped', topology, signal: stop.signal, onStep: () => stop.abort(new Error('Ctrl-C')) }).then(
      () => undefined,
      (e: Error) => e,
    );
    expect(failed).to.be.instanceOf(Error);
    expect(existsSync(join(home, 'labs'))).to.equal(false);
    await isAsBefore(before);
  });

  it('with a config that is not there is not started', async () => {
    const failed = await startLab({ name: 'config', topology, config: join(home, 'none.ts') }).then(
      () => undefined,
      (e: Error) => e,
    );
    expect(failed?.message).to.equal(`there is no config file ${join(home, 'none.ts')}`);
    expect(existsSync(join(home, 'labs'))).to.equal(false);
  });
});

import { expect } from 'chai';
import type { Command } from '@kosmos/kernel';
import { cleanUp, needs, onCleanUp, tempLabHome } from '@kosmos/testing';
import { labCommands } from '../../src/commands/index.ts';
import { Lab } from '../../src/index.ts';

const command = (word: string): Command => labCommands.find((c) => c.path[1] === word) as Command;

/** Runs a command as the CLI does; what it printed and its exit code. */
async function run(
  word: string,
  args: readonly string[] = [],
  options: Record<string, unknown> = {},
): Promise<{ code: number; out: string }> {
  let out = '';
  const stdout = { write: (text: string | Buffer) => ((out += text.toString()), true) };
  const code = await command(word).run({
    args,
    options: { ...(word === 'status' && { output: 'table' }), ...options },
    stdout,
    signal: new AbortController().signal,
  } as never);
  return { code: code ?? 0, out };
}

describe('the lab commands', function () {
  this.timeout(60_000);
  before(needs('lab'));
  before(async () => {
    tempLabHome();
    onCleanUp(async () => void (await run('down', [], { all: true })));
  });
  after(cleanUp);

  it('bring a lab up with a line a step, show it, run in it, and take it down', async () => {
    expect((await run('status')).out).to.equal('no lab runs; kosmos lab up starts one\n');
    const { out } = await run('up', ['one'], { clusters: '1', nodes: '1' });
    expect(out).to.match(/ s {2}network of 1 cluster with 1 node\n(.* s {2}.*\n)+ +[\d.]+ s {2}ready\n/);
    expect(out).to.include(`kubectl --kubeconfig ${new Lab('one').host.kubeconfig} get nodes`);
    expect((await run('status', ['one'])).out)
      .to.match(/lab one: ready\n/)
      .and.match(/c1\/n1\/kubelet +running/);
    const [json] = JSON.parse((await run('status', [], { output: 'json' })).out) as { name: string; clusters: { server: string }[] }[];
    expect(json?.clusters[0]?.server).to.equal(`https://127.0.0.1:${new Lab('one').host.port}`);
    expect((await run('exec', ['one/c1/n1', '--', 'sh', '-c', 'exit 5'])).code).to.equal(5);
    expect((await run('logs', ['one/c1/n1/kubelet'])).out).to.include('node is ready');
    expect((await run('cut', ['one/c1/n1', 'c1/cp'], { loss: '20' })).out).to.equal(
      'c1/n1 and c1/cp: 20 % lost; kosmos lab heal mends it\n',
    );
    expect((await run('status', ['one'])).out).to.include('20 % lost between c1/n1 and c1/cp');
    expect((await run('heal', ['one/c1/n1', 'one/c1/cp'])).out).to.equal('c1/n1 and c1/cp: healed\n');
    expect((await run('heal', ['one'])).out).to.equal('nothing is cut in lab one\n');
    expect((await run('kill', ['one/c1/n1'])).out).to.equal('c1/n1 is off; kosmos lab start one/c1/n1 boots it\n');
    expect((await run('status', ['one'])).out).to.match(/c1\/n1\/kubelet +stopped/);
    expect((await run('start', ['one/c1/n1'])).out).to.equal('c1/n1 runs\n');
    expect((await run('down', ['one'])).out).to.equal('lab one is down\n');
    expect((await run('down', ['one'])).out).to.equal('no lab one was up\n');
  });

  it('answer wrong input with what is allowed', async () => {
    const said = async (word: string, args: string[], options: Record<string, unknown> = {}) =>
      run(word, args, options).then(
        () => '',
        (e: Error) => e.message,
      );
    expect(await said('up', [], { clusters: '0' })).to.equal("'0' is not a whole number from 1 to 50");
    expect(await said('up', [], { file: 'x', nodes: '1' })).to.include('--file says how many');
    expect(await said('up', ['No Name'])).to.equal("'No Name' is no name for a lab");
    expect(await said('exec', ['c1/n1', '--', 'true'])).to.equal("no lab 'kosmos' runs");
    expect(await said('exec', ['c1/n1'])).to.equal('no command is given');
    expect(await said('cut', ['c1', 'c2'], {})).to.equal("no lab 'kosmos' runs");
    expect(await said('down', ['x'], { all: true })).to.include('either --all or the name');
    expect(await said('status', ['absent'])).to.equal("no lab 'absent' runs");
  });
});

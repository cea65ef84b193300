import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { type CommandContext, KosmosErrors } from '@kosmos/kernel';
import { expect } from 'chai';
import { planCommand } from '../../src/commands/plan.ts';
import { networkHooks } from '../../src/contracts.ts';
import { fleet } from '../support/fleet.ts';

describe('kosmos plan --simulate', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'kosmos-simulate-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const simulate = async (given: ReturnType<typeof fleet>, down: readonly string[] = [], output = 'table') => {
    const apiVersion = 'kosmos.io/v1alpha1';
    const file = join(folder, 'fleet');
    const clusters = given.clusters.map((c) => ({ apiVersion, kind: 'Cluster', ...c }));
    writeFileSync(file, JSON.stringify([...clusters, ...given.nodes.map((n) => ({ apiVersion, kind: 'ClusterNode', ...n }))]));
    let out = '';
    const sink = new Writable({
      write(chunk, _encoding, done) {
        out += String(chunk);
        done();
      },
    });
    // The command reads no more of its context than this when it has a file.
    const context = { args: [], options: { simulate: file, down, output }, stdout: sink, stderr: sink } as unknown as CommandContext;
    return { code: await planCommand(networkHooks(), {}).run(context), out };
  };

  it('counts the pairs of nodes whose pods reach each other, clusters by clusters', async () => {
    const { code, out } = await simulate(fleet(3, 2));
    expect(out.trimEnd().split('\n')).to.deep.equal([
      'FROM \\ TO   c00   c01   c02',
      'c00         -     4/4   4/4',
      'c01         4/4   -     4/4',
      'c02         4/4   4/4   -',
    ]);
    expect(code).to.equal(0);
  });

  it('leaves out the pods of a node that is down, and names those that a dead link cuts off', async () => {
    const { code, out } = await simulate(fleet(2, 2), ['c00-n000', 'c00-n001/c01']);
    expect(code).to.equal(1);
    expect(out).to.include('c00         -     0/2').and.to.include('2 pairs: c00-n001 does not answer; c01-n000 to c00-n001 (IPv4)');
    const json = JSON.parse((await simulate(fleet(2, 1), ['c00/c01'], 'json')).out) as { from: string; cut?: boolean }[];
    expect(json.map(({ from, cut }) => [from, cut])).to.deep.equal([
      ['c00-n000', true],
      ['c01-n000', true],
    ]);
  });

  it('tells pairs that were never connected from those that are cut off', async () => {
    const given = fleet(3, 1);
    const off = { ...given.clusters[2]!, spec: { clusterLinkOptions: { enable: false } } };
    const { code, out } = await simulate({ ...given, clusters: [...given.clusters.slice(0, 2), off] });
    expect(code).to.equal(0);
    expect(out).to.include('NOT CONNECTED').and.not.to.include('CUT OFF');
  });

  it('takes a few nodes of each cluster for all of a large fleet, and says so', async () => {
    const { out } = await simulate(fleet(4, 30), ['c00-n000']);
    expect(out).to.include('a few nodes of each cluster stand for all of it').and.to.include('c01         12/12   -       16/16');
  });

  it('refuses names that are not there, all at once', async () => {
    const error = await simulate(fleet(2, 1), ['nobody', 'c00/nowhere']).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(KosmosErrors);
    expect((error as KosmosErrors).errors.map(({ message }) => message)).to.deep.equal([
      "--down: there is no ClusterNode 'nobody'.",
      "--down: there is no ClusterNode or Cluster 'nowhere'.",
    ]);
  });
});

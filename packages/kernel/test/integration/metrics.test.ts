import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { definePlugin, part, type EventRecorder, type KObject, TerminalError, type Writer } from '@kosmos/kernel';
import { createKernel, type Kernel } from '@kosmos/kernel/runtime';
import { REAL, type TestApiServer, startTestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import * as z from 'zod';
import { type ConfigMap, ConfigMaps } from '../support/engine.ts';
import { waitFor } from '../support/wait-for.ts';

const README = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8');
/** Name and labels, as the table has them. */
const DOCUMENTED = [...README.matchAll(/^\| `(kosmos_\w+)` \| (.*) \| .* \|$/gm)].map(([, name = '', labels = '']) => ({
  name,
  labels: labels.split(', ').filter((label) => label !== ''),
}));

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function samples(text: string): Sample[] {
  return [...text.matchAll(/^(kosmos_\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? (\S+)$/gm)].map(([, name = '', labels = '', value]) => ({
    name,
    labels: Object.fromEntries(
      [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', of = '']) => [key, of]).filter(([key]) => key !== 'le'),
    ),
    value: Number(value),
  }));
}

describe('the metrics of a process that has something to do', function () {
  this.timeout(REAL ? 120_000 : 30_000);
  let server: TestApiServer;
  let kernel: Kernel;
  let tools: { readonly writer: Writer; readonly recorder: EventRecorder } | undefined;
  const runs: string[] = [];

  const busy = definePlugin({
    name: 'busy',
    version: '1.0.0',
    apiVersion: 1,
    kernel: '>=0.1.0',
    options: z.strictObject({}),
    parts: {
      all: part<object>()({
        setup(ctx) {
          const informer = ctx.informer<ConfigMap>(ConfigMaps, { namespace: 'default', labels: 'test=metrics' });
          informer.on({
            add: () => {
              throw new Error('boom');
            },
          });
          tools = { writer: ctx.writer('work'), recorder: ctx.recorder('work') };
          ctx
            .controller('work')
            .for(informer)
            .gated('metrics')
            .reconcile(async ({ name }) => {
              runs.push(name);
              if (name === 'bad') throw new TerminalError('never');
              if (name === 'late' && runs.filter((run) => run === name).length < 3) throw new Error('not yet');
              if (name === 'again') return { requeueAfterMs: 3_600_000 };
            });
        },
      }),
    },
  });
  const scrape = async () => samples(await (await fetch(`http://127.0.0.1:${kernel.http?.port}/metrics`)).text());
  const put = (name: string) =>
    kernel.clusters
      .client('host')
      .apply<KObject>(ConfigMaps, { metadata: { name, namespace: 'default', labels: { test: 'metrics' } } }, { fieldManager: 'test' });

  before(async () => {
    server = await startTestApiServer();
    const config = {
      plugins: [busy()],
      clusters: { host: { kubeconfig: server.kubeconfig } },
      http: { port: 0 },
      log: { level: 'silent' },
    };
    kernel = await createKernel({ config: config as never, role: 'manager' });
    await kernel.start();
  });
  after(async () => {
    await kernel?.stop();
    await server?.stop();
  });

  it('are those of the table in the README, each with its labels, and count what happened', async () => {
    for (const name of ['good', 'bad', 'late', 'again']) await put(name);
    await waitFor(
      () => runs.length >= 6,
      'six runs',
      20_000,
      () => runs,
    );
    const made = await tools?.writer.apply('host', ConfigMaps, { metadata: { name: 'made', namespace: 'default' } });
    tools?.recorder.event('host', made as KObject, 'Normal', 'Made', 'it was made');
    await server.down();
    await server.up();
    let seen: Sample[] = [];
    const of = (name: string, labels: object = {}) =>
      seen
        .filter((s) => s.name === `kosmos_${name}` && Object.entries(labels).every(([key, value]) => s.labels[key] === value))
        .map(({ value }) => value);
    await waitFor(
      async () => {
        seen = await scrape();
        return of('informer_failures_total').length > 0 && of('events_total').length > 0 && of('informer_watches_total')[0] !== 1;
      },
      'a failure, an event, and another watch',
      20_000,
    );
    const labels = new Map(seen.map((sample) => [sample.name, Object.keys(sample.labels)]));
    expect(Object.fromEntries(labels)).to.deep.equal(Object.fromEntries(DOCUMENTED.map((metric) => [metric.name, metric.labels])));
    const controller = 'busy/work';
    expect(of('controller_reconciles_total', { controller, result: 'error' })).to.deep.equal([2]);
    expect(of('controller_reconciles_total', { controller, result: 'success' })).to.deep.equal([2]);
    expect(of('controller_reconciles_total', { controller, result: 'terminal' })).to.deep.equal([1]);
    expect(of('controller_reconciles_total', { controller, result: 'requeue' })).to.deep.equal([1]);
    expect(of('controller_errors_total', { controller })).to.deep.equal([3]);
    expect(of('controller_retries_total', { controller })).to.deep.equal([2]);
    expect(of('controller_queue_delayed', { controller })).to.deep.equal([1]);
    expect(of('informer_objects', { cluster: 'host', kind: 'configmaps' })).to.deep.equal([4]);
    expect(of('informer_events_total', { type: 'ADDED' })).to.deep.equal([4]);
    expect(of('informer_received_bytes_total', { cluster: 'host', kind: 'configmaps' })[0]).to.be.within(4 * 200, 40_000);
    expect(of('informer_handler_errors_total', { plugin: 'busy', kind: 'configmaps' })).to.deep.equal([4]);
    expect(of('writes_total', { controller, result: 'applied' })).to.deep.equal([1]);
    expect(of('leader', { lease: 'metrics' })).to.deep.equal([1]);
    expect(of('cluster_state', { cluster: 'host' }).toSorted()).to.deep.equal([0, 0, 1]);
  });
});

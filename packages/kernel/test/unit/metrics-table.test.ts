import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { busMetrics } from '../../src/bus/metrics.ts';
import { controllerMetrics } from '../../src/controllers/metrics.ts';
import { infoMetric } from '../../src/host/info.ts';
import type { Metrics } from '../../src/index.ts';
import { createKernel } from '@kosmos/kernel/runtime';
import { expect } from 'chai';

const README = resolve(import.meta.dirname, '../../README.md');

describe('the metrics', () => {
  it('are documented in the README as they are in the code', () => {
    const rows: string[] = [];
    const declare = (name: string, help: string, labels: readonly string[] = []) =>
      void rows.push(`| \`kosmos_${name}\` | ${labels.join(', ')} | ${help} |`);
    const metrics: Metrics = {
      counter: (...given) => (declare(...given), { inc: () => {} }),
      gauge: (...given) => (declare(...given), { set: () => {}, remove: () => {} }),
      histogram: (name, help, labels) => (declare(name, help, labels), { observe: () => {} }),
    };
    busMetrics(metrics);
    controllerMetrics(metrics);
    infoMetric(metrics, { role: 'agent', cluster: 'c1', node: 'n1', instance: 'x' });
    const readme = readFileSync(README, 'utf8').split('\n');
    expect(readme.filter((line) => line.startsWith('| `kosmos_'))).to.deep.equal(rows);
  });

  it('are served as they are documented', async () => {
    const kernel = await createKernel({ config: { plugins: [], http: { port: 0 }, log: { level: 'silent' } }, role: 'manager' });
    await kernel.start();
    try {
      const text = await (await fetch(`http://127.0.0.1:${kernel.http?.port}/metrics`)).text();
      const served = [...text.matchAll(/^# HELP (kosmos_\w+) (.*)$/gm)].map(([, name, help]) => `${name} ${help}`);
      const documented = [...readFileSync(README, 'utf8').matchAll(/^\| `(kosmos_\w+)` \| .* \| (.*) \|$/gm)].map(
        ([, name, help]) => `${name} ${help}`,
      );
      expect(served.toSorted()).to.deep.equal(documented.toSorted());
    } finally {
      await kernel.stop();
    }
  });
});

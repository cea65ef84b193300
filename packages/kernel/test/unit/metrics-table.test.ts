import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { busMetrics } from '../../src/bus/metrics.ts';
import { controllerMetrics } from '../../src/controllers/metrics.ts';
import type { Metrics } from '../../src/index.ts';
import { expect } from 'chai';

describe('the metrics', () => {
  it('are documented in the README as they are in the code', () => {
    const rows: string[] = [];
    const declare = (name: string, help: string, labels: readonly string[] = []) =>
      void rows.push(`| \`kosmos_${name}\` | ${labels.join(', ')} | ${help} |`);
    const metrics: Metrics = {
      counter: (...given) => (declare(...given), { inc: () => {} }),
      gauge: (...given) => (declare(...given), { set: () => {} }),
      histogram: (name, help, labels) => (declare(name, help, labels), { observe: () => {} }),
    };
    busMetrics(metrics);
    controllerMetrics(metrics);
    const readme = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8').split('\n');
    expect(readme.filter((line) => line.startsWith('| `kosmos_'))).to.deep.equal(rows);
  });
});

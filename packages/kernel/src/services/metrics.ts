/** Prometheus metrics: one registry per kernel, prom-client loaded when the first metric is declared. */
import { createRequire } from 'node:module';
import type { Metrics } from '../contracts/services.ts';
import { fail } from '../host/errors.ts';

type PromClient = typeof import('prom-client');
const require = createRequire(import.meta.url);

export interface MetricsRegistry extends Metrics {
  /** In the text format of Prometheus, with what the process itself uses. */
  text(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** Runs before each scrape. */
  beforeScrape(fn: () => void): void;
  clear(): void;
}

/** For a process that shows none: takes everything and keeps nothing. */
export const noMetrics: Metrics = {
  counter: () => ({ inc: () => {} }),
  gauge: () => ({ set: () => {}, remove: () => {} }),
  histogram: () => ({ observe: () => {} }),
};

export function createMetrics(): MetricsRegistry {
  let registry: InstanceType<PromClient['Registry']> | undefined;
  const measures: (() => void)[] = [];
  const prom = () => require('prom-client') as PromClient;
  const open = () => {
    if (!registry) {
      const { Registry, collectDefaultMetrics } = prom();
      registry = new Registry();
      collectDefaultMetrics({ register: registry });
    }
    return registry;
  };
  const declare = <T>(name: string, make: (more: { name: string; registers: [InstanceType<PromClient['Registry']>] }) => T): T => {
    const register = open();
    const full = `kosmos_${name}`;
    if (!/^[a-z][a-z0-9_]*$/.test(name)) throw fail('KOSMOS_E_METRIC', `'${name}' is no name for a metric`);
    if (register.getSingleMetric(full)) throw fail('KOSMOS_E_METRIC', `the metric '${full}' is declared twice`);
    return make({ name: full, registers: [register] });
  };
  return {
    counter(name, help, labels = []) {
      const made = declare(name, (more) => new (prom().Counter)({ help, labelNames: [...labels], ...more }));
      return { inc: (values = {}, by = 1) => made.inc({ ...values }, by) };
    },
    gauge(name, help, labels = []) {
      const made = declare(name, (more) => new (prom().Gauge)({ help, labelNames: [...labels], ...more }));
      return { set: (value, values = {}) => made.set({ ...values }, value), remove: (values) => made.remove({ ...values }) };
    },
    histogram(name, help, labels = [], buckets = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10]) {
      const made = declare(name, (more) => new (prom().Histogram)({ help, labelNames: [...labels], buckets: [...buckets], ...more }));
      return { observe: (value, values = {}) => made.observe({ ...values }, value) };
    },
    async text() {
      const register = open();
      for (const measure of measures) measure();
      return { contentType: register.contentType, body: await register.metrics() };
    },
    beforeScrape: (fn) => void measures.push(fn),
    clear: () => registry?.clear(),
  };
}

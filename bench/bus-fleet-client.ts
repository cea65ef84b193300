/** The process of bus-fleet.ts: `clusters` names of one server, `informers` selections in each. Tells when all are synced, and when each has heard of another object. */
import type { KObject, Kind } from '@kosmos/kernel';
import { createEngine, createLogger, noMetrics, systemClock } from '@kosmos/kernel/runtime';

const [kubeconfig = '', clusters = '1', informers = '20'] = process.argv.slice(2);
const ConfigMaps: Kind<KObject> = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const log = createLogger({ level: 'error' });
const names = Array.from({ length: Number(clusters) }, (_, i) => (i === 0 ? 'host' : `m${i}`));
const access = Object.fromEntries(names.map((name) => [name, { kubeconfig }]));
const engine = createEngine({
  self: { role: 'manager', cluster: 'host', instance: 'fleet' },
  log,
  clock: systemClock,
  metrics: noMetrics,
  health: { ready: () => {} },
  access,
});
const all = Array.from({ length: Number(informers) }, (_, i) =>
  engine.forPlugin('bench', log).informer(ConfigMaps, { namespace: 'default', labels: `share=${i}`, clusters: names }),
);
const since = performance.now();
await engine.startInformers(AbortSignal.timeout(120_000));
while (!all.every((informer) => names.every((name) => informer.hasSynced(name)))) await new Promise((resolve) => setTimeout(resolve, 20));
const syncedMs = performance.now() - since;
await new Promise((resolve) => setTimeout(resolve, 2000));
const objects = all.reduce((sum, informer) => sum + [...informer.list()].length, 0);
let heard = 0;
for (const informer of all) {
  let told = false;
  informer.on({
    add: (_, { initial }) => {
      if (initial || told) return;
      told = true;
      heard += 1;
      if (heard === all.length) process.send?.({ lastAt: Date.now() });
    },
  });
}
process.send?.({ syncedMs, objects, rss: process.memoryUsage().rss });

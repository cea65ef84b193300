/** Many informers at once: 50 clusters with 20 each, and 20 of one cluster whose server starts anew. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { clientOf, each, startServer } from './bus-server.ts';
import type { Result } from './result.ts';

const CLUSTERS = 50;
const INFORMERS = 20;
/** Small objects that every informer of a cluster has its share of. */
const OBJECTS = 2000;

export async function run(): Promise<Result[]> {
  const server = await startServer(true);
  const { client, close } = clientOf(server.kubeconfig);
  const children: ChildProcess[] = [];
  const start = async (clusters: number) => {
    const args = [server.kubeconfig, String(clusters), String(INFORMERS)];
    const child = fork('bench/bus-fleet-client.ts', args, {
      execArgv: ['--conditions=@kosmos/source', '--disable-warning=ExperimentalWarning'],
    });
    children.push(child);
    const [message] = (await once(child, 'message')) as [{ syncedMs: number; objects: number; rss: number }];
    return { child, ...message };
  };
  const make = (i: number) =>
    client.request('POST', '/api/v1/namespaces/default/configmaps', {
      body: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: `o-${i}`, labels: { share: String(i % INFORMERS) } },
        data: { text: 'x'.repeat(300), number: String(i) },
      },
    });
  try {
    await each(OBJECTS, 16, make);
    const fleet = await start(CLUSTERS);
    fleet.child.kill('SIGKILL');
    const one = await start(1);
    const back = once(one.child, 'message') as Promise<[{ lastAt: number }]>;
    await server.restart();
    const served = Date.now();
    for (let i = 0; i < INFORMERS; i += 1) await make(OBJECTS + i);
    const [{ lastAt }] = await back;
    return [
      {
        name: `${CLUSTERS} clusters x ${INFORMERS} informers, resident memory`,
        value: fleet.rss / 2 ** 20,
        unit: 'MiB',
        target: '<= 512',
        note: `${fleet.objects} objects in all, synced in ${(fleet.syncedMs / 1000).toFixed(1)} s`,
      },
      {
        name: `recovery after a server restart, ${INFORMERS} informers`,
        value: (lastAt - served) / 1000,
        unit: 's',
        note: 'from when it served again until each has heard of a change made then; the writes are within',
      },
    ];
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await close();
    await server.stop();
  }
}

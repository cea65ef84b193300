/** How soon an event reaches a handler, next to the informer of client-node. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { end, informer, report, told } from './bus-process.ts';
import type { Result } from './result.ts';

const PER_SECOND = 2000;
const LAG_SECONDS = 5;

/** From a server that does nothing but send, since none here stores 2,000 pods a second. */
export async function run(): Promise<Result[]> {
  const results: Result[] = [];
  for (const mode of ['client-node', 'kosmos'] as const) {
    const options = { execArgv: ['--conditions=@kosmos/source', '--disable-warning=ExperimentalWarning'] };
    const feed = fork('bench/bus-feed.ts', [String(PER_SECOND), String(LAG_SECONDS)], options);
    try {
      const [kubeconfig] = (await once(feed, 'message')) as [string];
      const idle = await informer('idle', { kubeconfig });
      const { child } = await informer(mode, { kubeconfig });
      child.send('begin, with blocks');
      idle.child.send('begin, with blocks');
      await Promise.all([once(child, 'message'), once(idle.child, 'message')]);
      const { p50, p99, updates: heard, blocks } = await report(child, PER_SECOND * LAG_SECONDS * 0.8);
      await end(child);
      const nothing = await report(idle.child, 0);
      await end(idle.child);
      results.push({
        name: `${mode}: lag at ${PER_SECOND} updates/s, p99`,
        value: p99,
        unit: 'ms',
        ...(mode === 'kosmos' ? { target: '<= 20' } : {}),
        note: `p50 ${p50.toFixed(1)} ms, from the server's write to the handler; ${heard} heard; ${told(blocks, nothing.blocks)}`,
      });
    } finally {
      feed.kill();
    }
  }
  return results;
}

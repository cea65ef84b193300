import { conditionOf } from '../conditions.ts';
import type { Controller } from '../context.ts';
import { Jobs, keyOf, splitKey } from '../kube.ts';
import { isTerminating } from '../pods.ts';
import type { WorkQueue } from '../queue.ts';
import { isEnded } from './outcome.ts';

/** Deletes jobs some time after their end, where they ask for that. */
export const ttlAfterFinished: Controller = {
  name: 'ttl-after-finished-controller',
  start(c) {
    const queue: WorkQueue = c.queue(async (key) => {
      const job = c.informer(Jobs).get(...splitKey(key));
      const ttl = job?.spec.ttlSecondsAfterFinished;
      if (!job || ttl === undefined || !isEnded(job) || isTerminating(job)) return;
      const { conditions } = job.status ?? {};
      const end = [conditionOf(conditions, 'Complete'), conditionOf(conditions, 'Failed')].find((x) => x?.status === 'True')!;
      const wait = Date.parse(end.lastTransitionTime!) + ttl * 1000 - c.clock.now();
      if (wait > 0) queue.addAfter(key, wait);
      else await c.client.delete(Jobs, job, { propagationPolicy: 'Foreground', asSeen: true });
    });
    c.informer(Jobs).on((now) => {
      if (now && now.spec.ttlSecondsAfterFinished !== undefined && isEnded(now)) queue.add(keyOf(now));
    });
  },
};

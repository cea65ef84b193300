import { equal } from '../../schema/schema.ts';
import type { Context } from '../context.ts';
import { keyOf, Pods, Services, type Pod } from '../kube.ts';
import type { WorkQueue } from '../queue.ts';
import { hasLabels } from '../../kinds/label-selector.ts';
import { isReady } from '../pods.ts';

/** What endpoints say of a pod. */
const shownOf = (pod: Pod | undefined): unknown =>
  pod && [
    pod.metadata.labels,
    pod.metadata.deletionTimestamp !== undefined,
    pod.status?.phase,
    pod.status?.podIP,
    pod.status?.podIPs,
    isReady(pod),
    pod.spec.nodeName,
  ];

/** Looks at services that change, and at those that select a pod of which something changed that endpoints show. */
export function watchServices(c: Context, queue: WorkQueue): void {
  const services = c.informer(Services);
  services.on((now, before) => queue.add(keyOf((now ?? before)!)));
  c.informer(Pods).on((now, before) => {
    if (equal(shownOf(now), shownOf(before))) return;
    for (const service of services.list((now ?? before)!.metadata.namespace ?? '')) {
      const { selector } = service.spec;
      if (hasLabels(selector, now?.metadata.labels) || hasLabels(selector, before?.metadata.labels)) queue.add(keyOf(service));
    }
  });
}

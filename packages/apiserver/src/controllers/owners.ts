import type { Context } from './context.ts';
import { controllerOf, keyOf, type Any, type Kind, type KubeObject } from './kube.ts';
import type { WorkQueue } from './queue.ts';
import { selects } from '../kinds/label-selector.ts';

/** Looks at each object of the kind when it changes; `on` may say that a change needs something else, too. */
export function watchOwn<T extends KubeObject>(c: Context, kind: Kind<T>, queue: WorkQueue): void {
  c.informer(kind).on((now, before) => queue.add(keyOf((now ?? before)!)));
}

/** Looks at the manager of an object, former and present, when it changes; of an orphan at all that select it. */
export function watchDependents<O extends KubeObject & { spec: Any }, T extends KubeObject>(
  c: Context,
  ownerKind: Kind<O>,
  kind: Kind<T>,
  queue: WorkQueue,
): void {
  const owners = c.informer(ownerKind);
  c.informer(kind).on((now, before) => {
    const refs = [now, before].map((o) => o && controllerOf(o));
    const { namespace = '' } = (now ?? before)!.metadata;
    for (const ref of refs) {
      const owner = ref?.kind === ownerKind.kind ? owners.get(namespace, ref.name) : undefined;
      if (owner && owner.metadata.uid === ref!.uid) queue.add(keyOf(owner));
    }
    if (!now || refs[0]) return;
    for (const owner of owners.list(namespace)) if (selects(owner.spec.selector, now.metadata.labels)) queue.add(keyOf(owner));
  });
}

import type { Informer, InformerHandler, KObject, Subscription } from '@kosmos/kernel';

/**
 * The informer for those who ask what `first` made of its objects: handlers hear of a change right after it. Handlers of one
 * informer are otherwise served each at its own pace, and who is faster than `first` would ask too early, and never again.
 */
export function heardFirst<T extends KObject>(
  informer: Informer<T>,
  cluster: string,
  first: InformerHandler<T>,
): { readonly informer: Informer<T>; readonly subscription: Subscription } {
  const handlers = new Set<InformerHandler<T>>();
  const each = (call: (handler: InformerHandler<T>) => void) => [first, ...handlers].forEach(call);
  const subscription = informer.on({
    add: (object, seen) => each((handler) => handler.add?.(object, seen)),
    update: (object, old, seen) => each((handler) => handler.update?.(object, old, seen)),
    remove: (last, seen) => each((handler) => handler.remove?.(last, seen)),
    cluster: (name, state) => each((handler) => handler.cluster?.(name, state)),
  });
  return {
    subscription,
    informer: {
      kind: informer.kind,
      get: (key) => informer.get(key),
      list: (name) => informer.list(name),
      by: (index, value) => informer.by(index, value),
      synced: (signal) => informer.synced(signal),
      hasSynced: (name) => informer.hasSynced(name),
      state: (name) => informer.state(name),
      error: (name) => informer.error(name),
      on(handler) {
        for (const object of informer.list(cluster)) handler.add?.(object, { cluster, initial: true, missed: false });
        handlers.add(handler);
        return Object.assign(() => void handlers.delete(handler), { hasSynced: (name: string) => subscription.hasSynced(name) });
      },
    },
  };
}

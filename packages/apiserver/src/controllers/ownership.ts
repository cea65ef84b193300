import { ApiError } from '../http/errors.ts';
import type { Context } from './context.ts';
import { controllerOf, controllerRef, type Kind, type KubeObject, type LabelSelector } from './kube.ts';
import { isTerminating } from './pods.ts';
import { selects } from '../kinds/label-selector.ts';

/**
 * The objects that belong to `owner`: its own that still match, and orphans that match, which it adopts;
 * its own that match no longer are let go.
 * @param mayAdopt further says whether an orphan is one that this owner could have made
 */
export async function claim<O extends KubeObject, T extends KubeObject>(
  c: Context,
  ownerKind: Kind<O>,
  owner: O,
  selector: LabelSelector,
  kind: Kind<T>,
  mayAdopt: (orphan: T) => boolean = () => true,
): Promise<T[]> {
  const ref = controllerRef(ownerKind, owner);
  const informer = c.informer(kind);
  const claimed: T[] = [];
  for (const object of informer.list(owner.metadata.namespace ?? '')) {
    const controller = controllerOf(object);
    const matches = selects(selector, object.metadata.labels);
    if (controller && controller.uid !== ref.uid) continue;
    if (controller) {
      if (matches) claimed.push(object);
      else if (!isTerminating(owner)) await change(c, kind, object, (refs) => refs.filter((r) => r.uid !== ref.uid));
      continue;
    }
    if (!matches || isTerminating(owner) || isTerminating(object) || !mayAdopt(object)) continue;
    const adopted = await change(c, kind, object, (refs) => [...refs.filter((r) => r.uid !== ref.uid), ref]);
    if (adopted) claimed.push(adopted);
  }
  return claimed;
}

type References = NonNullable<KubeObject['metadata']['ownerReferences']>;

async function change<T extends KubeObject>(
  c: Context,
  kind: Kind<T>,
  object: T,
  refs: (before: References) => References,
): Promise<T | undefined> {
  try {
    await c.client.modify(kind, object, (o) => {
      o.metadata.ownerReferences = refs(o.metadata.ownerReferences ?? []);
    });
    return c.informer(kind).get(object.metadata.namespace ?? '', object.metadata.name);
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return undefined;
    throw error;
  }
}

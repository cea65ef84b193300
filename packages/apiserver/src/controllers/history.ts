import { ApiError } from '../http/errors.ts';
import { equal } from '../schema/schema.ts';
import type { Context } from './context.ts';
import { hashOf } from './hash.ts';
import {
  controllerRef,
  ControllerRevisions,
  type ControllerRevision,
  type Kind,
  type KubeObject,
  type LabelSelector,
  type PodTemplate,
} from './kube.ts';
import { claim } from './ownership.ts';

type Revised = KubeObject & {
  spec: { selector: LabelSelector; template: PodTemplate; revisionHistoryLimit?: number };
  status?: { collisionCount?: number };
};

export interface History {
  /** All revisions, the oldest first. */
  all: ControllerRevision[];
  /** The one of the present template. */
  update: ControllerRevision;
  /** How often the name of a new one was taken already. */
  collisions: number;
}

const templateOf = ({ data }: ControllerRevision): PodTemplate => {
  const { $patch: _p, ...template } = data.spec.template;
  return template;
};

/** The template that a revision keeps. */
export const revisionTemplate = templateOf;

/** The revisions of an object's template; that of the present one is made where it is not there, or becomes the newest. */
export async function history<T extends Revised>(c: Context, kind: Kind<T>, owner: T, hashLabel: string): Promise<History> {
  const all = (await claim(c, kind, owner, owner.spec.selector, ControllerRevisions)).sort((a, b) => a.revision - b.revision);
  const next = (all.at(-1)?.revision ?? 0) + 1;
  let collisions = owner.status?.collisionCount ?? 0;
  const same = all.findLast((r) => equal(templateOf(r), owner.spec.template));
  if (same && same === all.at(-1)) return { all, update: same, collisions };
  if (same) {
    // A way back: the old revision is the newest one now.
    const update = await c.client.update(ControllerRevisions, same, (o) => {
      o.revision = next;
    });
    return { all: [...all.filter((r) => r !== same), update], update, collisions };
  }
  for (;;) {
    const hash = hashOf(owner.spec.template, collisions);
    const { namespace = '' } = owner.metadata;
    const name = `${owner.metadata.name}-${hash}`;
    try {
      const update = await c.client.create(ControllerRevisions, {
        metadata: {
          name,
          namespace,
          labels: { ...owner.spec.template.metadata?.labels, [hashLabel]: hash },
          ...(owner.metadata.annotations && { annotations: owner.metadata.annotations }),
          ownerReferences: [controllerRef(kind, owner)],
        },
        data: { spec: { template: { ...owner.spec.template, $patch: 'replace' } } },
        revision: next,
      });
      return { all: [...all, update], update, collisions };
    } catch (error) {
      const isTaken = error instanceof ApiError && error.reason === 'AlreadyExists';
      if (!isTaken) throw error;
      collisions += 1;
    }
  }
}

/** Deletes the oldest revisions above the limit that no pod has. */
export async function forgetRevisions(
  c: Context,
  owner: Revised,
  all: readonly ControllerRevision[],
  isUsed: (r: ControllerRevision) => boolean,
): Promise<void> {
  const unused = all.filter((r) => !isUsed(r));
  for (const r of unused.slice(0, Math.max(0, unused.length - (owner.spec.revisionHistoryLimit ?? 10))))
    await c.client.delete(ControllerRevisions, r);
}

import type { Kind } from './object.ts';
import type { Self } from './plugin.ts';
import { type Token, token } from './token.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

/** A right that a part of a plugin needs in a cluster: one rule of RBAC. Server-side apply is `patch`, and `create` where it may make the object. */
export interface Right {
  /** The host cluster, or each member. */
  readonly on: 'host' | 'members';
  readonly kind: Pick<Kind<unknown>, 'group' | 'plural'>;
  readonly subresource?: 'status';
  readonly verbs: readonly Verb[];
  /** Of a namespaced kind; default: all namespaces. */
  readonly namespace?: string;
  /** Only objects of these names. It is for lists and watches of one name, too; not for `create` by POST, which names none before. */
  readonly names?: readonly string[];
}

/** Whose rights: a role, and for agents the node. */
export type Who = Pick<Self, 'role' | 'cluster' | 'node'>;

/** What `ctx.recorder` takes for events on objects of a namespace of the host; those without one have theirs in `default`. */
export const eventRight = (namespace = 'default'): Right => ({
  on: 'host',
  kind: { group: '', plural: 'events' },
  verbs: ['create', 'patch'],
  namespace,
});

const Leases = { group: 'coordination.k8s.io', plural: 'leases' };
export const LEASE_NAMESPACE = 'kosmos-system';

/** What `gated(lease)` takes. */
export const leaseRights = (lease: string): readonly Right[] => [
  { on: 'host', kind: Leases, verbs: ['get', 'update'], namespace: LEASE_NAMESPACE, names: [lease] },
  { on: 'host', kind: Leases, verbs: ['create'], namespace: LEASE_NAMESPACE },
];

/** The rights that the plugins of this config need, as their parts say. */
export interface Rights {
  of(who: Who): readonly Right[];
}
export const Rights: Token<Rights> = token<Rights>('kernel.rights');

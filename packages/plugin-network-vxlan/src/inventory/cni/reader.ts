/** How a CNI says its CIDRs: what to watch in a member, and how to read it. Pure; `adapter.ts` feeds it. */
import type { Node } from '@kosmos/api';
import type { Kind, KObject } from '@kosmos/kernel';
import type { Trouble } from '../../contracts.ts';

/** Some objects of a kind in a member. */
export interface Watch<T extends KObject> {
  readonly kind: Kind<T>;
  readonly namespace?: string;
  readonly labels?: string;
  readonly fields?: string;
}

/** What is known of one member. */
export interface Seen {
  list<T extends KObject>(watch: Watch<T>): readonly T[];
  /** Why the member does not give these objects; undefined: it does. */
  refused(watch: Watch<KObject>): string | undefined;
  /** Those that take part. */
  readonly nodes: readonly Node[];
}

/** CIDRs as written: with host bits, in any order, some twice. Undefined: not known now. */
export interface Reading {
  /** Ranges that some object states for all pods; empty: none does, and the nodes' are all that is known. */
  readonly podCIDRs?: readonly string[] | undefined;
  readonly nodePodCIDRs?: ((node: Node) => readonly string[]) | undefined;
  readonly serviceCIDRs?: readonly string[] | undefined;
  /** What cannot be found, and what to configure. */
  readonly trouble?: Trouble | undefined;
}

export interface CniReader {
  /** Values of `spec.clusterLinkOptions.cni`. */
  readonly cnis: readonly string[];
  readonly watches: readonly Watch<KObject>[];
  read(seen: Seen): Reading;
}

/** The end of every message about pods: what helps whatever the CNI is. */
export const STATE_PODS = 'or state them in spec.clusterLinkOptions.podCIDRs';

export function podCIDRs({ spec }: Node): readonly string[] {
  return spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : []);
}

/** `a, b c` */
export function words(text: string | undefined): string[] {
  return (text ?? '').split(/[\s,]+/).filter((word) => word !== '');
}

/** Undefined for what is no JSON. */
export function json(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

/** Values of one flag in command lines, `--flag=a,b` or `--flag a,b`; the last one of a line counts, as for the program. */
export function flag(line: readonly string[], name: string): string[] {
  const at = line.findLastIndex((word) => word === name || word.startsWith(`${name}=`));
  if (at < 0) return [];
  return words(line[at] === name ? line[at + 1] : line[at]!.slice(name.length + 1));
}

/** The ConfigMap in kube-system where there are several, else the first by namespace. */
export function preferred<T extends KObject>(objects: readonly T[]): T | undefined {
  const rank = ({ metadata: { namespace } }: T) => (namespace === 'kube-system' ? '' : `~${namespace}`);
  return objects.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))[0];
}

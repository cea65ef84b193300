import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Node } from '@kosmos/api';
import type { KObject } from '@kosmos/kernel';
import { parseAllDocuments } from 'yaml';
import { isMember } from '../../src/inventory/nodes.ts';
import type { Seen, Watch } from '../../src/inventory/cni/reader.ts';

const FOLDER = join(import.meta.dirname, '../fixtures/cni');

export type Manifest = KObject & { readonly apiVersion: string; readonly kind: string; readonly metadata: { readonly namespace?: string } };
export interface GoldenCase {
  readonly name: string;
  /** What the user writes in `spec.clusterLinkOptions.cni`. */
  readonly cni: string;
  readonly objects: readonly Manifest[];
  readonly expected: {
    readonly podCIDRs: readonly string[];
    readonly serviceCIDRs: readonly string[];
    readonly nodes: Readonly<Record<string, readonly string[]>>;
    readonly podCIDRsFallbackUnion?: readonly string[];
    readonly terminating?: readonly string[];
    readonly perMessage?: Readonly<Record<string, string | null>>;
  };
}

const CNI: readonly (readonly [prefix: string, cni: string])[] = [
  ['02', 'calico'],
  ['03', 'cilium'],
  ['04', 'flannel'],
  ['05', 'antrea'],
  ['06a', 'kindnet'],
  ['06b', 'k3s'],
  ['07', 'ovn-kubernetes'],
  ['08a', 'kube-router'],
  ['08b', 'weave'],
  ['08c', 'aws-vpc-cni'],
  ['08d', 'azure'],
];

export const GOLDEN: readonly GoldenCase[] = readdirSync(FOLDER)
  .filter((name) => /^\d/.test(name))
  .map((name) => {
    const read = (file: string) => readFileSync(join(FOLDER, name, file), 'utf8');
    const expected = JSON.parse(read('expected.json')) as GoldenCase['expected'];
    const objects = parseAllDocuments(read('objects.yaml')).flatMap((document) => (document.toJS() as Manifest | null) ?? []);
    const nodes = new Set(objects.filter(({ kind }) => kind === 'Node').map(({ metadata }) => metadata.name));
    const implied = Object.keys(expected.nodes).filter((node) => !nodes.has(node));
    const more = implied.map((node) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name: node }, spec: {} }) as unknown as Manifest);
    return { name, cni: CNI.find(([prefix]) => name.startsWith(prefix))?.[1] ?? 'k8s', objects: [...objects, ...more], expected };
  });

/** What a reader sees where these are all the objects of the cluster; kinds of which there is none are not served. */
export function seenIn(objects: readonly Manifest[]): Seen {
  const of = <T extends KObject>({ kind, namespace, labels, fields }: Watch<T>) =>
    objects.filter(
      (object) =>
        object.apiVersion === (kind.group === '' ? kind.version : `${kind.group}/${kind.version}`) &&
        object.kind === kind.kind &&
        (namespace === undefined || object.metadata.namespace === namespace) &&
        (fields === undefined || fields === `metadata.name=${object.metadata.name}`) &&
        (labels === undefined || selects(labels, object.metadata.labels ?? {})),
    ) as unknown as T[];
  const served = (watch: Watch<KObject>) => watch.kind.group === '' || watch.kind.group === 'apps' || of({ kind: watch.kind }).length > 0;
  return {
    list: of,
    refused: (watch) => (served(watch) ? undefined : `it does not serve ${watch.kind.plural}`),
    nodes: (objects.filter((object) => object.kind === 'Node') as unknown as Node[]).filter(isMember),
  };
}

function selects(selector: string, labels: Readonly<Record<string, string>>): boolean {
  const set = /^(\S+) in \((.*)\)$/.exec(selector);
  if (set) return set[2]!.split(',').includes(labels[set[1]!] ?? '');
  const [key, value] = selector.split('=');
  return labels[key!] === value;
}

import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Cluster, ClusterKind, type ClusterNode, ClusterNodeKind, GROUP, type JsonSchema, type Kind, VERSION } from '@kosmos/api';
import { type CommandContext, KosmosError } from '@kosmos/kernel';
import { parseAllDocuments } from 'yaml';

export interface Fleet {
  readonly clusters: readonly Cluster[];
  readonly nodes: readonly ClusterNode[];
  /** What is wrong with objects that are therefore not among these. */
  readonly problems: readonly KosmosError[];
}

/** Reads Cluster and ClusterNode objects from YAML or JSON: documents, arrays, and `kind: List`. `-` is stdin. */
export async function readFleet(file: string, stdin: NodeJS.ReadableStream = process.stdin): Promise<Fleet> {
  const content = file === '-' ? await text(stdin) : await readText(file);
  const problems: KosmosError[] = [];
  const fleet: { clusters: Cluster[]; nodes: ClusterNode[] } = { clusters: [], nodes: [] };
  const seen = new Set<string>();
  const documents = parseAllDocuments(content, { prettyErrors: true });
  for (const document of Array.isArray(documents) ? documents : []) {
    for (const error of document.errors) problems.push(invalid(file, `is neither YAML nor JSON: ${error.message.split('\n')[0]}`));
    if (document.errors.length > 0) continue;
    for (const [where, object] of objectsIn(document.toJS(), '')) {
      const found = objectProblems(object, where, seen);
      for (const problem of found) problems.push(invalid(file, problem));
      if (found.length > 0) continue;
      const complete = { ...object, metadata: { uid: '', resourceVersion: '', ...object.metadata } };
      if (object.kind === ClusterKind.kind) fleet.clusters.push(complete as Cluster);
      else fleet.nodes.push(complete as ClusterNode);
    }
  }
  if (problems.length === 0 && fleet.clusters.length + fleet.nodes.length === 0)
    problems.push(invalid(file, 'holds no Cluster or ClusterNode'));
  return { ...fleet, problems };
}

/** The fleet as the host cluster has it. */
export async function fetchFleet({ clusters, signal }: CommandContext): Promise<Fleet> {
  const host = clusters.client('host');
  return { clusters: await host.list(ClusterKind, { signal }), nodes: await host.list(ClusterNodeKind, { signal }), problems: [] };
}

interface Loose {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly metadata?: { readonly name?: unknown };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new KosmosError('KOSMOS_E_FILE', `${file} cannot be read: ${(cause as Error).message}`, {
      where: file,
      hint: "Name a file with Cluster and ClusterNode objects, or '-' for stdin.",
      cause,
    });
  }
}

function* objectsIn(value: unknown, where: string): Generator<readonly [where: string, object: Loose]> {
  if (value === null || value === undefined) return;
  const items = Array.isArray(value)
    ? value
    : (value as { kind?: unknown }).kind === 'List'
      ? ((value as { items?: unknown }).items ?? [])
      : undefined;
  if (!Array.isArray(items)) {
    yield [where, value as Loose];
    return;
  }
  for (const [i, item] of items.entries()) yield* objectsIn(item, `${where}[${i}]`);
}

/** What every object has, beside what its schema says. */
const HEAD = ['apiVersion', 'kind', 'metadata'];
const KINDS: readonly (Kind<unknown> & { readonly schema: { readonly json: JsonSchema } })[] = [ClusterKind, ClusterNodeKind];

function objectProblems(object: Loose, where: string, seen: Set<string>): string[] {
  const at = where && `item ${where} `;
  if (typeof object !== 'object') return [`${at}is ${JSON.stringify(object)}; allowed: objects of kind Cluster or ClusterNode`];
  const kind = KINDS.find((k) => k.kind === object.kind);
  if (!kind) return [`${at}has kind ${JSON.stringify(object.kind)}; allowed: Cluster, ClusterNode, List`];
  if (object.apiVersion !== `${GROUP}/${VERSION}`) {
    return [`${at}of kind ${kind.kind} has apiVersion ${JSON.stringify(object.apiVersion)}; allowed: ${GROUP}/${VERSION}`];
  }
  const name = object.metadata?.name;
  if (typeof name !== 'string' || name === '')
    return [`${at}of kind ${kind.kind} has metadata.name ${JSON.stringify(name)}; allowed: a name`];
  const id = `${kind.kind} '${name}'`;
  if (seen.has(id)) return [`${id} is there twice; allowed: once`];
  seen.add(id);
  return schemaProblems(object, kind.schema.json, '').map((problem) => `${id}: ${problem}`);
}

/** What an API server would refuse, and unknown fields, which it would drop: nobody writes one on purpose. */
function schemaProblems(value: unknown, schema: JsonSchema, path: string): string[] {
  if (value === undefined || value === null) return [];
  const refused = (allowed: string) => [`${path || 'it'} is ${JSON.stringify(value)}; allowed: ${allowed}`];
  switch (schema.type) {
    case 'array':
      return Array.isArray(value) ? value.flatMap((item, i) => schemaProblems(item, schema.items!, `${path}[${i}]`)) : refused('a list');
    case 'object': {
      if (typeof value !== 'object' || Array.isArray(value)) return refused('an object');
      const known = Object.keys(schema.properties ?? {});
      const unknown =
        known.length === 0 ? [] : Object.entries(value).filter(([key]) => !known.includes(key) && !(path === '' && HEAD.includes(key)));
      const fields = Object.entries(schema.properties ?? {}).flatMap(([key, sub]) =>
        schemaProblems((value as Record<string, unknown>)[key], sub, path ? `${path}.${key}` : key),
      );
      const lacking = (schema.required ?? [])
        .filter((key) => (value as Record<string, unknown>)[key] === undefined)
        .map((key) => `${path}.${key} is missing`);
      const values = schema.additionalProperties;
      return [
        ...fields,
        ...lacking,
        ...unknown.map(
          ([key, item]) => `${path ? `${path}.` : ''}${key} is ${JSON.stringify(item)}, an unknown field; allowed: ${known.join(', ')}`,
        ),
        ...(values ? Object.entries(value).flatMap(([key, item]) => schemaProblems(item, values, `${path}.${key}`)) : []),
      ];
    }
    case 'integer':
      return Number.isInteger(value) ? [] : refused('an integer');
    default:
      if (typeof value !== schema.type) return refused(`a ${schema.type}`);
      return schema.enum && !schema.enum.includes(value as string) ? refused(schema.enum.join(', ')) : [];
  }
}

function invalid(file: string, message: string): KosmosError {
  const where = file === '-' ? 'stdin' : file;
  return new KosmosError('KOSMOS_E_OBJECT_INVALID', `${where}: ${message}`, { where, hint: 'Correct the object at the place named.' });
}

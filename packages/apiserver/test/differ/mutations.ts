import { facts, resolve } from '../../src/kinds/facts.ts';
import { isObject, type JsonObject, type Schema } from '../../src/schema/schema.ts';

/** An object with one field changed. */
export interface Mutation {
  /** `spec.ports[0].port = -1` */
  what: string;
  object: JsonObject;
  /** The value is of the type that the field has. */
  fits: boolean;
}

/** How deep it goes into what the object does not have. */
const INVENTED = 2;
/** What pods show themselves. */
const IN_TEMPLATE = /template\.spec\.\w+(\[0\])?\./;
const LONG = 'x'.repeat(300);

type Path = readonly (string | number)[];

/** Every way to change one field of an object of this schema: of what it has and of what it does not; of its status alone if asked. */
export function mutations(schema: Schema, base: JsonObject, part?: 'status'): Mutation[] {
  const found: Mutation[] = [];
  const change = (path: Path, value: unknown, fits: boolean): void => {
    found.push({ what: `${show(path)} = ${short(value)}`, object: put(base, path, value), fits });
  };
  const visit = (declared: Schema, value: unknown, path: Path, invented: number, within: readonly string[]): void => {
    const s = resolve(declared);
    const type = declared.ref ?? '';
    if (within.includes(type) || invented > INVENTED) return;
    const inner = type ? [...within, type] : within;
    if (s.items) {
      const first: unknown = Array.isArray(value) ? value[0] : undefined;
      const item = resolve(s.items);
      if (item.properties) visit(s.items, first ?? sample(s.items), [...path, 0], first === undefined ? invented + 1 : invented, inner);
      return;
    }
    for (const [key, property] of Object.entries(s.properties ?? {})) {
      if (path.length === 0 && (['apiVersion', 'kind', 'metadata'].includes(key) || (part ? key !== part : key === 'status'))) continue;
      const current: unknown = isObject(value) ? value[key] : undefined;
      const at = [...path, key];
      if (IN_TEMPLATE.test(show(at))) continue;
      if (current !== undefined) change(at, null, true);
      for (const v of fitting(property)) change(at, v, true);
      change(at, wrong(property), false);
      visit(property, current, at, current === undefined ? invented + 1 : invented, inner);
    }
  };
  visit(schema, base, [], 0, []);
  return found;
}

/** Values of the type, from good to absurd. */
function fitting(declared: Schema): unknown[] {
  const s = resolve(declared);
  if (s.enum) return [...s.enum.slice(0, 3), '', 'Nonsense'];
  if (s.format === 'date-time') return ['2024-01-02T03:04:05Z', 'yesterday'];
  if (s.format === 'byte') return ['YQ==', '%%'];
  if (s.format === 'quantity') return ['1', '1.5Gi', '-1', '0.5', 'much'];
  if (s.intOrString) return [0, 1, -1, 70000, '50%', '150%', 'name', 'Not a Name'];
  switch (s.type) {
    case 'string':
      return ['', 'valid', 'Not Valid!', '10.0.0.1', '/a/../b', LONG];
    case 'integer':
      return [0, 1, -1, 70000, ...(s.format === 'int64' ? [2 ** 40] : [2 ** 33])];
    case 'number':
      return [0, 1.5, -1];
    case 'boolean':
      return [true, false];
    case 'array': {
      const item = sample(s.items ?? {});
      return [[], [item], [item, item]];
    }
    case 'object': {
      if (s.additionalProperties) {
        const value = sample(s.additionalProperties);
        return [{}, { valid: value }, { 'Not Valid!': value }];
      }
      return [{}, ...(s.properties ? [sample(declared)] : [{ a: 1 }])];
    }
  }
  return [{}, 'x', 1];
}

function wrong(declared: Schema): unknown {
  const s = resolve(declared);
  if (s.intOrString) return { a: 1 };
  return s.type === 'string' || s.type === 'array' ? 7 : 'text';
}

/** The smallest value that the schema alone takes. */
function sample(declared: Schema, within: readonly string[] = []): unknown {
  const s = resolve(declared);
  if (s.type !== 'object' || !s.properties) return fitting(declared)[s.type === 'string' && !s.enum && !s.format ? 1 : 0];
  if (declared.ref && within.includes(declared.ref)) return {};
  const inner = declared.ref ? [...within, declared.ref] : within;
  return Object.fromEntries((s.required ?? []).map((key) => [key, sample(s.properties![key] ?? {}, inner)]));
}

function put(value: any, [first, ...rest]: Path, to: unknown): any {
  if (first === undefined) return to;
  const copy: any = Array.isArray(value) ? [...value] : isObject(value) ? { ...value } : typeof first === 'number' ? [{}] : {};
  copy[first] = put(copy[first], rest, to);
  return copy;
}

const show = (path: Path): string => path.map((p, i) => (typeof p === 'number' ? `[${p}]` : i ? `.${p}` : p)).join('');
const short = (value: unknown): string => (value === LONG ? 'xxx...' : JSON.stringify(value));

/** The kind that is served at the path of a list. */
export function kindAt(path: string): { kind: string; plural: string; namespaced: boolean; subresources: string[]; schema: Schema } {
  const [root, ...rest] = path.split('/').slice(1);
  const [group, version] = root === 'api' ? ['', rest[0]] : rest;
  const plural = path.split('/').at(-1)!;
  const found = facts.groups
    .find((g) => g.group === group)
    ?.versions.find((v) => v.version === version)
    ?.resources.find((r) => r.plural === plural);
  if (!found?.type) throw new Error(`${path}: nothing of Kubernetes' is there`);
  const { kind, namespaced, subresources = [], type } = found;
  return { kind, plural, namespaced, subresources: subresources.map((s) => s.name), schema: { ref: type, type: 'object' } };
}

import { field, type Cause } from '../http/errors.ts';
import type { Schema } from '../schema/schema.ts';
import { APPENDED, LIST, MAP, PER_CHARACTER, PER_PATTERN_CHARACTER, TURN } from './cost.ts';
import { escaped } from './types.ts';

/*
 * What rules may cost at worst, told from their schema when a definition is made: https://kubernetes.io/docs/reference/using-api/cel/#resource-constraints.
 * It is counted as cel-go's checker and Kubernetes' sizes of schemas do, only the upper end.
 */

/** Most that one expression may cost, times as often as it may run; and all of a schema. */
const EXPRESSION_LIMIT = 10_000_000;
const SCHEMA_LIMIT = 100_000_000;
/** So many of the most expensive are named when a schema costs too much; none that is below this share of it. */
const NAMED = 4;
const NAMED_SHARE = 0.01;

/** Longest body of a request, in bytes: what is limited by nothing else is by it. */
const REQUEST = 3 * 1024 * 1024;
/** Size of what nobody knows. */
const UNKNOWN = 2 ** 64;

const MIN_SIZES: Record<string, number> = { 'date-time': 21, date: 12, duration: 3 };
const MAX_SIZES: Record<string, number> = { 'date-time': 32, date: 12, duration: 32 };

/** How many bytes a value of a schema takes at least, as JSON. */
function minSize(s: Schema): number {
  if (s.intOrString) return 1;
  switch (s.type) {
    case 'array':
      return 2;
    case 'object': {
      if (s.additionalProperties && !s.properties) return 2;
      const required = (s.required ?? []).filter((name) => s.properties?.[name] && s.properties[name].default === undefined);
      return required.reduce((sum, name) => sum + name.length + minSize(s.properties![name]!) + 4, 2);
    }
    case 'string':
      return MIN_SIZES[s.format ?? ''] ?? 2;
    case 'boolean':
      return 4;
    default:
      return 1;
  }
}

/** How many items a list or map of a schema may have, or bytes a text; 0 for what has one piece. */
function maxSize(s: Schema): number {
  if (s.intOrString) return s.maxLength === undefined ? REQUEST - 2 : s.maxLength * 4;
  switch (s.type) {
    case 'array':
      return s.maxItems ?? Math.floor((REQUEST - 2) / (minSize(s.items ?? {}) + 1));
    case 'object':
      if (!s.additionalProperties || s.properties) return 0;
      return s.maxProperties ?? Math.floor((REQUEST - 2) / (minSize(s.additionalProperties) + 6));
    case 'string': {
      const known = MAX_SIZES[s.format ?? ''];
      if (known !== undefined) return known;
      if (s.maxLength !== undefined) return s.format === 'byte' ? s.maxLength : s.maxLength * 4;
      return s.enum ? Math.max(0, ...s.enum.map((v) => (typeof v === 'string' ? v.length : 0))) : REQUEST - 2;
    }
    default:
      return 0;
  }
}

/** An expression: its cost with all below it, and what is known of its value. */
interface Estimate {
  cost: number;
  size?: number;
  schema?: Schema | undefined;
}

type Scope = ReadonlyMap<string, Omit<Estimate, 'cost'>>;
/** The library's syntax tree, which it does not type. */
type Node = any;

const through = (size: number): number => Math.ceil(size * PER_CHARACTER);

const SCALAR = new Set([
  'type',
  'bool',
  'int',
  'uint',
  'double',
  'null_type',
  'null',
  'google.protobuf.Timestamp',
  'google.protobuf.Duration',
]);

function sizeOf(node: Node, { size, schema }: Estimate): number {
  if (size !== undefined) return size;
  if (schema) return maxSize(schema);
  return SCALAR.has(node.checkedType?.name) ? 1 : UNKNOWN;
}

/** The schema of what is in a list or map. */
const inside = (s: Schema | undefined): Schema | undefined => s?.items ?? (s?.properties ? undefined : s?.additionalProperties);

/** What a macro's loop costs beside its body: in each turn, and once. */
const LOOPS: Record<string, { turn: number; once: number }> = {
  all: { turn: TURN, once: 1 },
  exists: { turn: TURN + 1, once: 1 },
  exists_one: { turn: 2, once: 2 },
  existsOne: { turn: 2, once: 2 },
  map: { turn: APPENDED, once: LIST + 1 },
  filter: { turn: APPENDED + 1, once: LIST + 1 },
  transformList: { turn: APPENDED, once: LIST + 1 },
  transformMap: { turn: APPENDED, once: MAP + 1 },
};

function loop(name: string, receiver: Node, args: Node[], scope: Scope): Estimate {
  const range = estimate(receiver, scope);
  const bodies = args.filter((a) => a.op !== 'id' || a !== args[0]);
  // Items of what is made by the rule itself are taken for as large as the value that the rule is about.
  const schema = inside(range.schema);
  const item = schema ? { schema } : { size: maxSize(scope.get('self')!.schema!) };
  const isMap = range.schema?.additionalProperties !== undefined;
  const inner = new Map(scope);
  // Over two names, the first is an index or a key; over one, a map gives its keys.
  const pairs = name.startsWith('transform') || (args.length === 3 && ['all', 'exists', 'exists_one', 'existsOne'].includes(name));
  const key = { size: isMap ? 0 : 1 };
  inner.set(args[0].args, pairs || isMap ? key : item);
  if (pairs) inner.set(args[1].args, item);
  const run = bodies.slice(pairs ? 1 : 0).map((body) => estimate(body, inner).cost);
  const { turn, once } = LOOPS[name]!;
  const turns = sizeOf(receiver, range);
  const perTurn = run.reduce((sum, cost) => sum + cost, turn);
  return { cost: range.cost + turns * perTurn + once, size: turns };
}

/** To compare two addresses. */
const ADDRESSES = 4;

/** What a function costs by the sizes of what it is called with, the receiver first; and how large its result may be. */
function called(name: string, node: Node, all: { node: Node; known: Estimate }[]): Omit<Estimate, 'schema'> {
  const [first = 1, second = 1] = all.map(({ node: n, known }) => sizeOf(n, known));
  const element = all[0] && inside(all[0].known.schema);
  switch (name) {
    case 'startsWith':
    case 'endsWith':
      return { cost: through(second) };
    case 'contains':
    case 'intersects':
    case 'equivalent':
      // Those of `sets` have their namespace for a receiver.
      return all.length === 3
        ? { cost: sizeOf(all[1]!.node, all[1]!.known) * sizeOf(all[2]!.node, all[2]!.known) }
        : { cost: through(first) * through(second) };
    case 'match_s':
    case 'find':
    case 'findAll':
      return { cost: through(first + 1) * Math.ceil(second * PER_PATTERN_CHARACTER), size: first };
    case 'isSorted':
    case 'sum':
    case 'max':
    case 'min':
    case 'indexOf':
    case 'lastIndexOf': {
      const each = element?.type === 'string' ? 1 + through(maxSize(element)) : 1;
      return { cost: element ? first * each : through(first), size: 1 };
    }
    case 'split':
    case 'replace':
      return { cost: 2 * through(first), size: first };
    case 'join': {
      const size = first * ((element ? maxSize(element) : UNKNOWN) + (all[1] ? second : 0));
      return { cost: through(size), size };
    }
    case 'containsIP':
    case 'containsCIDR':
      return { cost: ADDRESSES + through(second), size: 1 };
    case 'lowerAscii':
    case 'upperAscii':
    case 'trim':
    case 'substring':
    case 'reverse':
    case 'slice':
    case 'distinct':
    case 'sort':
      return { cost: through(first), size: first };
    case 'quantity':
    case 'isQuantity':
    case 'semver':
    case 'isSemver':
    case 'url':
    case 'ip':
    case 'isIP':
    case 'cidr':
    case 'isCIDR':
      return { cost: through(first), size: 1 };
    default:
      return { cost: 1, ...(SCALAR.has(node.checkedType?.name) ? { size: 1 } : {}) };
  }
}

function call(node: Node, scope: Scope): Estimate {
  const member = node.op === 'rcall';
  const [name, ...rest] = node.args;
  const args: Node[] = member ? rest[1] : rest[0];
  if (member && Object.hasOwn(LOOPS, name) && args[0]?.op === 'id' && args.length > 1) return loop(name, rest[0], args, scope);
  // Of has(a.b) it is a that is looked at.
  if (name === 'h_s') return { cost: estimate(args[0].args[0], scope).cost, size: 1 };
  if (name === 'optMap' || name === 'optFlatMap') {
    const receiver = estimate(rest[0], scope);
    const inner = new Map(scope).set(args[0].args, { schema: receiver.schema });
    return { cost: receiver.cost + estimate(args[1], inner).cost + LIST };
  }
  const all = (member ? [rest[0], ...args] : args).map((n: Node) => ({ node: n, known: estimate(n, scope) }));
  const own = called(name, node, all);
  return { ...own, cost: all.reduce((sum: number, { known }: { known: Estimate }) => sum + known.cost, own.cost) };
}

function operator(node: Node, scope: Scope): Estimate {
  const [left, right] = node.args.map((n: Node) => ({ node: n, known: estimate(n, scope) }));
  const cost = left.known.cost + right.known.cost;
  const [l, r] = [left, right].map(({ node: n, known }) => sizeOf(n, known)) as [number, number];
  const text = left.node.checkedType?.name === 'string';
  switch (node.op) {
    case '&&':
    case '||':
      return { cost, size: 1 };
    case '[]':
    case '[?]':
      return { cost: cost + 1, schema: inside(left.known.schema) };
    case '==':
    case '!=':
      return { cost: cost + through(Math.min(l, r)), size: 1 };
    case '<':
    case '<=':
    case '>':
    case '>=':
      return { cost: cost + (text ? through(Math.min(l, r)) : 1), size: 1 };
    case 'in':
      return { cost: cost + (right.known.schema?.additionalProperties ? 1 : r), size: 1 };
    case '+':
      return text ? { cost: cost + through(l + r), size: l + r } : { cost: cost + 1, size: l + r };
    default:
      return { cost: cost + 1, size: 1 };
  }
}

function property(schema: Schema | undefined, name: string): Schema | undefined {
  const from = Object.keys(schema?.properties ?? {}).find((key) => escaped(key) === name);
  return from === undefined ? inside(schema) : schema!.properties![from];
}

const total = (nodes: readonly Node[], scope: Scope): number => nodes.reduce((sum: number, n) => sum + estimate(n, scope).cost, 0);

function estimate(node: Node, scope: Scope): Estimate {
  switch (node.op) {
    case 'value':
      return { cost: 0, size: typeof node.args === 'string' ? node.args.length : 1 };
    case 'id':
      // What is in no scope is the name of a type, or of what functions hang on.
      return { cost: 1, ...(scope.get(node.args) ?? { size: 1 }) };
    case '.':
    case '.?': {
      const operand = estimate(node.args[0], scope);
      return { cost: operand.cost + 1, schema: property(operand.schema, node.args[1]) };
    }
    case '?:': {
      const [condition, yes, no] = node.args.map((n: Node) => estimate(n, scope));
      const sizes = [sizeOf(node.args[1], yes), sizeOf(node.args[2], no)];
      return { cost: condition.cost + Math.max(yes.cost, no.cost), size: Math.max(...sizes) };
    }
    case '!_':
    case '-_':
      return { cost: estimate(node.args, scope).cost + 1, size: 1 };
    case 'list':
      return { cost: LIST + total(node.args, scope), size: node.args.length };
    case 'map':
      return { cost: MAP + total(node.args.flat(), scope), size: node.args.length };
    case 'call':
    case 'rcall':
      return call(node, scope);
    default:
      return operator(node, scope);
  }
}

function tooMuch(what: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const text = factor > 100 ? 'more than 100' : factor < 1.5 ? factor.toFixed(6) : factor.toFixed(1);
  return `${what} exceeds budget by factor of ${text}x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

/** How often a value of a schema may be in an object: undefined where nothing limits a list or map around it. */
export type Cardinality = number | undefined;

export const times = (around: Cardinality, most: number | undefined): Cardinality =>
  around === undefined || most === undefined ? undefined : around * most;

/** Adds up what the expressions of a schema may cost. */
export class CostEstimates {
  #total = 0;
  #most: { path: string; cost: number }[] = [];

  /** Counts an expression over a value of the schema; gives what is wrong with its cost. */
  add(ast: unknown, schema: Schema, cardinality: Cardinality, key: 'rule' | 'messageExpression', path: string): Cause[] {
    const self = { schema };
    const { cost: once } = estimate(ast, new Map(Object.entries({ self, oldSelf: self })));
    const cost = key === 'rule' ? once * (cardinality ?? Math.floor(REQUEST / (minSize(schema) + 1))) : once;
    this.#total += cost;
    if (cost >= SCHEMA_LIMIT * NAMED_SHARE) {
      this.#most.push({ path, cost });
      this.#most = this.#most.sort((a, b) => b.cost - a.cost).slice(0, NAMED);
    }
    return cost > EXPRESSION_LIMIT ? [field.forbidden(path, tooMuch(`estimated ${key} cost`, cost, EXPRESSION_LIMIT))] : [];
  }

  /** What is wrong with all of them together. */
  problems(path: string): Cause[] {
    if (this.#total <= SCHEMA_LIMIT) return [];
    return [
      ...this.#most.map((m) =>
        field.forbidden(m.path, 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema'),
      ),
      field.forbidden(
        path,
        tooMuch('x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema', this.#total, SCHEMA_LIMIT),
      ),
    ];
  }
}

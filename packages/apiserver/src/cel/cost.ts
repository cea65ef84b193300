import { Optional } from '@marcbachmann/cel-js';

/* What evaluations cost, as cel-go and Kubernetes count it: a step is 1, what goes through a text or a list is by its length. */

/** Most that one rule may cost. */
const RULE_LIMIT = 1_000_000;
/** Most that all rules of one object may cost. */
export const OBJECT_LIMIT = 10_000_000;

export const PER_CHARACTER = 0.1;
export const PER_PATTERN_CHARACTER = 0.25;
export const LIST = 10;
export const MAP = 30;
/** To look at what a loop has so far, and to add an item to it. */
export const TURN = 3;
export const APPENDED = 12;

/** The library's syntax tree, which it does not type. */
type Node = any;

/** What a rule that costs more than it may ends with. */
export const COST_EXCEEDED = 'operation cancelled: actual cost limit exceeded';

/** That as an error. There is one of it, since a rule that goes on after it throws it at each step. */
const EXCEEDED = Object.assign(new Error(COST_EXCEEDED), { stack: '' });

let spent = 0;

function spend(cost: number): void {
  spent += cost;
  if (spent > RULE_LIMIT) throw EXCEEDED;
}

/** Runs a compiled rule; `exceeded` where it was stopped since it cost more than one may. Its own error is given, not thrown. */
export function metered(run: () => unknown): { value?: unknown; error?: unknown; cost: number; exceeded: boolean } {
  spent = 0;
  let outcome: { value?: unknown; error?: unknown };
  try {
    outcome = { value: run() };
  } catch (error) {
    outcome = { error };
  }
  return { ...outcome, cost: spent, exceeded: spent > RULE_LIMIT };
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array) return value.length;
  if (value instanceof Map) return value.size;
  if (value instanceof Optional) return value.hasValue() ? sizeOf(value.value()) : 1;
  return 1;
}

const through = (size: number): number => Math.ceil(size * PER_CHARACTER);

/** Functions that look at each item of the list, or character of the text, that they are called on. */
const WALKS = new Set(
  'isSorted sum min max indexOf lastIndexOf reverse distinct sort flatten slice split replace join lowerAscii upperAscii trim charAt substring'.split(
    ' ',
  ),
);

/** What a call costs, by its name and what it is called with, the receiver first. */
function callCost(name: string, args: readonly unknown[]): number {
  const [first, second] = args.map(sizeOf) as [number?, number?];
  switch (name) {
    case 'in':
      return Array.isArray(args[1]) ? second! : 1;
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return Math.max(1, through(Math.min(first!, second!)));
    case '+':
      return typeof args[0] === 'string' ? through(first! + second!) : 1;
    case 'startsWith':
    case 'endsWith':
      return through(second!);
    case 'contains':
      return Math.max(1, through(first!) * through(second!));
    case 'match_s':
    case 'find':
    case 'findAll':
      return Math.max(1, through(first! + 1) * Math.ceil(second! * PER_PATTERN_CHARACTER));
    default:
      // Texts and lists in the place of a namespace are its functions' arguments, as those of `sets.contains(a, b)`.
      if (WALKS.has(name)) return Math.max(1, through(first!));
      return Math.max(1, ...args.map((a) => (typeof a === 'string' ? through(a.length) : 1)));
  }
}

const NAMED_PAIRS = new Set(['contains', 'equivalent', 'intersects']);

/** What a call costs beside what its arguments do. */
function costOfCall(node: Node, args: readonly unknown[]): number {
  if (node.op !== 'call' && node.op !== 'rcall') return callCost(node.op, args);
  const name: string = node.args[0];
  // sets.contains(a, b) compares each with each.
  if (NAMED_PAIRS.has(name) && Array.isArray(args[1]) && Array.isArray(args[2])) return Math.max(1, args[1].length * args[2].length);
  return callCost(name, args);
}

/** What cel-go does in each turn of all() and exists(), the loops that look at what they have so far; by what the library made of them. */
const turnOf = ({ kind, init }: Node): number => (kind !== 'quantifier' || init.args === 0 ? 0 : init.args === false ? TURN + 1 : TURN);

type Evaluate = (ev: unknown, ast: Node, ctx: unknown) => unknown;

const isNode = (value: Node): boolean => typeof value?.evaluate === 'function' && typeof value.clone === 'function' && 'meta' in value;

/** Has the nodes of a checked tree count what they cost. They run as the library has them, one step of each at a time. */
export function meter(root: Node): void {
  const seen = new Set<Node>();
  const walk = (value: Node): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (isNode(value)) {
      const { alternate, macro } = value.meta;
      // What a loop does in each turn is counted by the node that each turn begins with.
      if (value.op === 'comprehension') value.args.step.setMeta('turn', turnOf(value.args));
      count(value);
      walk(value.args);
      walk(alternate);
      if (macro) for (const part of Object.values(macro)) walk(part);
    } else if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype)
      for (const part of Object.values(value)) walk(part);
  };
  walk(root);
}

const FIXED: Record<string, number> = {
  id: 1,
  '.': 1,
  '.?': 1,
  '[]': 1,
  '[?]': 1,
  list: LIST,
  map: MAP,
  '!_': 1,
  '-_': 1,
  accuPush: APPENDED,
};
const CALLS = new Set(['call', 'rcall', '==', '!=', 'in', '+', '-', '*', '/', '%', '<', '<=', '>', '>=']);

function count(node: Node): void {
  const { alternate, macro, turn = 0, evaluate } = node.meta as { alternate?: Node; macro?: Node; turn?: number; evaluate: Evaluate };
  const own = !alternate && !macro;
  if (own && CALLS.has(node.op) && node.handle) chargeCall(node);
  const cost = turn + (own ? (FIXED[node.op] ?? 0) : 0);
  if (cost === 0) return;
  const inner: Evaluate = alternate
    ? (ev, _ast, ctx) => alternate.evaluate(ev, alternate, ctx)
    : macro
      ? (ev, _ast, ctx) => macro.evaluate(ev, macro, ctx)
      : evaluate;
  node.evaluate = (ev: unknown, ast: Node, ctx: unknown) => {
    spend(cost);
    return inner(ev, ast, ctx);
  };
}

/** A call is counted when its arguments are known: by the library that is when its handle runs, with them as a list or as two. */
function chargeCall(node: Node): void {
  const { handle } = node as { handle: (...args: Node[]) => unknown };
  const asList = node.op === 'call' || node.op === 'rcall';
  node.handle = (...args: Node[]) => {
    spend(costOfCall(node, asList ? args[0] : [args[0], args[1]]));
    return handle(...args);
  };
}

import { Optional, type Environment } from '@marcbachmann/cel-js';

/* The shapes of the library's syntax tree and checker as its custom macros get them; it does not type them. */
type Node = any;
type Checker = any;
type Context = any;

const idOf = (node: Node): string => {
  if (node.op !== 'id')
    throw Object.assign(new Error('argument must be a simple name'), { code: 'invalid_macro_argument', range: { start: node.pos } });
  return node.args as string;
};

/**
 * has(x.y) for any x. The library's own has takes chains of names only, and does not say when a type has no such field.
 * It is registered as `h_s`, since a function of the library cannot be replaced.
 */
function has({ args }: { args: Node[] }): unknown {
  const node = args[0];
  return {
    typeCheck(checker: Checker, _macro: unknown, ctx: Context) {
      if (node.op !== '.' && node.op !== '.?') throw checker.createError('invalid_macro_argument', 'invalid argument to has() macro', node);
      checker.check(node, ctx);
      return checker.getType('bool');
    },
    evaluate(ev: any, _macro: unknown, ctx: Context) {
      const object = ev.run(node.args[0], ctx);
      const inner = object instanceof Optional ? object.orValue(undefined) : object;
      return inner !== undefined && ev.debugType(inner).fieldLazy(inner, node.args[1], node, ev) !== undefined;
    },
  };
}

/** optMap and optFlatMap: what is there, mapped. */
const optional =
  (flat: boolean) =>
  ({ args, receiver }: { args: Node[]; receiver: Node }): unknown => {
    const name = idOf(args[0]);
    let bound: Context;
    return {
      typeCheck(checker: Checker, _macro: unknown, ctx: Context) {
        const type = checker.check(receiver, ctx);
        if (type.kind !== 'optional' && type.kind !== 'dyn')
          throw checker.createError('optional_expected', `found no matching overload for 'optMap' applied to '${type}'`, receiver);
        bound = ctx.forkWithVariable(name, type.valueType ?? checker.dynType);
        const result = checker.check(args[1], bound);
        return flat ? result : checker.registry.getOptionalType(result);
      },
      evaluate(ev: any, _macro: unknown, ctx: Context) {
        const value = ev.run(receiver, ctx);
        if (!value.hasValue()) return Optional.none();
        const result = ev.run(args[1], bound.reuse(ctx).setIterValue(value.value(), ev));
        return flat ? result : Optional.of(result);
      },
    };
  };

type Loop = (entries: Iterable<[unknown, unknown]>, step: (key: unknown, value: unknown) => any[]) => unknown;

/** A comprehension over index and item, or key and value. `step` evaluates the arguments behind the two names. */
const twoVariables =
  (result: (types: any[], checker: Checker, keyType: any) => unknown, loop: Loop) =>
  ({ args, receiver }: { args: Node[]; receiver: Node }): unknown => {
    const [key, value] = [idOf(args[0]), idOf(args[1])];
    const bodies: Node[] = args.slice(2);
    let outer: Context;
    let inner: Context;
    return {
      typeCheck(checker: Checker, _macro: unknown, ctx: Context) {
        const type = checker.check(receiver, ctx);
        const isList = type.kind === 'list';
        const keyType = isList ? checker.intType : (type.keyType ?? checker.dynType);
        outer = ctx.forkWithVariable(key, keyType);
        inner = outer.forkWithVariable(value, type.valueType ?? checker.dynType);
        return result(
          bodies.map((b) => checker.check(b, inner)),
          checker,
          keyType,
        );
      },
      evaluate(ev: any, _macro: unknown, ctx: Context) {
        const coll = ev.run(receiver, ctx);
        const entries: Iterable<[unknown, unknown]> = Array.isArray(coll)
          ? coll.map((v, i): [unknown, unknown] => [BigInt(i), v])
          : coll instanceof Map
            ? coll
            : Object.entries(coll as object);
        return loop(entries, (k, v) => {
          const bound = inner.reuse(outer.reuse(ctx).setIterValue(k, ev)).setIterValue(v, ev);
          return bodies.map((b) => () => ev.run(b, bound));
        });
      },
    };
  };

const bool = (_: unknown, checker: Checker): unknown => checker.boolType;
const last = (types: any[]): any => types.at(-1);

const count = (entries: Iterable<[unknown, unknown]>, step: Parameters<Loop>[1]): number => {
  let n = 0;
  for (const [k, v] of entries) if (step(k, v)[0]()) n += 1;
  return n;
};

/** Macros of Kubernetes' CEL that the library lacks: optMap, optFlatMap, two-variable comprehensions, and a has() that checks. */
export function macroLibrary(env: Environment): void {
  const macro = (signature: string, handler: (call: any) => unknown): void => void env.registerFunction(signature, handler as never);
  macro('h_s(ast): bool', has);
  macro('optional<dyn>.optMap(ast, ast): dyn', optional(false));
  macro('optional<dyn>.optFlatMap(ast, ast): dyn', optional(true));
  macro(
    'list<dyn>.all(ast, ast, ast): bool',
    twoVariables(bool, (entries, step) => {
      for (const [k, v] of entries) if (!step(k, v)[0]()) return false;
      return true;
    }),
  );
  macro(
    'list<dyn>.exists(ast, ast, ast): bool',
    twoVariables(bool, (entries, step) => count(entries, step) > 0),
  );
  for (const name of ['existsOne', 'exists_one'])
    macro(
      `list<dyn>.${name}(ast, ast, ast): bool`,
      twoVariables(bool, (entries, step) => count(entries, step) === 1),
    );
  const toList: Loop = (entries, step) => {
    const out: unknown[] = [];
    for (const [k, v] of entries) {
      const parts = step(k, v);
      if (parts.length === 1 || parts[0]()) out.push(last(parts)());
    }
    return out;
  };
  const toMap: Loop = (entries, step) => {
    const out = new Map<unknown, unknown>();
    for (const [k, v] of entries) {
      const parts = step(k, v);
      if (parts.length === 1 || parts[0]()) out.set(k, last(parts)());
    }
    return out;
  };
  for (const more of ['', ', ast']) {
    macro(
      `list<dyn>.transformList(ast, ast, ast${more}): dyn`,
      twoVariables((types, c) => c.registry.getListType(last(types)), toList),
    );
    macro(
      `list<dyn>.transformMap(ast, ast, ast${more}): dyn`,
      twoVariables((types, c, key) => c.registry.getMapType(key, last(types)), toMap),
    );
  }
}

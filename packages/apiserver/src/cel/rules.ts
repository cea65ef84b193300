import { Optional } from '@marcbachmann/cel-js';
import type { Cause } from '../http/errors.ts';
import { equal, isObject, type JsonObject, type Schema } from '../schema/schema.ts';
import { compileRules, type CompiledRule, type RuleTree } from './compile.ts';
import { COST_EXCEEDED, metered, OBJECT_LIMIT } from './cost.ts';

export { compileRules };

const trees = new WeakMap<Schema, RuleTree | undefined>();

/** Longest message that a messageExpression may give, in bytes, as in Kubernetes. */
const MESSAGE_LIMIT = 5120;

/** A rule that failed, for its reason. Only values of one piece are shown, as Kubernetes shows them. */
function failed(reason: string, path: string, value: unknown, detail: string): Cause {
  const shown = typeof value === 'object' ? '' : `${JSON.stringify(value)}: `;
  const words: Record<string, string> = {
    FieldValueForbidden: `Forbidden: ${detail}`,
    FieldValueRequired: `Required value: ${detail}`,
    FieldValueDuplicate: `Duplicate value: ${shown ? JSON.stringify(value) : detail}`,
  };
  return { reason, field: path || '<nil>', message: words[reason] ?? `Invalid value: ${shown}${detail}` };
}

/** A rule that could not be evaluated; of the value only its type is told. */
const broken = (path: string, { type = '' }: Schema, detail: string): Cause => ({
  reason: 'FieldValueInvalid',
  field: path || '<nil>',
  message: `Invalid value: ${JSON.stringify(type)}: ${detail}`,
});

function messageOf({ rule, message }: CompiledRule, variables: Record<string, unknown>, budget: Budget): string {
  if (message) {
    // As in Kubernetes, a message that cannot be made gives way to the fixed one.
    const { value, error, cost, exceeded } = metered(() => message(variables));
    budget.left -= cost;
    const text = String(value).trim();
    if (!error && !exceeded && text && !text.includes('\n') && Buffer.byteLength(text) <= MESSAGE_LIMIT) return text;
  }
  return rule.message?.trim() || `failed rule: ${rule.rule.trim()}`;
}

function runtimeError(error: unknown): string {
  const { code, summary, message } = error as { code?: string; summary?: string; message: string };
  const text = summary ?? message;
  if (code === 'no_such_key') return text.replace(/^No such key/, 'no such key');
  if (code === 'index_out_of_bounds') return `index out of bounds: ${/index (-?\d+)/.exec(text)?.[1] ?? ''}`;
  return text;
}

/** What the rules of an object may still cost; below 0 none runs any more. */
interface Budget {
  left: number;
}

/** Runs one rule. Where it costs more than there is, none is run after it. */
function check(
  compiled: CompiledRule,
  variables: Record<string, unknown>,
  at: { path: string; value: unknown; schema: Schema },
  budget: Budget,
): Cause[] {
  const { rule } = compiled;
  const { path, schema } = at;
  const name = rule.message?.trim() || rule.rule.trim();
  const { value, error, cost, exceeded } = metered(() => compiled.run(variables));
  if (cost > budget.left) {
    budget.left = -1;
    return [broken(path, schema, 'validation failed due to running out of cost budget, no further validation rules will be run')];
  }
  budget.left -= cost;
  if (exceeded) {
    budget.left = -1;
    return [
      broken(path, schema, `'${COST_EXCEEDED}': no further validation rules will be run due to call cost exceeds limit for rule: ${name}`),
    ];
  }
  if (error) return [broken(path, schema, `${runtimeError(error)} evaluating rule: ${name}`)];
  if (value === true) return [];
  const below = compiled.path;
  const shown = below ? {} : at.value;
  return [failed(rule.reason ?? 'FieldValueInvalid', (path + below).replace(/^\./, ''), shown, messageOf(compiled, variables, budget))];
}

function walk(tree: RuleTree, path: string, value: unknown, old: unknown, causes: Cause[], budget: Budget): void {
  if (value === null || value === undefined || budget.left < 0) return;
  const self = tree.rules.length ? tree.type.value(value) : undefined;
  if (self !== undefined) {
    const before = old === undefined || old === null ? undefined : tree.type.value(old);
    const unchanged = before !== undefined && equal(value, old);
    for (const compiled of tree.rules) {
      const { rule, transition } = compiled;
      if (transition && before === undefined && !rule.optionalOldSelf) continue;
      // What was there before and is as it was is left alone, even if the rule came later.
      if (unchanged && !transition) continue;
      const variables = { self, oldSelf: rule.optionalOldSelf ? (before === undefined ? Optional.none() : Optional.of(before)) : before };
      causes.push(...check(compiled, variables, { path, value, schema: tree.schema }, budget));
      if (budget.left < 0) return;
    }
  }
  if (Array.isArray(value) && tree.items) {
    const keys = tree.schema.listType === 'map' ? (tree.schema.listMapKeys ?? []) : undefined;
    for (const [i, item] of value.entries()) {
      const before: unknown =
        keys && Array.isArray(old) && isObject(item)
          ? old.find((o) => isObject(o) && keys.every((k) => equal(o[k], (item as JsonObject)[k])))
          : undefined;
      walk(tree.items, `${path}[${i}]`, item, before, causes, budget);
    }
  } else if (isObject(value)) {
    const was: JsonObject = isObject(old) ? old : {};
    const previous = (key: string): unknown => (Object.hasOwn(was, key) ? was[key] : undefined);
    for (const [key, below] of tree.properties)
      if (Object.hasOwn(value, key)) walk(below, path ? `${path}.${key}` : key, value[key], previous(key), causes, budget);
    if (tree.additional)
      for (const key of Object.keys(value))
        if (!tree.properties.has(key)) walk(tree.additional, `${path}[${key}]`, value[key], previous(key), causes, budget);
  }
}

/** What the schema's rules (x-kubernetes-validations) say against an object; `old` is its state before an update. */
export function ruleProblems(schema: Schema, object: JsonObject, old: JsonObject | undefined): Cause[] {
  if (!trees.has(schema)) trees.set(schema, compileRules(schema, '').tree);
  const tree = trees.get(schema);
  const causes: Cause[] = [];
  if (tree) walk(tree, '', object, old, causes, { left: OBJECT_LIMIT });
  return causes;
}

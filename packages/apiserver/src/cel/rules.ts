import { Optional } from '@marcbachmann/cel-js';
import type { Cause } from '../http/errors.ts';
import { equal, isObject, type JsonObject, type Schema } from '../schema/schema.ts';
import { compileRules, type CompiledRule, type RuleTree } from './compile.ts';

export { compileRules };

const trees = new WeakMap<Schema, RuleTree | undefined>();

/** Longest message that a messageExpression may give, in bytes, as in Kubernetes. */
const MESSAGE_LIMIT = 5120;

const WORDS: Record<string, string> = {
  FieldValueInvalid: 'Invalid value',
  FieldValueForbidden: 'Forbidden',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
};

/** A cause of a refusal; `value` is told where it is a scalar. */
function cause(reason: string, field: string, value: unknown, detail: string): Cause {
  const told = ['FieldValueInvalid', 'FieldValueDuplicate'].includes(reason) && typeof value !== 'object';
  return { reason, field: field || '<nil>', message: `${WORDS[reason]}${told ? `: ${JSON.stringify(value)}` : ''}: ${detail}` };
}

function messageOf({ rule, message }: CompiledRule, variables: Record<string, unknown>): string {
  if (message) {
    try {
      const text = String(message(variables)).trim();
      if (text && !text.includes('\n') && Buffer.byteLength(text) <= MESSAGE_LIMIT) return text;
    } catch {
      // As in Kubernetes, a message that cannot be made gives way to the fixed one.
    }
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

function walk(tree: RuleTree, path: string, value: unknown, old: unknown, causes: Cause[]): void {
  if (value === null || value === undefined) return;
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
      try {
        if (compiled.run(variables) === true) continue;
        causes.push(
          cause(rule.reason ?? 'FieldValueInvalid', (path + compiled.path).replace(/^\./, ''), value, messageOf(compiled, variables)),
        );
      } catch (error) {
        causes.push(
          cause(
            'FieldValueInvalid',
            path,
            typeof value !== 'object' ? value : Array.isArray(value) ? 'array' : 'object',
            `${runtimeError(error)} evaluating rule: ${rule.message?.trim() || rule.rule.trim()}`,
          ),
        );
      }
    }
  }
  if (Array.isArray(value) && tree.items) {
    const keys = tree.schema.listType === 'map' ? (tree.schema.listMapKeys ?? []) : undefined;
    for (const [i, item] of value.entries()) {
      const before: unknown =
        keys && Array.isArray(old) && isObject(item)
          ? old.find((o) => isObject(o) && keys.every((k) => equal(o[k], (item as JsonObject)[k])))
          : undefined;
      walk(tree.items, `${path}[${i}]`, item, before, causes);
    }
  } else if (isObject(value)) {
    const was: JsonObject = isObject(old) ? old : {};
    const previous = (key: string): unknown => (Object.hasOwn(was, key) ? was[key] : undefined);
    for (const [key, below] of tree.properties)
      if (Object.hasOwn(value, key)) walk(below, path ? `${path}.${key}` : key, value[key], previous(key), causes);
    if (tree.additional)
      for (const key of Object.keys(value))
        if (!tree.properties.has(key)) walk(tree.additional, `${path}[${key}]`, value[key], previous(key), causes);
  }
}

/** What the schema's rules (x-kubernetes-validations) say against an object; `old` is its state before an update. */
export function ruleProblems(schema: Schema, object: JsonObject, old: JsonObject | undefined): Cause[] {
  if (!trees.has(schema)) trees.set(schema, compileRules(schema, '').tree);
  const tree = trees.get(schema);
  const causes: Cause[] = [];
  if (tree) walk(tree, '', object, old, causes);
  return causes;
}

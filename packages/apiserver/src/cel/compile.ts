import type { Environment } from '@marcbachmann/cel-js';
import { field, type Cause } from '../http/errors.ts';
import { hasRules, type Rule, type Schema } from '../schema/schema.ts';
import { goRegExp } from '../schema/go-regexp.ts';
import { meter } from './cost.ts';
import { CostEstimates, times, type Cardinality } from './estimate.ts';
import { kubernetesEnvironment, ownNames } from './environment.ts';
import { celTypes, type CelType } from './types.ts';

export interface CompiledRule {
  rule: Rule;
  /** Reads oldSelf: it runs on updates only, unless `optionalOldSelf`. */
  transition: boolean;
  run: (variables: Record<string, unknown>) => unknown;
  message?: (variables: Record<string, unknown>) => unknown;
  /** The path below the value that failures are told of. */
  path: string;
}

/** The rules of a schema, where there are any, as a tree of the same shape. */
export interface RuleTree {
  type: CelType;
  rules: CompiledRule[];
  properties: Map<string, RuleTree>;
  items?: RuleTree;
  additional?: RuleTree;
  schema: Schema;
}

export interface Compiled {
  tree: RuleTree | undefined;
  problems: Cause[];
}

const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

interface LibraryError {
  code?: string;
  summary?: string;
  message: string;
  range?: { start: number };
}

/** A failure to compile, in cel-go's words, with the line and a mark below it. */
function compileError(text: string, error: LibraryError): string {
  const summary = error.summary ?? error.message;
  let start = error.range?.start ?? 0;
  let said = `${summary}`;
  if (error.code === 'unknown_variable') said = `undeclared reference to '${/: (.*)$/.exec(summary)?.[1] ?? ''}' (in container '')`;
  else if (error.code === 'no_such_key') {
    said = `undefined field '${/: (.*)$/.exec(summary)?.[1] ?? ''}'`;
    start = Math.max(0, start - 1);
  } else if (error.code === 'no_matching_overload') {
    const called = /'(?:(.*)\.)?([A-Za-z_]\w*)\((.*)\)'/.exec(summary);
    const [, receiver, name = '', args = ''] = called ?? [];
    start = Math.max(start, text.indexOf(`${name}(`, start) + name.length);
    said = KNOWN.has(name)
      ? `found no matching overload for '${name}' applied to '${receiver === undefined ? '' : `${receiver}.`}(${args})'`
      : `undeclared reference to '${name}' (in container '')`;
  } else if (error.code === 'no_such_overload') {
    const operator = /: (.*) (\S+) (.*)$/.exec(summary);
    if (operator) said = `found no matching overload for '_${operator[2]}_' applied to '(${operator[1]}, ${operator[3]})'`;
  } else if (error.code === 'parse_error' || /^Expected|^Unexpected/.test(summary)) said = `Syntax error: ${summary}`;
  const before = text.slice(0, start);
  const line = before.split('\n').length;
  const column = start - (before.lastIndexOf('\n') + 1);
  return `compilation failed: ERROR: <input>:${line}:${column + 1}: ${said}\n | ${text.split('\n')[line - 1]}\n | ${'.'.repeat(column)}^`;
}

const KNOWN = new Set<string>();

/** Whether the text reads the variable, told from its syntax tree. */
function reads(ast: unknown, variable: string): boolean {
  if (Array.isArray(ast)) return ast.some((part) => reads(part, variable));
  if (typeof ast !== 'object' || ast === null) return false;
  const node = ast as { op?: string; args?: unknown };
  return node.op === 'id' ? node.args === variable : reads(node.args, variable);
}

/** The literal of a call of `matches` that is no regular expression, if there is one. */
function badPattern(ast: unknown): { start: number } | undefined {
  if (Array.isArray(ast)) {
    for (const part of ast) {
      const found = badPattern(part);
      if (found) return found;
    }
    return undefined;
  }
  if (typeof ast !== 'object' || ast === null) return undefined;
  const { args } = ast as { args?: unknown };
  if (Array.isArray(args) && args[0] === 'match_s') {
    const literal = (args.at(-1) as { op: string; args: unknown; start: number }[])?.at?.(-1);
    if (literal?.op === 'value' && typeof literal.args === 'string' && !goRegExp(literal.args)) return literal;
  }
  return badPattern(args);
}

const SEGMENT = /\.([A-Za-z_][\w-]*)|\['((?:[^'\\]|\\.)*)'\]/y;

/** The path that a rule's fieldPath means below its value, as field errors write it; an Error where the schema has no such field. */
function fieldPath(text: string, schema: Schema): string {
  let out = '';
  let at: Schema | undefined = schema;
  SEGMENT.lastIndex = 0;
  while (SEGMENT.lastIndex < text.length) {
    const found = SEGMENT.exec(text);
    if (!found) throw new Error('does not refer to a valid field');
    const key = found[1] ?? found[2]!;
    const property: Schema | undefined = at.properties && Object.hasOwn(at.properties, key) ? at.properties[key] : undefined;
    if (property) out += `.${key}`;
    else if (at.additionalProperties) out += `[${key}]`;
    else throw new Error('does not refer to a valid field');
    at = property ?? at.additionalProperties!;
  }
  return out;
}

/** Where in the whole a schema is. */
interface Place {
  /** Its values before and after an update can be told to be the same. */
  correlatable: boolean;
  cardinality: Cardinality;
}

/** Compiles all rules of a schema. `path` is that of the schema in its definition, for the problems. */
export function compileRules(root: Schema, path: string): Compiled {
  if (!hasRules(root)) return { tree: undefined, problems: [] };
  const env = kubernetesEnvironment();
  if (KNOWN.size === 0) {
    // Of an environment of its own: asking one for its functions keeps it from getting more.
    for (const { name } of kubernetesEnvironment().getDefinitions().functions) KNOWN.add(name);
    KNOWN.add('has').add('matches');
  }
  const typeOf = celTypes(env);
  const problems: Cause[] = [];
  const costs = new CostEstimates();

  const compile = (
    rule: Rule,
    schema: Schema,
    scopes: Environment[],
    at: string,
    { correlatable, cardinality }: Place,
  ): CompiledRule | undefined => {
    const count = problems.length;
    const wrong = (key: string, detail: string): void => void problems.push(field.invalid(`${at}.${key}`, shown(rule), detail));
    const [scope, optionalScope] = scopes;
    const chosen = rule.optionalOldSelf ? optionalScope! : scope!;
    const parse = (text: string, key: string, want: string): ReturnType<Environment['parse']> | undefined => {
      try {
        const parsed = chosen.parse(ownNames(text));
        const checked = parsed.check();
        if (!checked.valid) throw checked.error;
        if (checked.type !== want && checked.type !== 'dyn' && !(want === 'bool' && checked.type?.startsWith('dyn<bool')))
          wrong(key, `${key === 'rule' ? 'cel expression' : 'messageExpression'} must evaluate to a ${want}`);
        const range = badPattern(parsed.ast);
        if (range) throw Object.assign(new Error('invalid matches argument'), { range });
        meter(parsed.ast);
        return parsed;
      } catch (error) {
        const said = compileError(text, error as LibraryError);
        wrong(key, key === 'rule' ? said : `messageExpression ${said}`);
        return undefined;
      }
    };
    if (!rule.rule?.trim()) problems.push(field.required(`${at}.rule`, 'rule is not specified'));
    const run = rule.rule?.trim() ? parse(rule.rule, 'rule', 'bool') : undefined;
    const message = rule.messageExpression?.trim() ? parse(rule.messageExpression, 'messageExpression', 'string') : undefined;
    if (rule.message !== undefined && rule.message !== '' && !rule.message.trim())
      problems.push(field.invalid(`${at}.message`, rule.message, 'message must be non-empty if specified'));
    else if (rule.message?.trim().includes('\n'))
      problems.push(field.invalid(`${at}.message`, rule.message, 'message must not contain line breaks'));
    else if (rule.rule?.trim().includes('\n') && !rule.message && !rule.messageExpression)
      problems.push(field.required(`${at}.message`, 'message must be specified if rule contains line breaks'));
    if (rule.reason !== undefined && !REASONS.includes(rule.reason))
      problems.push(field.notSupported(`${at}.reason`, rule.reason, REASONS));
    let below = '';
    if (rule.fieldPath) {
      try {
        below = fieldPath(rule.fieldPath, schema);
      } catch (error) {
        problems.push(field.invalid(`${at}.fieldPath`, rule.fieldPath, `fieldPath must be a valid path: ${(error as Error).message}`));
      }
    }
    const transition = run !== undefined && reads(run.ast, 'oldSelf');
    if (transition && !correlatable)
      wrong(
        'rule',
        `oldSelf cannot be used on the uncorrelatable portion of the schema within ${at.replace(/\.x-kubernetes-validations\[\d+\]$/, '')}`,
      );
    if (rule.optionalOldSelf !== undefined && run && !transition)
      problems.push(field.invalid(`${at}.optionalOldSelf`, rule.optionalOldSelf, 'may not be set if oldSelf is not used in rule'));
    if (!run || problems.length > count) return undefined;
    problems.push(...costs.add(run.ast, schema, cardinality, 'rule', `${at}.rule`));
    if (message) problems.push(...costs.add(message.ast, schema, cardinality, 'messageExpression', `${at}.messageExpression`));
    return { rule, transition, run, ...(message ? { message } : {}), path: below };
  };

  const walk = (schema: Schema, at: string, whole: boolean, place: Place): RuleTree | undefined => {
    const tree: Omit<RuleTree, 'type'> = { rules: [], properties: new Map(), schema };
    const type = typeOf(schema, whole);
    if (schema.validations?.length) {
      if (!type) {
        problems.push(
          field.invalid(
            `${at}.x-kubernetes-validations`,
            schema.validations.map(shown),
            'x-kubernetes-validations is not supported on a schema of unknown type',
          ),
        );
      } else {
        const scopes = ['', 'optional'].map((wrapped) => {
          const scope = env.clone();
          scope.registerVariable('self', type.name);
          return scope.registerVariable('oldSelf', wrapped ? `optional<${type.name}>` : type.name);
        });
        for (const [i, rule] of schema.validations.entries()) {
          const compiled = compile(rule, schema, scopes, `${at}.x-kubernetes-validations[${i}]`, place);
          if (compiled) tree.rules.push(compiled);
        }
      }
    }
    for (const [key, below] of Object.entries(schema.properties ?? {})) {
      const found = walk(below, `${at}.properties[${key}]`, false, place);
      if (found) tree.properties.set(key, found);
    }
    const { correlatable, cardinality } = place;
    const ofItems = { correlatable: correlatable && schema.listType === 'map', cardinality: times(cardinality, schema.maxItems) };
    const items = schema.items && walk(schema.items, `${at}.items`, false, ofItems);
    const ofAdditional = { correlatable, cardinality: times(cardinality, schema.maxProperties) };
    const additional = schema.additionalProperties && walk(schema.additionalProperties, `${at}.additionalProperties`, false, ofAdditional);
    if (!tree.rules.length && !tree.properties.size && !items && !additional) return undefined;
    return { ...tree, type: type!, ...(items ? { items } : {}), ...(additional ? { additional } : {}) };
  };
  const tree = walk(root, path, true, { correlatable: true, cardinality: 1 });
  return { tree, problems: [...problems, ...costs.problems(path)] };
}

/** A rule as Kubernetes shows it in an error. */
const shown = (r: Rule): unknown => ({
  Rule: r.rule ?? '',
  Message: r.message ?? '',
  MessageExpression: r.messageExpression ?? '',
  Reason: r.reason ?? null,
  FieldPath: r.fieldPath ?? '',
  OptionalOldSelf: r.optionalOldSelf ?? null,
});

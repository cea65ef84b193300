/** Says what a schema found wrong: where, what was found, what is allowed. */
import type { KosmosError } from '../contracts/error.ts';
import { type ErrorCode, fail } from './errors.ts';
import { nearest } from './order.ts';

/** An issue of a Standard Schema; `code` and `keys` are zod's. */
export interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  readonly code?: string | undefined;
  readonly keys?: readonly string[] | undefined;
  /** What is wrong with a key, where one of a record is. */
  readonly issues?: readonly Issue[] | undefined;
}

export interface Checked {
  readonly value: unknown;
  readonly schema: unknown;
  /** Of the value in the config, e.g. `plugins[0]`. */
  readonly path: string;
  readonly file: string | undefined;
  /** Whose options these are. */
  readonly plugin?: string;
}

export function problemOf(code: ErrorCode, issue: Issue, of: Checked): readonly KosmosError[] {
  const keys = (issue.path ?? []).map((step) => (typeof step === 'object' ? step.key : step));
  const whose = of.plugin === undefined ? '' : ` of plugin '${of.plugin}'`;
  const where = of.file ?? 'config';
  const base = keys.reduce<string>(step, of.path);
  if (issue.code === 'unrecognized_keys' && issue.keys) {
    const allowed = keysAt(of.schema, keys);
    return issue.keys.map((key) => {
      const meant = nearest(key, allowed);
      const more = `${meant ? `Did you mean '${meant}'? ` : ''}${allowed.length > 0 ? `Allowed: ${allowed.join(', ')}.` : 'Remove it.'}`;
      return fail(code, `${step(base, key)}: unknown option '${key}'${whose}`, { where, hint: more });
    });
  }
  const { message } = issue.code === 'invalid_key' ? (issue.issues?.[0] ?? issue) : issue;
  const text = message.replace(/^Invalid (input|option): /, '').replace(/, received .*$/, '');
  return [fail(code, `${base || 'config'}${whose}: ${text}; found ${shown(valueAt(of.value, keys), keys.at(-1))}`, { where })];
}

function step(path: string, key: PropertyKey): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  if (!/^[\w$]+$/.test(String(key))) return `${path}['${String(key)}']`;
  return path === '' ? String(key) : `${path}.${String(key)}`;
}

function valueAt(value: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}

/** A value as a message may show it: short, and no secrets. */
export function shown(value: unknown, key?: PropertyKey): string {
  if (value === undefined) return 'nothing';
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'string') {
    if (/kubeconfig$|token|secret|password|key/i.test(String(key ?? ''))) return `a string of ${value.length} characters`;
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  }
  if (Array.isArray(value)) return `a list of ${value.length}`;
  const names = Object.keys(value as object);
  return names.length === 0 ? 'an empty object' : `an object with ${names.join(', ')}`;
}

/** The keys that an object schema of zod allows at a path; none where that cannot be told. */
function keysAt(schema: unknown, keys: readonly PropertyKey[]): readonly string[] {
  interface ZodLike {
    readonly shape?: Readonly<Record<PropertyKey, unknown>>;
    readonly element?: unknown;
    readonly valueType?: unknown;
    readonly unwrap?: () => unknown;
  }
  const open = (at: unknown): ZodLike | undefined => {
    let inner = at as ZodLike | undefined;
    while (inner && !inner.shape && !inner.element && typeof inner.unwrap === 'function') inner = inner.unwrap() as ZodLike;
    return inner;
  };
  let at = open(schema);
  for (const key of keys) at = open(at?.shape?.[key] ?? at?.element ?? at?.valueType);
  return Object.keys(at?.shape ?? {});
}

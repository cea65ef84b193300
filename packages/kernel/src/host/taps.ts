/**
 * The one place that knows tapable, with what it lacks: errors that name plugin and hook, order by plugin names that is
 * checked, a chain whose taps must return something, removal, freezing.
 */
import { AsyncSeriesHook, SyncBailHook, SyncHook, SyncWaterfallHook } from 'tapable';
import type { TapOptions } from '../contracts/hook.ts';
import { fail, inside } from './errors.ts';
import { nearest, sortBy } from './order.ts';

export type HookType = 'hook' | 'bail' | 'chain';
type Fn = (...args: unknown[]) => unknown;

interface Tapped {
  readonly plugin: string;
  readonly fn: Fn;
  readonly options: TapOptions;
}

/** The inside of a hook: found by the kernel under `Symbol.for('kosmos.hook.core')`, so that two copies of the contracts work together. */
export interface HookCore {
  readonly name: string;
  /** Who taps it, in the order of the calls. */
  tappedBy(): readonly string[];
  call(args: readonly unknown[]): unknown;
  callAsync(args: readonly unknown[]): Promise<void>;
  tap(plugin: string, fn: Fn, options?: TapOptions): void;
  /** Throws where `before` and `after` cannot be held; `installed` are the plugins in the config, in their order. */
  check(installed: readonly string[]): void;
  freeze(): void;
  remove(plugin: string): void;
}

/** The inside of a hook, or undefined for anything else. */
export function coreOf(hook: unknown): HookCore | undefined {
  return (hook as { [key: symbol]: HookCore | undefined } | null | undefined)?.[Symbol.for('kosmos.hook.core')];
}

export function createCore(type: HookType, name: string): HookCore {
  let taps: readonly Tapped[] = [];
  let plugins: readonly string[] = [];
  let frozen = false;
  let sync: ((...args: unknown[]) => unknown) | undefined;
  let serial: ((...args: unknown[]) => Promise<unknown>) | undefined;

  const ordered = () => order(name, taps, plugins);
  const changed = () => {
    sync = undefined;
    serial = undefined;
  };
  return {
    name,
    tappedBy: () => ordered().map(({ plugin }) => plugin),
    call(args) {
      if (taps.length === 0) return type === 'chain' ? args[0] : undefined;
      sync ??= compile(type, name, ordered(), args.length);
      return sync(...args);
    },
    async callAsync(args) {
      if (taps.length === 0) return;
      serial ??= compileSerial(name, ordered(), args.length);
      await serial(...args);
    },
    tap(plugin, fn, options = {}) {
      if (frozen)
        throw fail('KOSMOS_E_TAP_LATE', `plugin '${plugin}' taps the hook '${name}' after ready`, {
          where: `plugin ${plugin}, hook ${name}`,
        });
      taps = [...taps, { plugin, fn, options }];
      changed();
    },
    check(installed) {
      plugins = installed;
      changed();
      for (const { plugin, options } of taps) checkNames(name, plugin, options, installed);
      ordered();
    },
    freeze() {
      frozen = true;
    },
    remove(plugin) {
      taps = taps.filter((t) => t.plugin !== plugin);
      if (taps.length === 0) frozen = false;
      changed();
    },
  };
}

function compile(type: HookType, name: string, taps: readonly Tapped[], count: number): (...args: unknown[]) => unknown {
  const args = argumentNames(count);
  const made =
    type === 'hook'
      ? new SyncHook<unknown[], unknown>(args)
      : type === 'bail'
        ? new SyncBailHook<unknown[], unknown>(args)
        : new SyncWaterfallHook<unknown[]>(args);
  for (const { plugin, fn } of taps) made.tap(plugin, guard(type, name, plugin, fn));
  return (...given) => (made.call as Fn)(...given);
}

function compileSerial(name: string, taps: readonly Tapped[], count: number): (...args: unknown[]) => Promise<unknown> {
  const made = new AsyncSeriesHook<unknown[]>(argumentNames(count));
  for (const { plugin, fn } of taps) {
    made.tapPromise(plugin, async (...args) => {
      try {
        await fn(...args);
      } catch (error) {
        throw inside(error, 'KOSMOS_E_TAP', `plugin ${plugin}, hook ${name}`, `plugin '${plugin}' failed in the hook '${name}'`);
      }
    });
  }
  return (...given) => (made.promise as (...args: unknown[]) => Promise<unknown>)(...given);
}

function guard(type: HookType, name: string, plugin: string, fn: Fn): Fn {
  const where = `plugin ${plugin}, hook ${name}`;
  return (...args) => {
    let result: unknown;
    try {
      result = fn(...args);
    } catch (error) {
      throw inside(error, 'KOSMOS_E_TAP', where, `plugin '${plugin}' failed in the hook '${name}'`);
    }
    if (type === 'chain' && result === undefined) {
      throw fail('KOSMOS_E_TAP_NOTHING', `plugin '${plugin}' returned nothing from its tap of the chain '${name}'`, { where });
    }
    if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') {
      throw fail('KOSMOS_E_TAP_PROMISE', `plugin '${plugin}' returned a promise from its tap of '${name}', which runs synchronously`, {
        where,
      });
    }
    return result;
  };
}

function order(name: string, taps: readonly Tapped[], plugins: readonly string[]): readonly Tapped[] {
  const rank = new Map(plugins.map((plugin, index) => [plugin, index]));
  const inConfigOrder = taps.toSorted((a, b) => (rank.get(a.plugin) ?? plugins.length) - (rank.get(b.plugin) ?? plugins.length));
  const comesFirst = (first: Tapped, then: Tapped) =>
    then.options.after?.includes(first.plugin) === true || first.options.before?.includes(then.plugin) === true;
  const { sorted, cycle } = sortBy(inConfigOrder, (tap) =>
    inConfigOrder.filter((other) => other.plugin !== tap.plugin && comesFirst(other, tap)),
  );
  if (cycle) {
    const path = cycle.map((tap) => tap.plugin).join(' -> ');
    throw fail('KOSMOS_E_TAP_ORDER', `the taps of the hook '${name}' cannot be ordered: ${path}`, { where: `hook ${name}` });
  }
  return sorted;
}

function checkNames(name: string, plugin: string, options: TapOptions, installed: readonly string[]): void {
  const where = `plugin ${plugin}, hook ${name}`;
  for (const other of [...(options.before ?? []), ...(options.after ?? [])]) {
    if (other === plugin) throw fail('KOSMOS_E_TAP_ORDER', `plugin '${plugin}' orders its tap of '${name}' by itself`, { where });
    const meant = installed.includes(other) ? undefined : nearest(other, installed);
    if (meant)
      throw fail('KOSMOS_E_TAP_ORDER', `plugin '${plugin}' orders its tap of '${name}' by the unknown plugin '${other}'`, {
        where,
        hint: `Did you mean '${meant}'?`,
      });
  }
}

function argumentNames(count: number): string[] & [string] {
  return Array.from({ length: count }, (_, index) => `a${index}`) as never;
}

/** Taps a hook without a kernel: for tests of what owns the hook. Returns the function that removes what `plugin` tapped. */
export function tapHook(
  hook: { readonly name: string },
  plugin: string,
  fn: (...args: never[]) => unknown,
  options?: TapOptions,
): () => void {
  const core = coreOf(hook);
  if (!core) throw new TypeError(`${hook.name} is no hook`);
  core.tap(plugin, fn as Fn, options);
  return () => core.remove(plugin);
}

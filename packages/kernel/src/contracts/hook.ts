/**
 * Hooks: the owner creates and runs them, others only tap, through `ctx.tap`, so that name, order and error wrapping are
 * the kernel's. Taps are ordered (topologically by before/after, then plugin order) and frozen at ready. Create hooks
 * in `setup`, never at the top of a module: two kernels in one process must not share them.
 */
import { type HookCore, createCore } from '../host/taps.ts';

export interface Hook<A extends unknown[]> {
  readonly $$type: 'kosmos/hook';
  readonly name: string;
  readonly _A?: (args: A) => A;
}
/** The first tap that returns something other than undefined decides. */
export interface Bail<A extends unknown[], V> {
  readonly $$type: 'kosmos/bail';
  readonly name: string;
  readonly _A?: (args: A) => V;
}
/** Each tap gets what the one before returned; returning nothing is an error. */
export interface Chain<V, A extends unknown[]> {
  readonly $$type: 'kosmos/chain';
  readonly name: string;
  readonly _A?: (value: V, args: A) => V;
}

/**
 * Names of plugins whose tap of the same hook must come after (`before`) or before (`after`) this one. A plugin that is
 * not in the config is passed over, since it may be there elsewhere; a name that looks like a misspelt one is an error.
 */
export interface TapOptions {
  readonly before?: readonly string[];
  readonly after?: readonly string[];
}

/** What the owner of a hook holds. A tap that fails is a `KosmosError` that names the plugin and the hook. */
export interface OwnHook<A extends unknown[]> extends Hook<A> {
  /** Calls every tap, in order. A tap that returns a promise is an error here. */
  run(...args: A): void;
  /** Calls every tap, in order, each after the promise of the one before. */
  runAsync(...args: A): Promise<void>;
}
export interface OwnBail<A extends unknown[], V> extends Bail<A, V> {
  /** The answer of the first tap that has one. */
  first(...args: A): V | undefined;
}
export interface OwnChain<V, A extends unknown[]> extends Chain<V, A> {
  /** Passes `value` through every tap; the same value where nobody tapped. */
  through(value: V, ...args: A): V;
}

/** A hook that every tap hears. `name` is `<plugin>.<hook>`, for messages. */
export function hook<A extends unknown[]>(name: string): OwnHook<A> {
  const core = createCore('hook', name);
  return own('kosmos/hook', name, core, {
    run: (...args: A): void => void core.call(args),
    runAsync: async (...args: A): Promise<void> => core.callAsync(args),
  });
}

/** A hook that asks until somebody answers. */
export function bail<A extends unknown[], V>(name: string): OwnBail<A, V> {
  const core = createCore('bail', name);
  return own('kosmos/bail', name, core, { first: (...args: A) => core.call(args) as V | undefined });
}

/** A hook that passes a value from tap to tap. */
export function chain<V, A extends unknown[]>(name: string): OwnChain<V, A> {
  const core = createCore('chain', name);
  return own('kosmos/chain', name, core, { through: (value: V, ...args: A) => core.call([value, ...args]) as V });
}

function own<const T extends string, M extends object>(
  $$type: T,
  name: string,
  core: HookCore,
  methods: M,
): { readonly $$type: T; readonly name: string } & M {
  // Not enumerable: a hook printed or compared is its name and kind.
  return Object.freeze(Object.defineProperty({ $$type, name, ...methods }, Symbol.for('kosmos.hook.core'), { value: core }));
}

/** What a part's setup receives, guarded: only what it declared, and declarations only while they count. */
import type { Ctx, Self } from '../contracts/plugin.ts';
import type { Clock, Logger } from '../contracts/services.ts';
import type { Needs } from '../contracts/token.ts';
import type { Engine } from '../engine.ts';
import type { Container } from './container.ts';
import { fail } from './errors.ts';
import type { Unit } from './resolve.ts';
import { type HookCore, coreOf } from './taps.ts';

type StartFn = (signal: AbortSignal) => Promise<void>;

/** What one part declared in its setup. */
export interface Declared {
  readonly unit: Unit;
  readonly onStart: readonly StartFn[];
  readonly onReady: readonly (() => Promise<void>)[];
  readonly onStop: readonly StartFn[];
  /** Milliseconds. */
  readonly setupMs: number;
  startMs?: number;
}

export interface Host {
  readonly container: Container;
  readonly engine: Engine;
  readonly self: Self;
  readonly log: Logger;
  readonly clock: Clock;
  /** Every hook that was tapped. */
  readonly hooks: Set<HookCore>;
  /** True from ready on: taps are frozen. */
  frozen(): boolean;
  /** A part declared an informer: there is something to start. */
  informed(): void;
}

/** Runs a part's setup; throws what it throws, or what it did wrong. */
export function setUpPart(unit: Unit, host: Host): Declared {
  const { name } = unit.plugin;
  const declared = { unit, onStart: [] as StartFn[], onReady: [] as (() => Promise<void>)[], onStop: [] as StartFn[], setupMs: 0 };
  const since = performance.now();
  const provided = new Set<string>();
  const state = { open: true };
  const whileOpen = (what: string) => {
    if (!state.open) throw fail('KOSMOS_E_LATE', `plugin '${name}' calls ${what} after its setup`, { where: `plugin ${name}` });
  };
  const log = host.log.child({ plugin: name });
  const engine = host.engine.forPlugin(name, log);
  const ctx: Ctx<Needs, Needs, Needs> = {
    use: host.container.scope(unit.part.requires),
    maybe: host.container.scope(unit.part.optional),
    provide(key, value) {
      whileOpen(`provide('${key}')`);
      const token = unit.part.provides[key];
      if (!token)
        throw fail('KOSMOS_E_PROVIDE', `plugin '${name}' provides '${key}', which its part does not declare`, {
          where: `plugin ${name}, setup`,
        });
      host.container.provide(name, token, value);
      provided.add(key);
    },
    tap(hook: unknown, fn: (...args: never[]) => unknown, options?: object) {
      const core = coreOf(hook);
      if (!core) throw new TypeError('what is tapped is no hook (made by hook(), bail() or chain())');
      if (host.frozen())
        throw fail('KOSMOS_E_TAP_LATE', `plugin '${name}' taps the hook '${core.name}' after ready`, {
          where: `plugin ${name}, hook ${core.name}`,
        });
      host.hooks.add(core);
      core.tap(name, fn as (...args: unknown[]) => unknown, options);
    },
    self: host.self,
    log,
    clock: host.clock,
    onStart(fn) {
      whileOpen('onStart');
      declared.onStart.push(fn);
    },
    onReady(fn) {
      whileOpen('onReady');
      declared.onReady.push(fn);
    },
    onStop(fn) {
      whileOpen('onStop');
      declared.onStop.unshift(fn);
    },
    informer(kind, options) {
      host.informed();
      return engine.informer(kind, options);
    },
    controller: (controller) => engine.controller(controller),
    writer: (controller) => engine.writer(controller),
    recorder: (controller) => engine.recorder(controller),
  };
  const returned: unknown = unit.part.setup(ctx, unit.plugin.options);
  state.open = false;
  declared.setupMs = performance.now() - since;
  if (typeof (returned as PromiseLike<unknown> | undefined)?.then === 'function') {
    // It goes on running unobserved: what it throws later must not end the process without a name.
    (returned as PromiseLike<unknown>).then(undefined, () => {});
    throw fail('KOSMOS_E_SETUP', `plugin '${name}' returned a promise from setup, which must be synchronous`, {
      where: `plugin ${name}, setup`,
      hint: 'Do I/O in onStart.',
    });
  }
  const absent = Object.keys(unit.part.provides).filter((key) => !provided.has(key) && unit.part.provides[key]?.many !== true);
  if (absent.length > 0)
    throw fail('KOSMOS_E_PROVIDE', `plugin '${name}' declares that it provides ${absent.join(', ')} but did not`, {
      where: `plugin ${name}, setup`,
    });
  return declared;
}

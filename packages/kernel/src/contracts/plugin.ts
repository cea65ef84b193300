import type { Informer, InformerOptions } from './bus.ts';
import type { ControllerBuilder, EventRecorder, Writer } from './controller.ts';
import type { Bail, Chain, Hook, TapOptions } from './hook.ts';
import type { Kind, KObject } from './object.ts';
import type { Right, Who } from './rights.ts';
import type { Clock, Logger } from './services.ts';
import type { Needs, Provided, Received } from './token.ts';

export type Role = 'manager' | 'agent' | 'scheduler' | 'dns' | 'cli';
export const ROLES: readonly Role[] = ['manager', 'agent', 'scheduler', 'dns', 'cli'];

/** Who this process is. */
export interface Self {
  readonly role: Role;
  /** The cluster it runs in: `--cluster`, default `host`. */
  readonly cluster: string;
  readonly node?: string;
  /** Unique to this process, e.g. for leases. */
  readonly instance: string;
}

/** What a part's `setup` receives: exactly what it declared, and ways to declare more. */
export interface Ctx<R extends Needs, O extends Needs, P extends Needs> {
  /** Providers' setup ran before. */
  readonly use: { readonly [K in keyof R]: Received<R[K]> };
  /** The optional ones that are there. */
  readonly maybe: { readonly [K in keyof O]?: Received<O[K]> };
  /** Every declared key must have been provided when setup returns. */
  provide<K extends keyof P & string>(key: K, value: Provided<P[K]>): void;
  tap<A extends unknown[]>(hook: Hook<A>, fn: (...args: A) => void, options?: TapOptions): void;
  tap<A extends unknown[], V>(hook: Bail<A, V>, fn: (...args: A) => V | undefined, options?: TapOptions): void;
  tap<V, A extends unknown[]>(hook: Chain<V, A>, fn: (value: V, ...args: A) => V, options?: TapOptions): void;
  readonly self: Self;
  readonly log: Logger;
  readonly clock: Clock;
  /** I/O goes here. Within the start timeout (30 s), which aborts the signal. */
  onStart(fn: (signal: AbortSignal) => Promise<void>): void;
  /** After informers are synced and controllers run. */
  onReady(fn: () => Promise<void>): void;
  /** In reverse order; also after a failed start. */
  onStop(fn: (deadline: AbortSignal) => Promise<void>): void;
  /** Lazily shared; starts between onStart and controllers. */
  informer<T extends KObject>(kind: Kind<T>, options?: InformerOptions<T>): Informer<T>;
  controller(name: string): ControllerBuilder;
  writer(controller: string): Writer;
  /** Of events on objects, in the name of the controller. */
  recorder(controller: string): EventRecorder;
}

export interface Part<Options> {
  readonly $$type: 'kosmos/part';
  readonly requires: Needs;
  readonly optional: Needs;
  readonly provides: Needs;
  readonly rights?: (who: Who) => readonly Right[];
  // biome-ignore lint: the context's exact type was checked where the part was written
  readonly setup: (ctx: Ctx<any, any, any>, options: any) => void;
  readonly _O?: (options: Options) => void;
}

/** A part of a plugin: what it does in one role. `setup` declares, synchronously, without I/O. Curried: inferring options and needs in one call fails. */
export function part<Options>(): <const R extends Needs = {}, const O extends Needs = {}, const P extends Needs = {}>(p: {
  requires?: R;
  optional?: O;
  provides?: P;
  /** What it needs to do in clusters: `kosmos rbac` prints it as RBAC. Default: nothing. */
  rights?(who: Who): readonly Right[];
  setup(ctx: Ctx<R, O, P>, options: Options): void;
}) => Part<Options> {
  return (p) =>
    Object.freeze({
      $$type: 'kosmos/part',
      requires: p.requires ?? {},
      optional: p.optional ?? {},
      provides: p.provides ?? {},
      ...(p.rights && { rights: p.rights }),
      setup: p.setup,
    });
}

/** Standard Schema, version 1: zod, valibot, arktype and others implement it. */
export interface Schema<In, Out> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Out> | Promise<SchemaResult<Out>>;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
  };
}
export type SchemaResult<Out> =
  | { readonly value: Out; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

export interface PluginSpec<In, Out> {
  /** kebab-case, unique, e.g. `network-vxlan`. */
  readonly name: string;
  readonly version: string;
  /** Of this contract. */
  readonly apiVersion: 1;
  /** Semver range of @kosmos/kernel. */
  readonly kernel: string;
  readonly options: Schema<In, Out>;
  readonly parts: { readonly [K in Role | 'all']?: Part<Out> };
}

/** A plugin with its options, as it stands in `kosmos.config.ts`. */
export interface Plugin {
  readonly $$type: 'kosmos/plugin';
  readonly spec: PluginSpec<unknown, unknown>;
  readonly input: unknown;
  /** See `optional()`. */
  readonly required: boolean;
}

export function definePlugin<In, Out>(spec: PluginSpec<In, Out>): (options?: In) => Plugin {
  return (options) =>
    Object.freeze({ $$type: 'kosmos/plugin', spec: spec as PluginSpec<unknown, unknown>, input: options ?? {}, required: true });
}

/** Marks a plugin whose failure degrades the process instead of ending it. */
export function optional(plugin: Plugin): Plugin {
  return Object.freeze({ ...plugin, required: false });
}

import type { Plugin } from './plugin.ts';
import type { ClusterAccess } from './services.ts';

/** Nested arrays (presets) are flattened, falsy entries dropped. */
export type PluginList = readonly (Plugin | PluginList | false | null | undefined)[];

export interface Config {
  /** `host` is the cluster with the Kosmos objects; others are members known from the start. */
  readonly clusters?: Readonly<Record<string, ClusterAccess>>;
  readonly plugins: PluginList;
  readonly log?: { readonly level?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'; readonly format?: 'json' | 'pretty' };
  /** Health and metrics over HTTP; off when absent. `port` 0 picks one. */
  readonly http?: { readonly host?: string; readonly port: number };
  /** `startMs` and `stopMs` of each plugin; `shutdownMs` of the whole stop. */
  readonly timeouts?: { readonly startMs?: number; readonly stopMs?: number; readonly shutdownMs?: number };
}

export type ConfigEnv = Readonly<Record<string, string | undefined>>;

/** Types the default export of `kosmos.config.ts`; a function gets the environment. */
export function defineConfig(config: Config | ((env: ConfigEnv) => Config | Promise<Config>)): typeof config {
  return config;
}

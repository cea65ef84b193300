/** Every error code of the kernel, what it means and what to do. README.md has them as a table; a test holds the two together. */
import { KosmosError, KosmosErrors } from '../contracts/error.ts';

export interface ErrorDoc {
  readonly meaning: string;
  /** What to do next, where the place that fails knows nothing better. */
  readonly hint: string;
}

export const ERRORS = {
  KOSMOS_E_CONFIG_NONE: {
    meaning: 'There is no config file.',
    hint: 'Write a kosmos.config.ts in this folder, or name one: --config FILE.',
  },
  KOSMOS_E_CONFIG_LOAD: { meaning: 'The config file cannot be read, parsed or evaluated.', hint: 'Mend the file at the place named.' },
  KOSMOS_E_CONFIG_INVALID: {
    meaning: 'A value in the config is unknown, of a wrong type or out of range.',
    hint: 'Mend the value at the path named.',
  },
  KOSMOS_E_PLUGIN_INVALID: {
    meaning: 'An entry of `plugins` is not a plugin.',
    hint: 'Call the factory that the plugin package exports: plugins: [vxlan()].',
  },
  KOSMOS_E_PLUGIN_OPTIONS: { meaning: "A plugin's options are invalid.", hint: 'Mend the option at the path named.' },
  KOSMOS_E_PLUGIN_TWICE: { meaning: 'Two plugins have the same name.', hint: 'Remove one of them from `plugins`.' },
  KOSMOS_E_PLUGIN_INCOMPATIBLE: {
    meaning: 'A plugin was made for another kernel or contract version.',
    hint: 'Install versions of plugin and kernel that go together.',
  },
  KOSMOS_E_TOKEN_MISSING: {
    meaning: 'A plugin requires something that no plugin provides in this role.',
    hint: 'Add a plugin that provides it to `plugins`.',
  },
  KOSMOS_E_TOKEN_TWICE: { meaning: 'Two plugins provide the same token.', hint: 'Remove one of them from `plugins`.' },
  KOSMOS_E_TOKEN_CYCLE: {
    meaning: 'Plugins require each other in a circle.',
    hint: 'Make one of these needs a hook, or move what both need to a third plugin.',
  },
  KOSMOS_E_PROVIDE: {
    meaning: "A plugin's setup provides something else than its part declares.",
    hint: 'Declare in `provides` exactly what setup provides.',
  },
  KOSMOS_E_SETUP: {
    meaning: "A plugin's setup failed.",
    hint: 'This is a fault of the plugin: tell its authors, with KOSMOS_DEBUG=1 for the stack.',
  },
  KOSMOS_E_START: { meaning: 'A plugin failed to start.', hint: 'Mend what the message names; KOSMOS_DEBUG=1 shows the stack.' },
  KOSMOS_E_START_TIMEOUT: {
    meaning: 'A plugin did not start in time.',
    hint: 'See what it waits for; `timeouts.startMs` in the config allows it longer.',
  },
  KOSMOS_E_READY: { meaning: "A plugin's onReady failed.", hint: 'Mend what the message names; KOSMOS_DEBUG=1 shows the stack.' },
  KOSMOS_E_SYNC_TIMEOUT: {
    meaning: 'The first lists from the clusters did not arrive in time.',
    hint: "Check that the clusters' API servers answer.",
  },
  KOSMOS_E_STOP: { meaning: 'A plugin failed to stop.', hint: 'Something of it may be left behind; KOSMOS_DEBUG=1 shows the stack.' },
  KOSMOS_E_STOP_TIMEOUT: {
    meaning: 'A plugin did not stop in time.',
    hint: 'Something of it may be left behind; `timeouts.stopMs` in the config allows it longer.',
  },
  KOSMOS_E_LATE: {
    meaning: 'A plugin declares something after its setup.',
    hint: 'Call provide, onStart, onReady and onStop within setup.',
  },
  KOSMOS_E_TAP: {
    meaning: 'A plugin failed in a hook.',
    hint: 'This is a fault of the plugin: tell its authors, with KOSMOS_DEBUG=1 for the stack.',
  },
  KOSMOS_E_TAP_NOTHING: { meaning: 'A tap of a chain returned nothing.', hint: 'Return the value, changed or as it came.' },
  KOSMOS_E_TAP_PROMISE: {
    meaning: 'A tap of a synchronous hook returned a promise.',
    hint: 'Make the tap synchronous; prepare what it needs beforehand, in onStart.',
  },
  KOSMOS_E_TAP_ORDER: {
    meaning: 'Taps cannot be ordered as their before/after ask.',
    hint: 'Correct the `before` and `after` of these taps.',
  },
  KOSMOS_E_TAP_LATE: { meaning: 'A plugin taps a hook after ready.', hint: 'Tap in setup or onStart.' },
  KOSMOS_E_METRIC: {
    meaning: 'A metric is declared twice or has an invalid name.',
    hint: 'Give each metric a name of its own: letters, digits and _.',
  },
  KOSMOS_E_PORT_IN_USE: {
    meaning: 'The port for health and metrics is taken.',
    hint: 'Give `http.port` another value in the config; 0 picks a free one.',
  },
  KOSMOS_E_HTTP: {
    meaning: 'The address for health and metrics cannot be listened on.',
    hint: 'Correct `http.host` and `http.port` in the config.',
  },
  KOSMOS_E_CLUSTER_ACCESS: {
    meaning: 'A kubeconfig is missing or cannot be used.',
    hint: 'Correct the access of the cluster in the config.',
  },
  KOSMOS_E_CLUSTER_UNREACHABLE: {
    meaning: "A cluster's API server does not answer.",
    hint: 'Check that it runs, and its address, CA and credentials in the kubeconfig.',
  },
  KOSMOS_E_CLUSTER_REFUSED: {
    meaning: "A cluster's API server refuses what a plugin must read.",
    hint: 'Give the user of the kubeconfig the right to list and watch it.',
  },
  KOSMOS_E_CLUSTER_UNKNOWN: { meaning: 'There is no cluster of this name.', hint: 'Add it to `clusters` in the config.' },
  KOSMOS_E_KIND_UNKNOWN: {
    meaning: 'A cluster does not serve a kind that a plugin needs.',
    hint: 'Apply the CustomResourceDefinitions that belong to the plugin.',
  },
  KOSMOS_E_INDEX_UNKNOWN: {
    meaning: 'A plugin asks its informer for an index that it did not declare.',
    hint: 'Declare it in the options of the informer, as `indexes`.',
  },
  KOSMOS_E_NOT_LEADER: {
    meaning: 'A write was refused since this process lost the lease of the controller.',
    hint: 'Nothing: the process that holds the lease writes.',
  },
  KOSMOS_E_NO_PROCESS: {
    meaning: 'A command finds no running process to ask.',
    hint: 'Start one: kosmos run --role ROLE.',
  },
  KOSMOS_E_RUNTIME_TWICE: {
    meaning: 'Two copies of the kernel runtime are loaded in one process.',
    hint: 'Keep one: see npm ls @kosmos/kernel, then npm dedupe.',
  },
} as const satisfies Record<string, ErrorDoc>;

export type ErrorCode = keyof typeof ERRORS;

/** A KosmosError of one of the codes above, with the code's own hint unless a better one is given. */
export function fail(code: ErrorCode, message: string, more: { where?: string; hint?: string; cause?: unknown } = {}): KosmosError {
  return new KosmosError(code, message, { hint: ERRORS[code].hint, ...more });
}

/** Says where an error came from: one that is meant for a person keeps its code, message and hint. */
export function inside(error: unknown, code: ErrorCode, where: string, what: string): KosmosError {
  if (isKosmosError(error)) {
    const place = error.where === undefined || error.where === where ? where : `${where}: ${error.where}`;
    return new KosmosError(error.code, error.message, {
      where: place,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error.cause ?? error,
    });
  }
  return fail(code, `${what}: ${messageOf(error)}`, { where, cause: error });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

/** By its brand, so that an error of another copy of the contracts counts too. */
export function isKosmosError(error: unknown): error is KosmosError {
  return (error as { $$type?: unknown } | null | undefined)?.$$type === 'kosmos/error';
}

/** The problems in an error, flat; undefined where it is not one of ours. */
export function problemsIn(error: unknown): readonly KosmosError[] | undefined {
  if (isKosmosError(error)) return [error];
  if ((error as { $$type?: unknown } | null | undefined)?.$$type !== 'kosmos/errors') return undefined;
  return (error as KosmosErrors).errors;
}

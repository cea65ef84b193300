/** How often an outcome must come in a row before it counts. */
export interface Thresholds {
  readonly success: number;
  readonly failure: number;
}

/** What is known by a container's probe so far. */
export interface ProbeState {
  /** What counts; undefined until something does. */
  readonly result: boolean | undefined;
  readonly last: boolean | undefined;
  /** How often `last` came in a row. */
  readonly run: number;
}

export const UNKNOWN: ProbeState = { result: undefined, last: undefined, run: 0 };

/** The state after one more outcome. */
export function observe(state: ProbeState, ok: boolean, { success, failure }: Thresholds): ProbeState {
  const run = state.last === ok ? state.run + 1 : 1;
  return { result: run >= (ok ? success : failure) ? ok : state.result, last: ok, run };
}

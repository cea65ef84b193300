/** Kubernetes has 10 s and 5 min; in a lab nobody is to wait for long. */
const FIRST_MS = 1000;
const LAST_MS = 60_000;
/** A container that ran for so long begins anew. */
const STEADY_MS = 600_000;

/** How long a container waits for its next start after it was started `restarts` times again in a row: at first not at all. */
export const backOffMs = (restarts: number): number => (restarts === 0 ? 0 : Math.min(FIRST_MS * 2 ** (restarts - 1), LAST_MS));

/** The restarts in a row after one more run. */
export const restartsAfter = (restarts: number, ranMs: number): number => (ranMs >= STEADY_MS ? 0 : restarts);

import { flushCompileCache } from 'node:module';

/** Tells the supervisor that this process does its part now. */
export function tellReady(): void {
  process.send?.({ type: 'ready' });
  // Node would keep what it compiled when the process exits; those of a lab are killed.
  flushCompileCache();
}

/** Spans of OpenTelemetry, where the process has an SDK set up; without one, nothing is loaded. */
import { createRequire } from 'node:module';
import type { Key } from '../contracts/object.ts';

type Api = typeof import('@opentelemetry/api');
const require = createRequire(import.meta.url);
/** Where an SDK registers itself. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1');
let api: Api | undefined;

/** Runs `work` inside a span about the object of `key`; what it throws is recorded there. */
export async function span<T>(name: string, key: Key, work: () => Promise<T>, more: Readonly<Record<string, string>> = {}): Promise<T> {
  const tracer = tracing()?.trace.getTracer('@kosmos/kernel');
  if (!tracer) return work();
  const attributes = { 'k8s.cluster.name': key.cluster, 'k8s.namespace.name': key.namespace, 'k8s.object.name': key.name, ...more };
  return tracer.startActiveSpan(name, { attributes }, async (active) => {
    try {
      return await work();
    } catch (error) {
      active.recordException(error as Error);
      active.setStatus({ code: 2, message: error instanceof Error ? error.message : String(error) });
      throw error;
    } finally {
      active.end();
    }
  });
}

function tracing(): Api | undefined {
  if (!(REGISTERED in globalThis)) return undefined;
  try {
    return (api ??= require('@opentelemetry/api') as Api);
  } catch {
    return undefined; // an optional peer
  }
}

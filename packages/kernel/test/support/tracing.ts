/** The SDK of OpenTelemetry, set up in this process as a user would; what it was given. */
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

export interface Recorded {
  readonly name: string;
  /** Name of the span that this one is within. */
  readonly within: string | undefined;
  readonly attributes: object;
  /** Message of the error that ended it. */
  readonly error: string | undefined;
}

export function recordSpans(): { spans(): Recorded[]; [Symbol.dispose](): void } {
  const exporter = new InMemorySpanExporter();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
  return {
    spans() {
      const all = exporter.getFinishedSpans();
      return all.map(({ name, attributes, parentSpanContext, status, events }) => ({
        name,
        within: all.find((other) => other.spanContext().spanId === parentSpanContext?.spanId)?.name,
        attributes,
        error: events.some((event) => event.name === 'exception') ? status.message : undefined,
      }));
    },
    [Symbol.dispose]() {
      trace.disable();
      context.disable();
    },
  };
}

// A module for --import: OpenTelemetry, its spans written down as lines of JSON.
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { write } from './trace-log.mjs';

/** Takes its time, as one that sends spans over a network does. */
const exporter = {
  export(spans, done) {
    setTimeout(() => {
      for (const { name, attributes, status, events, parentSpanContext } of spans) {
        write({ event: 'span', name, attributes, status, events: events.length, parentSpanContext });
      }
      done({ code: 0 });
    }, 50);
  },
  shutdown: async () => {},
};

const processor = new BatchSpanProcessor(exporter, { scheduledDelayMillis: 100 });
const provider = new BasicTracerProvider({ spanProcessors: [processor] });
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
trace.setGlobalTracerProvider(provider);

export const shutdown = () => provider.shutdown();

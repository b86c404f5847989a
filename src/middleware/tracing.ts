/**
 * Spans of OpenTelemetry around requests (M-26 to M-28): the entry `quaich/tracing`. An entry of its own, so that
 * nobody else loads `@opentelemetry/api`.
 */

import { isPromise } from 'node:util/types';
import {
  type Context,
  context,
  isSpanContextValid,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { statusFor } from '../engine/error-page.ts';
import { ConfigurationError } from '../interface/errors.ts';
import { isAsyncEnviron } from '../interface/kind.ts';
import { isAbortError, isClientFault, isDisconnect } from '../rules/failures.ts';
import { whenSettled } from '../rules/promises.ts';
import { property } from '../rules/property.ts';
import { version } from '../rules/version.ts';
import { middleware } from './define.ts';
import type { Head } from './head.ts';
import { errorType, exceptionOf, methodName, mountOf, requestAttributes } from './http-attributes.ts';
import type { AnyEnviron, Handling, Middleware } from './types.ts';

export interface TracingOptions {
  /** Makes the spans; that of the global provider by default. */
  tracer?: Tracer;
  /**
   * The route that a request came to, such as `/users/{id}`: one of few, never a path. Asked at the end of the request.
   * Where it says nothing, the route is the mount of the application.
   */
  route?: (environ: AnyEnviron) => string | undefined;
}

/** The fields of a request, for a propagator. */
const FIELDS: TextMapGetter<AnyEnviron> = {
  get: (environ, name) => environ[`HTTP_${name.toUpperCase().replaceAll('-', '_')}`],
  keys: (environ) =>
    Object.keys(environ)
      .filter((key) => key.startsWith('HTTP_'))
      .map((key) => key.slice('HTTP_'.length).toLowerCase().replaceAll('_', '-')),
};

/**
 * A span of kind SERVER around each request, from the call of the application to the close of its body. It continues
 * the trace of the client (`traceparent`), unless another span is active already, as in a host that is traced itself;
 * and it is active wherever the application runs. Make it the outermost middleware.
 *
 * @throws ConfigurationError
 */
export function tracing(options: TracingOptions = {}): Middleware {
  const { tracer = trace.getTracer('quaich', version()), route } = options;
  if (route !== undefined && typeof route !== 'function') {
    throw new ConfigurationError(`tracing: route is a function of environ, got ${typeof route}`);
  }
  return middleware({
    name: 'tracing',
    request(environ) {
      const outer = context.active();
      const parent = trace.getSpan(outer) === undefined ? propagation.extract(outer, environ, FIELDS) : outer;
      const span = tracer.startSpan(
        nameOf(environ, mountOf(environ)),
        { kind: SpanKind.SERVER, attributes: requestAttributes(environ) },
        parent,
      );
      const active = trace.setSpan(parent, span);
      if (span.isRecording()) return new TracedRequest(span, active, environ, route);
      // One that nobody records is passed on all the same.
      return isSpanContextValid(span.spanContext()) ? { around: (step) => context.with(active, step) } : undefined;
    },
  });
}

function nameOf(environ: AnyEnviron, route: string | undefined): string {
  return route === undefined ? methodName(environ) : `${methodName(environ)} ${route}`;
}

/** What the span of one request learns while that goes on. */
class TracedRequest implements Handling {
  readonly #span: Span;
  readonly #active: Context;
  readonly #environ: AnyEnviron;
  readonly #route: TracingOptions['route'];
  /** What the application gave for a status; 0 before. */
  #code = 0;
  #called = false;
  /** The head is out, or was when the body ended (G-81). */
  #headSent = false;
  /** What was thrown first. */
  #thrown: { error: unknown } | null = null;
  /** What `startResponse` was given for the reason of an error page. */
  #handled: { error: unknown } | null = null;
  #gone = false;

  constructor(span: Span, active: Context, environ: AnyEnviron, route: TracingOptions['route']) {
    this.#span = span;
    this.#active = active;
    this.#environ = environ;
    this.#route = route;
  }

  onHead({ code, error }: Head): void {
    this.#code = code;
    if (error === undefined || error === null) return;
    this.#handled = { error };
    this.#span.recordException(exceptionOf(error));
  }

  /** Calls the application, later a step of its body, at last its close. */
  around<T>(step: () => T): T {
    const isStep = this.#called;
    this.#called = true;
    try {
      const result = context.with(this.#active, step);
      const came = (value: unknown): void => {
        if (isStep) this.#stepped(value);
        // An array goes out as one, and is closed behind that.
        else this.#headSent = Array.isArray(value);
      };
      if (isPromise(result)) whenSettled(result, came, (error) => this.#failed(error));
      else came(result);
      return result;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** The first chunk that is not empty sends the head, else the end of the body. */
  #stepped(step: unknown): void {
    if (this.#headSent) return;
    const size = property(property(step, 'value'), 'byteLength');
    this.#headSent = property(step, 'done') === true || (typeof size === 'number' && size > 0);
  }

  #failed(error: unknown): void {
    // What a client that leaves makes fail is no failure (G-143).
    if (isDisconnect(error) || (isAbortError(error) && this.#hasLeft())) {
      this.#gone = true;
      return;
    }
    if (this.#thrown !== null) return;
    this.#thrown = { error };
    if (!isClientFault(error)) this.#span.recordException(exceptionOf(error));
  }

  /** Whether the client has gone, or the server has given the request up. */
  #hasLeft(): boolean {
    const environ = this.#environ;
    if (isAsyncEnviron(environ)) return environ['quaich.signal']?.aborted === true;
    return environ['quaich.client_disconnected']?.() === true;
  }

  onClose(): void {
    try {
      this.#conclude();
    } finally {
      this.#span.end();
    }
  }

  #conclude(): void {
    const span = this.#span;
    const thrown = this.#thrown;
    const gone = this.#gone || this.#hasLeft();
    // Where it has failed before that, the server answers in its place.
    const code = thrown !== null && !this.#headSent ? statusFor(thrown.error) : this.#code;
    if (code > 0 && (this.#headSent || !gone)) span.setAttribute('http.response.status_code', code);
    if (gone) span.setAttribute('quaich.disconnected', true);
    const broken = thrown !== null && (this.#headSent || !isClientFault(thrown.error));
    if (broken || code >= 500) {
      const reason = thrown ?? this.#handled;
      span.setAttribute('error.type', reason === null ? String(code) : errorType(reason.error));
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    const route = this.#route?.(this.#environ);
    if (route === undefined) return;
    span.setAttribute('http.route', route);
    span.updateName(nameOf(this.#environ, route));
  }
}

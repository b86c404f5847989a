/** Each middleware that is shipped, as it comes; and all of them together. */

import {
  allowMethods,
  compose,
  compress,
  conditionalGet,
  cors,
  errorPage,
  limitBody,
  type Middleware,
  requestId,
  responseTime,
  session,
  staticFiles,
  trustProxy,
} from '../../src/middleware/index.ts';
import { tracing } from '../../src/middleware/tracing.ts';
import { tracer } from './spans.ts';

const EACH: Record<string, () => Middleware> = {
  allowMethods: () => allowMethods(['GET', 'POST']),
  compress: () => compress({ threshold: 0 }),
  conditionalGet: () => conditionalGet(),
  cors: () => cors({ origin: ['https://a.example'] }),
  errorPage: () => errorPage({ development: false }),
  limitBody: () => limitBody({ maximum: 1000 }),
  requestId: () => requestId(),
  responseTime: () => responseTime(),
  session: () => session({ keys: ['x'.repeat(32)] }),
  staticFiles: () => staticFiles({ root: import.meta.dirname }),
  tracing: () => tracing({ tracer }),
  trustProxy: () => trustProxy({ trusted: ['127.0.0.1'] }),
};

export const SHIPPED: [name: string, make: () => Middleware][] = [
  ...Object.entries(EACH),
  ['all together', () => compose(Object.values(EACH).map((make) => make()))],
];

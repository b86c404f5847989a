// The parser's exports. It holds no state of its own but what stands in the memory that it shares (see layout.ts).
export { head } from './request-head';
export { beginBody, body } from './chunked';

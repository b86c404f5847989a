/**
 * What people have that was written for another interface: how it is known, what it is called, and how an application
 * is made of it. Each is known by methods that its documentation names, or that it has had for years, and never by the
 * number of its parameters: a function without such methods is an application of the convention (G-02), unless its
 * owner says otherwise.
 */
import type { RequestListener } from 'node:http';
import type { FetchObject } from '../adapters/fetch-handler.ts';
import type { KoaApplication } from '../adapters/koa.ts';
import type { RequestEmitter } from '../adapters/node-listener.ts';
import type { AsyncApplication } from '../interface/types.ts';

type Adapters = typeof import('../adapters/index.ts');

/** All that the rows below call. Each calls what its interface is known by. */
interface Site extends RequestListener, RequestEmitter, FetchObject, KoaApplication {
  handler: RequestListener;
  handle(...parameters: [...Parameters<RequestListener>, done: (error: unknown) => void]): void;
  routing: RequestListener;
  ready(): Promise<unknown>;
  close(): Promise<void>;
}

export interface ForeignInterface {
  /** How the start and messages call what has it. */
  readonly name: string;
  readonly type: 'function' | 'object';
  /** What it is known by. */
  readonly methods: readonly string[];
  /** A method that it has not, which tells it from a router of the convention that has its methods. */
  readonly lacks?: string;
  readonly adapt: (site: Site, adapters: Adapters) => AsyncApplication;
}

const byListener: ForeignInterface['adapt'] = (site, { fromNodeListener }) => fromNodeListener(site);
const byFetch: ForeignInterface['adapt'] = (site, { fromFetchHandler }) => fromFetchHandler(site);
/** A router leaves to who calls it what it has no route for, and errors. */
const byRouter: ForeignInterface['adapt'] = (site, { fromNodeListener }) =>
  fromNodeListener((request, response) =>
    site.handle(request, response, (error) => {
      if (error) response.destroy(error instanceof Error ? error : new Error(String(error)));
      else response.writeHead(404).end();
    }),
  );
/** Plugins are loaded by `ready`, and `onClose` hooks run by `close`. Of mounts it knows nothing. */
const byFastify: ForeignInterface['adapt'] = (site, { fromNodeListener }) =>
  fromNodeListener((request, response) => site.routing(request, response), {
    mountRedirects: true,
    startup: async () => {
      await site.ready();
    },
    shutdown: () => site.close(),
  });

/** The first that fits. */
const KNOWN: readonly ForeignInterface[] = [
  { name: 'express application', type: 'function', methods: ['use', 'engine', 'render', 'listen'], adapt: byListener },
  { name: 'express router', type: 'function', methods: ['use', 'route', 'param', 'handle'], adapt: byRouter },
  { name: 'connect application', type: 'function', methods: ['use', 'handle', 'listen'], adapt: byListener },
  { name: 'h3 handler', type: 'function', methods: ['fetch'], lacks: 'use', adapt: byFetch },
  { name: 'hono application', type: 'object', methods: ['fetch', 'request', 'basePath'], adapt: byFetch },
  { name: 'h3 application', type: 'object', methods: ['fetch', 'register', 'mount'], adapt: byFetch },
  { name: 'elysia application', type: 'object', methods: ['fetch', 'handle', 'derive'], adapt: byFetch },
  { name: 'fetch object', type: 'object', methods: ['fetch'], adapt: byFetch },
  { name: 'fastify application', type: 'object', methods: ['routing', 'ready'], adapt: byFastify },
  {
    name: 'koa application',
    type: 'object',
    methods: ['callback', 'use', 'listen'],
    adapt: (site, { fromKoa }) => fromKoa(site),
  },
  {
    name: 'polka application',
    type: 'object',
    methods: ['handler', 'use', 'listen'],
    adapt: (site, { fromNodeListener }) => fromNodeListener((request, response) => site.handler(request, response)),
  },
  { name: 'http server', type: 'object', methods: ['listen', 'address', 'emit'], adapt: byListener },
];

/** What nothing but the word of its owner tells from an application of the convention; by that word. */
const DECLARED = {
  node: { name: 'listener for node:http', type: 'function', methods: [], adapt: byListener },
  fetch: { name: 'handler for fetch', type: 'function', methods: [], adapt: byFetch },
} as const satisfies Record<string, ForeignInterface>;

/** What an owner may say that functions are. */
export type Declared = keyof typeof DECLARED;

/** What a value of another interface is, by itself or as its owner says; null for any other value. */
export function foreignInterface(value: unknown, declared?: Declared): ForeignInterface | null {
  const known = KNOWN.find((one) => fits(value, one));
  if (known !== undefined) return known;
  return declared !== undefined && fits(value, DECLARED[declared]) ? DECLARED[declared] : null;
}

/** The interface of that name, if the value has it. */
export function interfaceNamed(name: string, value: unknown): ForeignInterface | null {
  return [...KNOWN, ...Object.values(DECLARED)].find((one) => one.name === name && fits(value, one)) ?? null;
}

function fits(value: unknown, { type, methods, lacks }: ForeignInterface): boolean {
  if (typeof value !== type || value === null) return false;
  // `typeof` has said that it is one, or a function, which is one too.
  const has = (name: string): boolean => typeof Reflect.get(value as object, name) === 'function';
  return methods.every(has) && (lacks === undefined || !has(lacks));
}

/** An application of a value that has the interface. The adapters are loaded by threads that need them. */
export async function adapt({ adapt }: ForeignInterface, value: unknown): Promise<AsyncApplication> {
  return adapt(value as Site, await import('../adapters/index.ts')); // `fits` has looked at what the row calls
}

/**
 * What to start a function with that is served as an application of the convention and may be none: its parameters are
 * called as those of other interfaces are. Good for a word to its owner; nothing is decided by it.
 */
export function likelyDeclaration(value: object): Declared | null {
  const text = Function.prototype.toString.call(value).slice(0, 300);
  const list = /^[^(=]*\(([^)]*)/.exec(text) ?? /^(?:async )?(\w+)/.exec(text);
  const [first, second = ''] = (list?.[1] ?? '').split(',').map((name) => name.trim());
  if (!/^_?req(?:uest)?$/.test(first)) return null;
  return /^_?res(?:ponse)?$/.test(second) ? 'node' : 'fetch';
}

import type { RequestListener } from 'node:http';
import type { AsyncApplication } from '../interface/types.ts';
import { fromNodeListener, type NodeListenerOptions } from './node-listener.ts';

/** As much of a Koa application as is needed; `context` and `request` are what those of its requests inherit from. */
export interface KoaApplication {
  callback(): RequestListener;
  readonly context: object;
  readonly request: object;
}

/** What inherits from them, when Koa gives it its `originalUrl`. */
interface OfOneRequest {
  readonly req: { readonly originalUrl?: string };
}

/** Below a mount `originalUrl` is the target as the client wrote it; Koa gives the part that it sees in `url`. */
const ORIGINAL_URL = {
  configurable: true,
  set(this: OfOneRequest, url: unknown): void {
    const value = this.req.originalUrl ?? url;
    Object.defineProperty(this, 'originalUrl', { value, writable: true, enumerable: true, configurable: true });
  },
};

/**
 * An async application of one of Koa, which knows no mounts: below one, `originalUrl` and what Koa makes of it (`href`,
 * `URL`) have the mount, and redirects stay below it (B-68).
 */
export function fromKoa(koa: KoaApplication, options: NodeListenerOptions = {}): AsyncApplication {
  for (const prototype of [koa.context, koa.request]) Object.defineProperty(prototype, 'originalUrl', ORIGINAL_URL);
  return fromNodeListener(koa.callback(), { mountRedirects: true, ...options });
}

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { describeError } from '../../rules/show.ts';
import { type Bind, listen } from '../bind.ts';
import type { Report } from '../report.ts';
import { loadMetrics, type MetricsText } from './metrics.ts';
import { statusPage } from './page.ts';
import type { SnapshotSource } from './snapshot.ts';

/** What tells of the server at an address of its own, on the gateway's thread: applications have no part in it. */
export interface StatusAddress {
  /** Listens. @throws BindError; ConfigurationError where a package is missing */
  start(): Promise<void>;
  /** Where; null: nowhere. */
  readonly url: string | null;
  close(): Promise<void>;
}

/** Tells nobody. */
export const noStatus: StatusAddress = { start: async () => {}, url: null, close: async () => {} };

interface Answer extends MetricsText {
  readonly status: number;
}

/** A page takes what stands in it, and fresh ones from here. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Connections that are open at a time. */
const MOST_CONNECTIONS = 64;

export interface StatusOptions {
  bind: Bind;
  socketMode: number | undefined;
  /** Why the server is not to be sent requests; '': it is. */
  objection: () => string | Promise<string>;
  report: Report;
}

/** The answers at the address of `--status` (L-42). */
export class StatusServer implements StatusAddress {
  url: string | null = null;
  private readonly source: SnapshotSource;
  private readonly options: StatusOptions;
  private readonly server: Server;
  private readonly pages: Readonly<Record<string, () => Answer | Promise<Answer>>> = {
    '/': async () => answered('text/html; charset=utf-8', statusPage(await this.source.take())),
    '/status': async () => answered('application/json', `${JSON.stringify(await this.source.take())}\n`),
    '/metrics': async () => {
      const write = await loadMetrics();
      const measured = await this.source.metrics();
      const { type, text } = await write(await this.source.take(), measured);
      return answered(type, text);
    },
    '/live': () => plain(200, 'alive'),
    '/ready': async () => {
      const objection = await this.options.objection();
      return plain(objection === '' ? 200 : 503, objection || 'ready');
    },
  };

  constructor(source: SnapshotSource, options: StatusOptions) {
    this.source = source;
    this.options = options;
    // Loaded where somebody is told: most servers need nothing of it.
    const { createServer } = process.getBuiltinModule('node:http');
    this.server = createServer((request, response) => void this.answer(request, response));
    this.server.maxConnections = MOST_CONNECTIONS;
  }

  async start(): Promise<void> {
    const { bind, socketMode } = this.options;
    await loadMetrics(); // before anybody asks
    this.url = await listen(this.server, bind, socketMode === undefined ? {} : { socketMode });
    this.server.on('error', (error) => this.options.report('error', `the status address: ${error.message}`));
    this.source.start();
  }

  async close(): Promise<void> {
    this.source.close();
    if (!this.server.listening) return;
    // Ends: at once, without connections.
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  private async answer({ method = '', url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, type, text } = await this.answerTo(method, url.split('?', 1)[0]);
    response.writeHead(status, {
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(text),
      'Cache-Control': 'no-store',
      'Content-Security-Policy': POLICY,
      'X-Content-Type-Options': 'nosniff',
      ...(status === 405 && { Allow: 'GET, HEAD' }),
    });
    response.end(method === 'HEAD' ? undefined : text);
  }

  private async answerTo(method: string, path: string): Promise<Answer> {
    if (!Object.hasOwn(this.pages, path)) return plain(404, `nothing here: ${Object.keys(this.pages).join(' ')}`);
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'GET and HEAD only');
    try {
      return await this.pages[path]();
    } catch (error) {
      this.options.report('error', `the status page ${path} failed: ${describeError(error)}`);
      return plain(500, 'see the error log');
    }
  }
}

function answered(type: string, text: string): Answer {
  return { status: 200, type, text };
}

function plain(status: number, text: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', text: `${text}\n` };
}

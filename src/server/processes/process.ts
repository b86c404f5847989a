/** One of several processes that share addresses: a server, at the orders of its supervisor. */
import { nothing } from '../../rules/promises.ts';
import { describeError } from '../../rules/show.ts';
import { resolveOptions, type ServeOptions } from '../options.ts';
import { type Server, serveHere } from '../server.ts';
import { guardStream } from '../standard-streams.ts';
import type { OwnSnapshots } from '../status/snapshot.ts';
import { findIdentity } from './identity.ts';
import { LISTENING, type Order, type OrderAnswer, type Orders, packError, type Started } from './orders.ts';

/** Those that a terminal or a service manager may send to all processes at once: the supervisor is meant. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU'] as const;

export function serveForSupervisor(): void {
  guardStream(process.stdout);
  guardStream(process.stderr);
  for (const signal of SIGNALS) process.on(signal, nothing);
  // The supervisor has died, and the listening sockets with it. An orderly exit might wait for a thread.
  process.prependOnceListener('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  const orders = new ServedOrders();
  process.on('message', (order: Order) => void carryOut(orders, order));
  process.send?.({ id: LISTENING, value: undefined } satisfies OrderAnswer);
}

async function carryOut(orders: Orders, { id, name, given }: Order): Promise<void> {
  let answer: OrderAnswer;
  try {
    const value: unknown = await Reflect.apply(orders[name], orders, given);
    answer = { id, value };
  } catch (error) {
    answer = { id, failure: packError(error) };
  }
  process.send?.(answer, undefined, undefined, () => {
    // An error is told by the end of the channel. What applications left running must not keep the process alive.
    if (name === 'close') process.exit();
  });
}

class ServedOrders implements Orders {
  private server: Promise<Server> | null = null;
  private snapshots: OwnSnapshots | null = null;

  async serve(options: ServeOptions, isFirst: boolean): Promise<Started> {
    const resolved = resolveOptions(options);
    findIdentity(resolved)?.become();
    const statusOf = (snapshots: OwnSnapshots) => this.toldBy(snapshots);
    this.server = serveHere(resolved, { statusOf, isFirst, isSettled: true });
    const server = await this.server;
    server.failed.catch((error: unknown) => {
      server.report('error', describeError(error));
      process.exit(1);
    });
    return { urls: server.urls, applications: server.applications };
  }

  /** In place of an address: the supervisor asks. */
  private toldBy(snapshots: OwnSnapshots) {
    this.snapshots = snapshots;
    return { url: null, start: async () => snapshots.start(), close: async () => snapshots.close() };
  }

  async reload(options: ServeOptions): Promise<readonly string[]> {
    return (await this.running()).reload(options);
  }

  async addSyncWorkers(count: number): Promise<void> {
    await (await this.running()).addSyncWorkers(count);
  }

  async close(): Promise<void> {
    await (await this.running()).close();
  }

  async abort(): Promise<void> {
    (await this.running()).abort();
  }

  async reopenLogs(): Promise<void> {
    (await this.running()).reopenLogs();
  }

  async renewCertificates(): Promise<void> {
    (await this.running()).renewCertificates();
  }

  async snapshot() {
    return this.snapshots?.take() ?? null;
  }

  async metrics() {
    return this.snapshots?.metrics() ?? [];
  }

  async ping(): Promise<void> {}

  /** Also while it starts: orders wait for that. */
  private async running(): Promise<Server> {
    if (this.server === null) throw new Error('an order ahead of the start');
    return this.server;
  }
}

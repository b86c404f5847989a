/**
 * The life of a bridge's thread: loads and starts up the application there, where its hooks belong (L-15), runs
 * requests until told to stop, runs the shutdown hooks.
 */

import type { MessagePort } from 'node:worker_threads';
import { isThreadBroken } from '../../engine/thread-state.ts';
import { ConfigurationError, RequestAborted } from '../../interface/errors.ts';
import type { Application, AsyncApplication } from '../../interface/types.ts';
import { Applications, describeFailure, type StartedApplication } from '../../pool/applications.ts';
import { noteOpenFiles } from '../../pool/open-files.ts';
import { inheritedLogFile, writeOutputDirectly } from '../../pool/output.ts';
import type { WorkerMessage, WorkerTask } from '../../pool/thread.ts';
import { onUncaught } from '../../pool/uncaught.ts';
import { TURN_EVERY, turn } from '../../rules/event-loop.ts';
import { nothing } from '../../rules/promises.ts';
import { describeError } from '../../rules/show.ts';
import { BlockingEnd, LoopEnd, ring } from '../link/link.ts';
import { errorToWire, type FarMessage, type NearMessage } from '../link/wire.ts';
import { enterBridgeThread } from '../threads/deadlock.ts';
import type { BridgeData } from '../threads/target.ts';
import { type BlockingFarEnd, BlockingTransport } from './blocking-transport.ts';
import { LoopTransport } from './loop-transport.ts';
import type { Call, FarThread } from './relay.ts';

/** The task of a bridge's thread. Fulfils when it was told to stop; a thread that could not start ends itself. */
export async function runBridgeThread(task: WorkerTask<BridgeData>): Promise<void> {
  const { data, index } = task;
  const port = task.port as MessagePort;
  const link = task.link as MessagePort;
  const loop = data.kind === 'async';
  const post = (message: WorkerMessage): void => {
    port.postMessage(message);
    ring(data.bells, index);
  };
  // An error outside of every request ends none: not the thread, nor what else runs there (G-146). It is told, by the
  // port whose messages are events on the other side.
  const survive = (error: unknown): void => {
    const told = { type: 'uncaught', message: describeError(error) } as const;
    if (loop) post(told);
    else link.postMessage({ ...told, id: 0 } satisfies FarMessage);
  };
  onUncaught(survive);
  if (task.files !== undefined) noteOpenFiles(task.files);
  let stopped = false;
  try {
    stopped = await live(task, link, post);
  } catch (error) {
    survive(error);
  } finally {
    link.close();
    // Tells the pool that the thread is through.
    port.close();
  }
  // Used again, it would have all that its modules have kept: also that one of them could not be loaded.
  if (!stopped) process.exit(1);
}

/** Loads, starts up, serves until told to stop, shuts down; false where the start has failed. */
async function live(
  { data, files, index }: WorkerTask<BridgeData>,
  link: MessagePort,
  post: (message: WorkerMessage) => void,
): Promise<boolean> {
  const loop = data.kind === 'async';
  enterBridgeThread(data.chain, loop);
  // The thread that started this one may be blocked.
  writeOutputDirectly(inheritedLogFile(), files);
  const applications = new Applications();
  let application: StartedApplication | null;
  try {
    const { app, directory, imports } = data;
    await applications.start({ mounts: [{ prefix: '', app }], directory, imports, validate: false });
    [application] = applications.mounted;
    if (application?.kind !== data.kind) throw wrongKind(data);
  } catch (error) {
    await applications.stop(nothing);
    post({ type: 'failed', ...describeFailure(error) });
    return false;
  }
  post({ type: 'ready' });
  const thread: FarThread = { ...data, state: application.state };
  // Their kinds are those of the bridge, as compared above.
  const { app } = application;
  if (loop) await serveLoop(app as AsyncApplication, new LoopEnd(link, data.bells, index), thread);
  else await serveBlocking(app as Application, new BlockingEnd(link, data.bells, index), thread);
  await applications.stop((error) => {
    post({ type: 'shutdown-failed', message: `the shutdown failed: ${describeFailure(error).message}` });
  });
  return true;
}

function wrongKind({ app, kind }: BridgeData): ConfigurationError {
  const [bridge, other, mark] =
    kind === 'sync' ? ['syncToAsync', 'async', 'markSync'] : ['asyncToSync', 'sync', 'markAsync'];
  return new ConfigurationError(
    `${bridge}: the application ${app.module} is ${other} already; use it as it is, or declare its kind with ${mark} (B-05)`,
  );
}

async function serveBlocking(app: Application, end: BlockingFarEnd, thread: FarThread): Promise<void> {
  let turned = performance.now();
  for (;;) {
    const now = performance.now();
    if (now - turned >= TURN_EVERY) {
      turned = now;
      await turn();
    }
    const message = end.receive(TURN_EVERY);
    if (message === undefined) continue;
    if (message.type === 'stop') return;
    if (message.type !== 'call') continue; // of a request that is over
    const transport = begin(message, end, () => new BlockingTransport(message, end, thread));
    transport?.run(app);
    if (transport?.stopped || isThreadBroken()) return;
  }
}

function serveLoop(app: AsyncApplication, end: LoopEnd<FarMessage>, thread: FarThread): Promise<void> {
  const calls = new Map<number, LoopTransport>();
  const held: MessagePort[] = [];
  // Ends: when it is told to stop, which aborts the calls under way, and these end within their limits. A thread that
  // cannot say so any more takes this one, which it has started, along.
  return new Promise((resolve) => {
    let stopping = false;
    const over = (id: number): void => {
      calls.delete(id);
      if (stopping && calls.size === 0) resolve();
    };
    const call = (message: Call): void => {
      const transport = begin(message, end, () => new LoopTransport(message, end, thread, over));
      if (transport === null) return;
      calls.set(message.id, transport);
      transport.start(app);
    };
    end.port.on('message', (message: NearMessage) => {
      switch (message.type) {
        case 'canary':
          held.push(message.port); // dies with this thread, by which the caller knows
          break;
        case 'call':
          call(message);
          break;
        case 'ping':
          end.post({ type: 'pong', id: 0 });
          break;
        case 'stop':
          stopping = true;
          for (const running of calls.values()) running.abandon(new RequestAborted('the bridge is being shut down'));
          if (calls.size === 0) resolve();
          break;
        default:
          calls.get(message.id)?.hear(message);
      }
    });
  });
}

/** Makes what runs a request; null where its state cannot be copied, which the near side is told. */
function begin<T>({ id }: Call, end: { post(message: FarMessage): void }, make: () => T): T | null {
  try {
    return make();
  } catch (error) {
    end.post({ type: 'failed', id, error: errorToWire(error), over: true });
    return null;
  }
}

/** Load from a process of its own, so that its CPU time is its own: one order by message, one answer. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { WrongAnswer } from './load-request.ts';

/** Some requests were refused, answered with another status, or not at all. */
export class LoadFailed extends Error {}

type Answer<Result> = { readonly result: Result } | { readonly failed: string; readonly wrong: boolean };

/**
 * Starts `program`, which calls `takeOrder`, and gives its result to `use`. The process, and with it every connection
 * that it holds, ends when `use` has.
 *
 * @throws WrongAnswer where the load was given one
 * @throws LoadFailed where it failed otherwise, or ended
 */
export async function withLoad<Order extends object, Result, Use>(
  program: URL,
  order: Order,
  use: (result: Result) => Use | Promise<Use>,
): Promise<Use> {
  const child = fork(program, { serialization: 'advanced' }); // which keeps bytes as they are
  try {
    const exited = once(child, 'exit').then(([code]): never => {
      throw new LoadFailed(`the load ended with code ${code}`);
    });
    exited.catch(() => {}); // it is awaited below, or is of no interest any more
    child.send(order);
    // The program, which the caller has chosen, sends what `takeOrder` makes of this type.
    const message = once(child, 'message') as Promise<[Answer<Result>]>;
    // Ends: with the answer, or with the process.
    const [answer] = await Promise.race([message, exited]);
    if ('failed' in answer) throw new (answer.wrong ? WrongAnswer : LoadFailed)(answer.failed);
    return await Promise.race([use(answer.result), exited]);
  } finally {
    child.kill('SIGKILL');
  }
}

/** In the process of the load: answers the one order with what `load` makes of it, and ends with the bench. */
export function takeOrder<Order, Result>(load: (order: Order) => Promise<Result>): void {
  const failed = (error: Error) => ({ failed: error.message, wrong: error instanceof WrongAnswer });
  process.once('message', (order: Order) => {
    load(order)
      .then((result): Answer<Result> => ({ result }), failed)
      .then((answer) => process.send?.(answer));
  });
  process.once('disconnect', () => process.exit());
}

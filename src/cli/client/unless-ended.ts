import { writeFully } from '../../engine/error-stream.ts';
import { FAILED } from '../exit-codes.ts';

/**
 * Does what runs code of applications in this process, which may end it, or wait for what never comes, which ends it as
 * well. That is told, and a failure.
 */
export async function unlessEnded<T>(work: () => Promise<T>): Promise<T> {
  const ended = (): void => {
    const text = 'quaich: the application ended the process before it was done, or waits for what never comes\n';
    writeFully(2, Buffer.from(text));
    process.exitCode = FAILED;
  };
  process.on('exit', ended);
  try {
    return await work();
  } finally {
    process.off('exit', ended);
  }
}

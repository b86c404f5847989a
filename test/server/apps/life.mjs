// A worker's task that does step by step what a test tells it, to drive the supervision of a thread.
const sleep = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);

/** @param {{ port: import('node:worker_threads').MessagePort, data: { steps: string[], flag: Int32Array } }} task */
export default async function live({ port, data: { steps, flag } }) {
  // What the other thread says meanwhile does not matter; the listener keeps this one alive.
  port.on('message', () => {});
  for (const step of steps) {
    switch (step) {
      case 'signal': // what was posted so far is on its way
        Atomics.store(flag, 0, 1);
        Atomics.notify(flag, 0);
        break;
      case 'await': // until the test says
        await Atomics.waitAsync(flag, 1, 0).value;
        break;
      case 'sleep':
        sleep();
        break;
      case 'exit':
        process.exit(7);
        break;
      case 'throw':
        setImmediate(() => {
          throw new TypeError('late', { cause: new Error('the cause') });
        });
        break;
      case 'return':
        return;
      default:
        port.postMessage({ type: step, message: 'said so', configuration: false });
    }
  }
  await new Promise(() => {});
}

// A thread that does nothing but wake the one that woke it: the floor under every bridge.
import { receiveMessageOnPort, workerData } from 'node:worker_threads';

const { port, bell } = workerData;
for (;;) {
  const number = Atomics.load(bell, 0);
  if (receiveMessageOnPort(port) === undefined) Atomics.wait(bell, 0, number);
  else port.postMessage(0);
}

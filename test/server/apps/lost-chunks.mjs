// Large chunks that their application takes away while a client reads them slowly, and what it fills memory with then.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { markAsync } from 'quaich';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

/** More bytes than the system keeps for two sockets. */
const SIZE = 16 * 1_048_576;
// From now on the C library keeps memory of this size, in place of giving it back to the system.
new Uint8Array(2 * SIZE - 65_536);
gc();
const kept = [];
const secrets = [];

const chunk = () => {
  const bytes = new Uint8Array(SIZE).fill(97);
  kept.push(bytes);
  return bytes;
};

const BODIES = {
  '/array': () => [chunk()],
  '/array-closed': () => Object.assign([chunk()], { close() {} }),
  '/array-of-two': () => [chunk(), new Uint8Array(100).fill(97)],
  async *'/steps'() {
    yield chunk();
  },
};

export const app = markAsync(async ({ PATH_INFO }, startResponse) => {
  const write = startResponse('200 OK', [['Content-Type', 'text/plain']]);
  if (PATH_INFO === '/lose') {
    for (const { buffer } of kept.splice(0)) structuredClone(buffer, { transfer: [buffer] });
    gc();
    for (let i = 0; i < 4; i++) secrets.push(Buffer.alloc(SIZE, 's'));
    return [Buffer.from('lost')];
  }
  if (PATH_INFO === '/end') secrets.length = 0;
  if (PATH_INFO === '/write') write(chunk()).catch(() => {});
  return BODIES[PATH_INFO]?.() ?? [Buffer.from('end')];
});

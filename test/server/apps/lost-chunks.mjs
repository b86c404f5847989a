// Large chunks that their application takes away while a client reads them slowly, and what it fills memory with then.
import { markAsync } from 'quaich';

/** More bytes than the system keeps for two sockets. */
const SIZE = 64 * 1_048_576;
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
    globalThis.gc?.();
    for (let i = 0; i < 100; i++) secrets.push(Buffer.alloc(1_048_576, 's'));
    return [Buffer.from('lost')];
  }
  if (PATH_INFO === '/end') secrets.length = 0;
  if (PATH_INFO === '/write') write(chunk()).catch(() => {});
  return BODIES[PATH_INFO]?.() ?? [Buffer.from('end')];
});

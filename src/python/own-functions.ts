/** What Python calls that concerns no request: what it would have of the system, or of OpenSSL. */
import { pbkdf2Sync, scryptSync } from 'node:crypto';

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Bytes come and go as hexadecimal digits. */
const bytes = (text: string): Buffer => Buffer.from(text, 'hex');

export const ownFunctions = {
  sleep(seconds: number): void {
    // Ends: by time.
    Atomics.wait(pause, 0, 0, seconds * 1000);
  },
  pbkdf2(password: string, salt: string, iterations: number, length: number, hash: string): string {
    return pbkdf2Sync(bytes(password), bytes(salt), iterations, length, hash).toString('hex');
  },
  scrypt(password: string, salt: string, length: number, N: number, r: number, p: number, most: number): string {
    // As with Python's own, 0 stands for 32 MiB.
    return scryptSync(bytes(password), bytes(salt), length, { N, r, p, maxmem: most || 2 ** 25 }).toString('hex');
  },
};

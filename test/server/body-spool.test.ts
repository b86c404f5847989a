/** B-44, B-45, G-63: what waits in a temporary file comes out as it went in. */
import { describe, expect, it } from 'vitest';
import { BodySpool, SpoolSpace } from '../../src/server/body-spool.ts';
import { random, seedFrom } from './random.ts';

const LARGEST = 200_000;
/** Leaves nothing to others. */
const all = () => 0;

describe('BodySpool', () => {
  it('B-44 B-45 G-63 passes on all bytes in their order, whatever their sizes, the space, the room and the moment', async () => {
    const below = random(seedFrom('SPOOL_SEED'));
    for (let run = 0; run < 200; run++) {
      const blocks = Array.from({ length: below(8) }, () => Buffer.alloc(1 + below(LARGEST), below(256)));
      const sent = Buffer.concat(blocks);
      const arrived: Buffer[] = [];
      let room = 0;
      const size = below(3) === 0 ? below(sent.length + 1) : sent.length;
      const space = new SpoolSpace(size, () => {});
      // Ends: with the last byte; a test that waits longer fails by its limit.
      await new Promise<void>((resolve, reject) => {
        const send = () => {
          for (const block of blocks.splice(0, 1 + below(2))) spool.keep(block);
          // Its reader may be ready at any time.
          if (below(2) === 0 || blocks.length === 0 || !spool.takesMore) spool.drain();
        };
        const read = () => {
          room += 1 + below(LARGEST);
          spool.drain();
        };
        const end = {
          write(bytes: Uint8Array) {
            const taken = Math.min(room, bytes.length);
            room -= taken;
            arrived.push(Buffer.from(bytes.subarray(0, taken)));
            return taken;
          },
          isFull() {
            if (room > 0) return false;
            setImmediate(read);
            return true;
          },
          appended() {
            if (blocks.length > 0 && spool.takesMore) below(2) === 0 ? send() : setImmediate(send);
          },
          drained() {
            if (blocks.length > 0) {
              setImmediate(send);
              return;
            }
            spool.close();
            resolve();
          },
          failed: reject,
        };
        const spool = new BodySpool(space, 1 + below(LARGEST), end, all);
        send();
      });
      expect(Buffer.concat(arrived).equals(sent)).toBe(true);
      // Its space is free again.
      expect([space.take(size), space.take(1)]).toEqual([true, false]);
    }
  });

  it('B-44 fails where what it was told to do next fails, and gives its space back once', async () => {
    const reports: string[] = [];
    const space = new SpoolSpace(10, (_level, message) => reports.push(message));
    let failures = 0;
    const end = {
      write: () => 0,
      isFull: () => true,
      appended() {
        spool.close();
        throw new Error('a defect');
      },
      drained() {},
      failed: () => failures++,
    };
    const spool = new BodySpool(space, 1, end, all);
    expect(spool.append(Buffer.alloc(10))).toBe(true);
    await expect.poll(() => reports.length).toBe(1);
    expect([reports[0], failures]).toEqual([expect.stringContaining('a defect'), 0]);
    expect([space.take(10), space.take(1)]).toEqual([true, false]);
  });

  it('B-44 B-45 leaves to others what it is to leave', () => {
    const space = new SpoolSpace(100, () => {});
    const end = { write: () => 0, isFull: () => true, appended() {}, drained() {}, failed() {} };
    const asMuch = (size: number) => size;
    const spools = [asMuch, asMuch, () => 20, all].map((spare) => new BodySpool(space, 1, end, spare));
    const taken = spools.map((spool) => {
      let size = 0;
      while (spool.append(Buffer.alloc(1))) size++;
      return size;
    });
    expect(taken).toEqual([50, 25, 5, 20]);
    for (const spool of spools) spool.close();
  });

  it('B-44 gives its space back once, also where it is closed within an access', async () => {
    const space = new SpoolSpace(10, () => {});
    const end = { write: () => 0, isFull: () => true, appended() {}, drained() {}, failed() {} };
    for (let run = 0; run < 3; run++) {
      const spool = new BodySpool(space, 1, end, all);
      expect(spool.append(Buffer.alloc(10))).toBe(true);
      spool.close();
      expect(space.take(1)).toBe(false);
      await expect.poll(() => space.take(10)).toBe(true);
      expect(space.take(1)).toBe(false);
      space.giveBack(10);
    }
  });
});

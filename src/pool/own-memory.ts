/** Milliseconds from look to look. */
const LOOK_EVERY = 1000;

/**
 * Looks at the memory of this thread, now and then between requests, and tells where it is more than `limit` bytes (0:
 * never): its JavaScript heap, what is not collected yet included, and what that holds outside, such as Buffers.
 */
export function watchOwnMemory(limit: number, tell: (bytes: number) => void): void {
  if (limit === 0) return;
  const { getHeapStatistics } = process.getBuiltinModule('node:v8');
  setInterval(() => {
    const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
    if (heap + external > limit) tell(heap + external);
  }, LOOK_EVERY).unref();
}

/** What an application gave for an iterator. If it is none, the call of `next` throws, and the body has failed. */
export interface IteratorLike {
  next(): unknown;
  return?: unknown;
}

/** An object that `next()` gave. */
export interface StepLike {
  done?: unknown;
  value?: unknown;
}

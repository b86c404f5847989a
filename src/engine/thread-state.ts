/**
 * What those who call applications on a thread, and interpreters of other languages there, tell each other: an
 * interpreter can be interrupted, and can break.
 */
let givenUp: () => boolean = () => false;
let broken = false;

/** Says how to learn whether the server has given up the request that runs on this thread. */
export function setGivenUp(check: () => boolean): void {
  givenUp = check;
}

/** Whether the server has given up the request that runs on this thread (G-148). */
export function isGivenUp(): boolean {
  return givenUp();
}

/** Says that applications of this thread can answer nothing any more. */
export function breakThread(): void {
  broken = true;
}

/** Whether the thread is to end, so that another one takes its part. */
export function isThreadBroken(): boolean {
  return broken;
}

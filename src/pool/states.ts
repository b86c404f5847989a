/**
 * The life of a worker thread: every transition there is. `docs/worker-states.md` is generated from this table.
 */
import { compile, type Machine } from '../rules/state-machine.ts';

/** Loads the applications and runs their startup hooks; then it may be held back until others have done so, too. */
export const STARTING = 0;
/** Takes requests. */
export const READY = 1;
/** Its successor takes requests; it ends those that it has. */
export const DRAINING = 2;
/** Has no requests any more and runs its shutdown hooks. */
export const LEAVING = 3;
/** Is being ended; until the system has done so, it may still touch shared memory. */
export const ENDING = 4;
/** Gone: its place is free. */
export const ENDED = 5;

/** It says that startup is over. */
export const STARTED = 0;
/** It says that it cannot go on: loading, startup, or a defect of ours. */
export const FAILED = 1;
/** Another thread has taken its part. */
export const REPLACED = 2;
/** It says that its last request is over. */
export const LEAVES = 3;
/** It says that its shutdown hooks have run. */
export const LEFT = 4;
/** We end it: it took too long. */
export const KILLED = 5;
/** The system says that the thread is gone, for whatever cause. */
export const EXITED = 6;

export const SUPERVISION: Machine = {
  title: 'The life of a worker thread',
  states: ['starting', 'ready', 'draining', 'leaving', 'ending', 'ended'],
  events: ['started', 'failed', 'replaced', 'leaves', 'left', 'killed', 'exited'],
  initial: STARTING,
  transitions: [
    [STARTING, STARTED, READY],
    [STARTING, FAILED, ENDING],
    [STARTING, KILLED, ENDING],
    [STARTING, EXITED, ENDED],
    [READY, FAILED, ENDING],
    [READY, REPLACED, DRAINING],
    [READY, LEAVES, LEAVING],
    [READY, KILLED, ENDING],
    [READY, EXITED, ENDED],
    [DRAINING, FAILED, ENDING],
    [DRAINING, LEAVES, LEAVING],
    [DRAINING, KILLED, ENDING],
    [DRAINING, EXITED, ENDED],
    [LEAVING, FAILED, ENDING],
    [LEAVING, LEFT, ENDING],
    [LEAVING, KILLED, ENDING],
    [LEAVING, EXITED, ENDED],
    // What it says while it is being ended comes too late.
    [ENDING, STARTED, ENDING],
    [ENDING, FAILED, ENDING],
    [ENDING, LEAVES, ENDING],
    [ENDING, LEFT, ENDING],
    [ENDING, KILLED, ENDING],
    [ENDING, EXITED, ENDED],
  ],
};

export const nextLife = compile(SUPERVISION);

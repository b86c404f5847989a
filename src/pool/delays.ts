/**
 * How soon a thread that does not start, or does not last, is started again, by the server and by bridges (G-147); and
 * how long its end may take.
 */

/** Milliseconds before a start that failed is tried again; doubled with each failure in a row. */
export const FIRST_DELAY = 100;
export const LONGEST_DELAY = 10_000;
/** A thread that ended by itself sooner (milliseconds), without a request, counts as one that did not start. */
export const HEALTHY_AFTER = 10_000;
/** Milliseconds for the system to end a thread. One that is inside native code cannot be ended. */
export const LAST_WAIT = 1000;

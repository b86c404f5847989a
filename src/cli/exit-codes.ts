/** Exit codes of the command. */
export const STOPPED = 0;
export const FAILED = 1;
export const MISCONFIGURED = 2;
/** Workers died again and again (`maxDeaths`). */
export const CRASHED = 3;

/** What a server says when it answers itself, whatever its protocol. */

/** For a request to which no worker came in time. */
export const BUSY = 'all workers are busy';
/** For a request whose application did not begin to answer in time (L-22). */
export const NO_RESPONSE = 'the application did not answer in time';
/** For a request body above the limit, announced (413) or found while it is read (G-65). */
export const TOO_LARGE = 'the request body is larger than this server accepts';

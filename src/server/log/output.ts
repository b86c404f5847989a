/** Where the lines of a log go. Nothing here throws: what cannot be written is counted as lost (losses.ts). */
export interface LogOutput {
  /** Takes `lines` lines of text, as UTF-8. The memory is the output's from then on. */
  write(text: Buffer, lines: number): void;
  /** Opens the file anew, under the same name. */
  reopen(): void;
  /** Writes what is left, for CLOSE_LIMIT at most. */
  close(): Promise<void>;
}

/** Bytes that may wait for a slow output; what goes beyond is dropped and counted. */
export const MAX_WAITING = 4 * 1024 * 1024;
/** Milliseconds. */
export const CLOSE_LIMIT = 1000;

export const TOO_SLOW = 'the destination takes them too slowly';

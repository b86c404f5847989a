import type { SoughtField } from '../../environ/head-record.ts';
import type { ConnectionInfo } from '../../environ/variables.ts';
import type { LineBytes } from './line-bytes.ts';

/**
 * The facts of a finished request. The log keeps nothing of it, so one record may be used again and again. Texts are
 * native strings, `''` where nothing is known.
 */
export interface AccessRecord {
  /** Of the client. */
  remoteAddress: string;
  method: string;
  /** As received. */
  target: string;
  /** `HTTP/1.1` */
  protocol: string;
  status: number;
  /** Bytes of the body, framing not counted. */
  bytes: number;
  /**
   * Milliseconds from the turn of the event loop in which the head of the request came to the end of that in which the
   * last byte of the response left; fractions are kept.
   */
  durationMs: number;
  /** Milliseconds since 1970 when the request was over. */
  time: number;
  /** The values of `Facts.fields`, in that order. */
  fields: readonly string[];
  /** As it was sent, where `Facts.responseHead` asks for it. */
  responseHead: string;
  /** The prefix of the mount that it came to; `/` for the root. */
  mount: string;
  /** `sync-0`, `sync-0:/blog`, `inline`: who had the request, where `Facts.worker` asks for it. */
  worker: string;
  /** Milliseconds until that one took it, likewise; -1 where that is not known. */
  queueMs: number;
  /** To the client, or to the front server. */
  connection: ConnectionInfo;
}

/** What a format tells beyond what is known anyway: only this is gathered. */
export interface Facts {
  /** Looked for in the head of each request. */
  readonly fields: readonly SoughtField[];
  readonly responseHead: boolean;
  readonly worker: boolean;
}

/** A format of the access log. */
export interface AccessFormat {
  readonly facts: Facts;
  /** Puts one line, with its line feed. */
  write(record: AccessRecord, lines: LineBytes): void;
}

/** Milliseconds, as logs show them. */
export function milliseconds(duration: number): number {
  return Math.round(duration * 1000) / 1000;
}

/** `''`, `.001`, `.002` … `.999`, without zeros at the end. */
const FRACTIONS = Array.from({ length: 1000 }, (_, thousandths) => String(thousandths / 1000).slice(1));

/** The same as text: V8 takes three times as long for the digits of a fraction. */
export function millisecondsText(duration: number): string {
  const thousandths = Math.round(duration * 1000);
  const whole = Math.floor(thousandths / 1000);
  return whole + FRACTIONS[thousandths - whole * 1000];
}

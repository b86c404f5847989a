/**
 * What a supervisor and its processes say to each other: messages on the channel that Node has between the two. The
 * supervisor gives orders (`ServingProcess`), a process answers each by its number (process.ts).
 */
import { ConfigurationError, QuaichError } from '../../interface/errors.ts';
import type { MetricData } from '../../pool/metric-data.ts';
import { describeError } from '../../rules/show.ts';
import { BindError } from '../bind.ts';
import type { ServeOptions } from '../options.ts';
import type { Server } from '../server.ts';
import type { Snapshot } from '../status/snapshot.ts';

/** What a supervisor hears of a server that has started. */
export type Started = Pick<Server, 'urls' | 'applications'>;

/** The orders by name, as methods; an answer holds what they fulfil with. */
export interface Orders {
  /** Serves, as the user that the options name. `isFirst`: tells what the owner should hear of the applications. */
  serve(options: ServeOptions, isFirst: boolean): Promise<Started>;
  reload(options: ServeOptions): Promise<readonly string[]>;
  addSyncWorkers(count: number): Promise<void>;
  /** Stops in order; then the process ends by itself. */
  close(): Promise<void>;
  abort(): Promise<void>;
  reopenLogs(): Promise<void>;
  renewCertificates(): Promise<void>;
  /** Null where nobody asked for a status. */
  snapshot(): Promise<Snapshot | null>;
  /** What its applications measure; none where nobody asked for a status. */
  metrics(): Promise<readonly MetricData[]>;
  /** Says that the main thread turns. */
  ping(): Promise<void>;
}

export interface Order {
  readonly id: number;
  readonly name: keyof Orders;
  readonly given: readonly unknown[];
}

/** The number of the answer that no order is for: the process hears orders from now on. What comes earlier is lost. */
export const LISTENING = 0;

export type OrderAnswer =
  | { readonly id: number; readonly value: unknown; readonly failure?: undefined }
  | { readonly id: number; readonly failure: PackedError };

/** An error on its way to another process. */
interface PackedError {
  /** Of a QuaichError; '' of others. */
  readonly code: string;
  /** With the stack, unless the message says all. */
  readonly text: string;
}

export function packError(error: unknown): PackedError {
  if (error instanceof QuaichError) return { code: error.code, text: error.message };
  return { code: '', text: describeError(error) };
}

/** The inverse: an error with the same meaning for who started the server. */
export function unpackError({ code, text }: PackedError): Error {
  if (code === new ConfigurationError('').code) return new ConfigurationError(text);
  if (code === new BindError('').code) return new BindError(text);
  return new QuaichError(code || 'QUAICH_PROCESS', text);
}

/**
 * A response head that middleware may change. Names are compared without regard to case; order and repetition of the
 * other fields are kept (M-15, G-95).
 */
import type { HeaderField, HeaderFields } from '../interface/types.ts';

/** Whether `headers` has the shape of G-90; what is in the strings is for the gateway to check. */
export function isHeaderList(headers: unknown): headers is HeaderField[] {
  return (
    Array.isArray(headers) &&
    headers.every(
      (field: unknown) =>
        Array.isArray(field) && field.length === 2 && typeof field[0] === 'string' && typeof field[1] === 'string',
    )
  );
}

/** What a 304 stands for: the 200 that another client would have got. */
interface Represented {
  head: Head;
  /** As `mapBody` gets them. */
  chunks: readonly Uint8Array[] | null;
}

/** By the fields of the 304. */
const represented = new WeakMap<HeaderFields, Represented>();

/**
 * Notes what a 304 stands for. It has no media type and no length any more, by which middleware further out decides
 * what the 200 looks like, whose fields the 304 has to have (M-25).
 */
export function standFor(fields: HeaderFields, whole: Represented): void {
  represented.set(fields, whole);
}

/** The head of a response, as `startResponse` was given it: a copy, the application's array stays as it is. */
export class Head {
  /** `'200 OK'` */
  status: string;
  readonly headers: HeaderField[];
  /** The third argument of `startResponse`. */
  readonly error: unknown;
  /** For a 304: what it stands for, where a middleware inside has said so. */
  readonly represented: Represented | undefined;

  constructor(status: string, headers: HeaderFields, error?: unknown) {
    this.status = status;
    this.headers = headers.map(([name, value]) => [name, value]);
    this.error = error;
    this.represented = represented.get(headers);
    if (this.represented !== undefined) standFor(this.headers, this.represented);
  }

  /** The status code. */
  get code(): number {
    return Number(this.status.slice(0, 3));
  }

  /** The first value of a field. */
  get(name: string): string | undefined {
    const lower = name.toLowerCase();
    return this.headers.find((field) => field[0].toLowerCase() === lower)?.[1];
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** All values of a list field, joined as RFC 9110, 5.3 allows; `''` where there is none. */
  list(name: string): string {
    const lower = name.toLowerCase();
    return this.headers
      .filter((field) => field[0].toLowerCase() === lower)
      .map((field) => field[1])
      .join(', ');
  }

  /** Removes all fields of these names. */
  delete(...names: string[]): void {
    for (const name of names) {
      const lower = name.toLowerCase();
      for (let i = this.headers.length - 1; i >= 0; i--) {
        if (this.headers[i][0].toLowerCase() === lower) this.headers.splice(i, 1);
      }
    }
  }

  /** One field in place of all of that name. */
  set(name: string, value: string): void {
    this.delete(name);
    this.headers.push([name, value]);
  }

  /** One more field. */
  append(name: string, value: string): void {
    this.headers.push([name, value]);
  }

  /** Adds request fields to `Vary` that it does not name yet (RFC 9110, 12.5.5). */
  vary(...fields: string[]): void {
    const present = this.list('Vary');
    const names = present.split(',').map((name) => name.trim().toLowerCase());
    if (names.includes('*')) return;
    const missing = fields.filter((field) => !names.includes(field.toLowerCase()));
    if (missing.length > 0) this.set('Vary', [...(present === '' ? [] : [present]), ...missing].join(', '));
  }

  /** Makes a strong ETag weak: for a body that means the same but has other bytes (RFC 9110, 8.8.1; M-10). */
  weakenETag(): void {
    const tag = this.get('ETag');
    if (tag?.startsWith('"')) this.set('ETag', `W/${tag}`);
  }
}

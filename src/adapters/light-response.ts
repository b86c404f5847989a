/**
 * A Response whose body is a text, bytes or nothing, as most are. Node's own makes a stream for every body, which takes
 * more time than all the rest of a small request.
 */
import type { HeaderField } from '../interface/types.ts';
import { FIELD_VALUE, TOKEN } from '../rules/grammar.ts';
import { trimmed } from '../rules/trimmed.ts';
import { standIn } from './stand-in.ts';

/** A body that needs no stream. */
export type KnownBody = string | Uint8Array | null;

/** What the adapter sends of a Response. */
export interface ResponseParts {
  readonly status: number;
  readonly statusText: string;
  /** Names in lower case and in order, each Set-Cookie by itself; as a native Headers gives them. */
  readonly fields: Iterable<readonly [name: string, value: string]>;
  readonly body: KnownBody | ReadableStream<Uint8Array>;
}

/** The head of a Response, of which nothing is left to check. */
interface Head extends Omit<ResponseParts, 'body' | 'fields'> {
  readonly fields: HeaderField[];
}

const TYPE_OF_TEXT: HeaderField = ['content-type', 'text/plain;charset=UTF-8'];
const NO_INIT: ResponseInit = {};

/** Fields of a plain object of texts; null for any other, and where it needs a native Headers to tell what is wrong. */
function plainFields(headers: object): HeaderField[] | null {
  const prototype: unknown = Object.getPrototypeOf(headers);
  if (prototype !== Object.prototype && prototype !== null) return null;
  const fields: HeaderField[] = [];
  for (const key of Reflect.ownKeys(headers)) {
    const value: unknown = Reflect.get(headers, key);
    if (typeof key !== 'string' || typeof value !== 'string' || !TOKEN.test(key) || !FIELD_VALUE.test(value))
      return null;
    const name = key.toLowerCase();
    if (fields.some(([other]) => other === name)) return null;
    fields.push([name, trimmed(value)]);
  }
  return fields;
}

function fieldsOf(headers: unknown): HeaderField[] | null {
  if (headers === undefined) return [];
  if (typeof headers !== 'object' || headers === null) return null;
  return headers instanceof Headers ? [...headers] : plainFields(headers);
}

/** The head of `new Response(body, init)`; null where that has to be left to Node, errors above all. */
function headOf(body: KnownBody, init: unknown): Head | null {
  if (typeof init !== 'object' || init === null) return null;
  const {
    headers,
    status = 200,
    statusText = '',
  }: Record<string, unknown> = init as ResponseInit & Record<string, unknown>;
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) return null;
  if (body !== null && (status === 204 || status === 205 || status === 304)) return null;
  if (typeof statusText !== 'string' || !FIELD_VALUE.test(statusText)) return null;
  const fields = fieldsOf(headers);
  if (fields === null) return null;
  if (typeof body === 'string' && !fields.some(([name]) => name === 'content-type')) fields.push(TYPE_OF_TEXT);
  if (fields.length > 1) fields.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
  return { status, statusText, fields };
}

/** The native class, behind what stands in its place. */
let NativeResponse: typeof Response;

/** To be called before a Response is made, with the native class. */
export function prepareLightResponses(native: typeof Response): void {
  NativeResponse = native;
  standIn(LightResponse.prototype, new native(), LightResponse.nativeOf);
}

/** A stand-in (`standIn`) for a native Response. */
export class LightResponse implements Pick<Response, 'status' | 'statusText' | 'ok' | 'headers' | 'bodyUsed'> {
  readonly #head: Head;
  readonly #body: KnownBody;
  #headers: Headers | null = null;
  #native: Response | null = null;
  /** The adapter has taken the body. */
  #sent = false;

  constructor(head: Head, body: KnownBody) {
    this.#head = head;
    this.#body = body;
  }

  /** What `new Response` makes of its arguments; null where a native one has to be made. */
  static make([body = null, init = NO_INIT]: readonly unknown[]): LightResponse | null {
    if (body !== null && typeof body !== 'string' && !(body instanceof Uint8Array)) return null;
    const head = headOf(body, init);
    // The bytes are still the caller's.
    return head && new LightResponse(head, body === null || typeof body === 'string' ? body : new Uint8Array(body));
  }

  /**
   * The parts of a light Response, whose body counts as used from now on. Null for anything else, and where somebody
   * has had the body before.
   */
  static take(value: object): ResponseParts | null {
    if (!(#head in value) || value.#native !== null || (value.#sent && value.#body !== null)) return null;
    value.#sent = true;
    const { status, statusText, fields } = value.#head;
    return { status, statusText, fields: value.#headers ?? fields, body: value.#body };
  }

  static nativeOf(response: LightResponse): Response {
    const { status, statusText, fields } = response.#head;
    if (response.#native === null) {
      const body = response.#body as ConstructorParameters<typeof Response>[0]; // bytes of any buffer
      response.#native = new NativeResponse(body, { status, statusText, headers: fields });
      if (response.#sent) response.#native.body?.getReader(); // locks it
    }
    if (response.#headers !== null) copyFields(response.#headers, response.#native.headers);
    return response.#native;
  }

  get status(): number {
    return this.#head.status;
  }

  get statusText(): string {
    return this.#head.statusText;
  }

  get ok(): boolean {
    return this.#head.status <= 299;
  }

  get headers(): Headers {
    this.#headers ??= new Headers(this.#head.fields);
    return this.#headers;
  }

  get bodyUsed(): boolean {
    return this.#native === null ? this.#sent && this.#body !== null : this.#native.bodyUsed;
  }
}

function copyFields(from: Headers, to: Headers): void {
  for (const name of [...to.keys()]) to.delete(name);
  for (const [name, value] of from) to.append(name, value);
}

/** One request and the answer that is right: what a load repeats, and what every server under it has to give. */
import { request as httpRequest } from 'node:http';
import { isDeepStrictEqual } from 'node:util';

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
export type Method = (typeof METHODS)[number];

export interface LoadRequest {
  readonly path: string;
  readonly method?: Method;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly expect: Expected;
}

export interface Expected {
  readonly status: number;
  /** Field names in lower case, and their values, of which none may be missing. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Without it the body may differ from answer to answer. */
  readonly body?: Uint8Array;
}

/** An answer as it came. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
  /** Bytes on the wire, the head included. */
  readonly size: number;
}

/** The answer of a server was not the one that was expected: its figures would tell nothing. */
export class WrongAnswer extends Error {}

/** Milliseconds an answer may take. */
const LIMIT = 30_000;

/**
 * Sends the request once.
 *
 * @throws WrongAnswer where no whole answer comes
 */
export function ask(
  url: string,
  { path, method = 'GET', headers = {}, body }: Omit<LoadRequest, 'expect'>,
): Promise<HttpAnswer> {
  const asked = `${method} ${path}`;
  // Ends: by the answer; by an error or the limit, which the request tells by `error`.
  return new Promise((resolve, reject) => {
    const request = httpRequest(url + path, { method, headers: withLength(headers, body), agent: false });
    request.setTimeout(LIMIT, () => request.destroy(new Error(`no answer within ${LIMIT} ms`)));
    request.on('error', (cause) => reject(new WrongAnswer(`${asked} was not answered`, { cause })));
    request.on('response', (response) => {
      const { statusCode: status = 0, headers, socket } = response;
      const chunks: Buffer[] = [];
      response.on('error', (cause) => reject(new WrongAnswer(`${asked}: the answer broke off`, { cause })));
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status, headers, body: Buffer.concat(chunks), size: socket.bytesRead }));
    });
    request.end(body);
  });
}

/**
 * Sends the request once, and compares the answer.
 *
 * @returns the bytes that the answer takes on the wire, its head included
 * @throws WrongAnswer
 */
export async function check(url: string, wanted: LoadRequest): Promise<number> {
  const answer = await ask(url, wanted);
  const wrong = difference(wanted.expect, answer);
  if (wrong !== null) throw new WrongAnswer(`${wanted.method ?? 'GET'} ${wanted.path}: ${wrong}`);
  return answer.size;
}

/** The fields with the Content-Length that belongs to the body. */
function withLength(headers: Readonly<Record<string, string>>, body: Uint8Array | undefined) {
  return body === undefined ? headers : { ...headers, 'content-length': String(body.byteLength) };
}

function difference(expect: Expected, { status, headers, body }: HttpAnswer): string | null {
  if (status !== expect.status) return `status ${status} in place of ${expect.status}; ${excerpt(body)}`;
  for (const [name, value] of Object.entries(expect.headers ?? {})) {
    if (!isDeepStrictEqual(headers[name], value)) return `${name} is ${headers[name]} in place of ${value}`;
  }
  if (expect.body === undefined || body.equals(expect.body)) return null;
  return `the body has ${body.length} bytes, ${excerpt(body)}, in place of ${expect.body.byteLength}, ${excerpt(Buffer.from(expect.body))}`;
}

function excerpt(body: Buffer): string {
  return JSON.stringify(body.toString('latin1', 0, 60));
}

/** One request and the answer that is right: what a load repeats, and what every server under it has to give. */
import { request as httpRequest } from 'node:http';
import { isDeepStrictEqual } from 'node:util';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

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
  readonly body: Uint8Array;
}

/** The answer of a server was not the one that was expected: its figures would tell nothing. */
export class WrongAnswer extends Error {}

/** Milliseconds an answer may take. */
const LIMIT = 30_000;

/**
 * Sends the request once, and compares the answer.
 *
 * @returns the bytes that the answer takes on the wire, its head included
 * @throws WrongAnswer
 */
export function check(url: string, wanted: LoadRequest): Promise<number> {
  const { path, method = 'GET', headers = {}, body, expect } = wanted;
  const asked = `${method} ${path}`;
  // Ends: by the answer; by an error or the limit, which the request tells by `error`.
  return new Promise((resolve, reject) => {
    const request = httpRequest(url + path, { method, headers: withLength(headers, body), agent: false });
    request.setTimeout(LIMIT, () => request.destroy(new Error(`no answer within ${LIMIT} ms`)));
    request.on('error', (cause) => reject(new WrongAnswer(`${asked} was not answered`, { cause })));
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', (cause) => reject(new WrongAnswer(`${asked}: the answer broke off`, { cause })));
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const wrong = difference(expect, response.statusCode, response.headers, Buffer.concat(chunks));
        if (wrong === null) resolve(response.socket.bytesRead);
        else reject(new WrongAnswer(`${asked}: ${wrong}`));
      });
    });
    request.end(body);
  });
}

/** The fields with the Content-Length that belongs to the body. */
function withLength(headers: Readonly<Record<string, string>>, body: Uint8Array | undefined) {
  return body === undefined ? headers : { ...headers, 'content-length': String(body.byteLength) };
}

function difference(
  expect: Expected,
  status: number | undefined,
  headers: Readonly<Record<string, unknown>>,
  body: Buffer,
): string | null {
  if (status !== expect.status) return `status ${status} in place of ${expect.status}; ${excerpt(body)}`;
  for (const [name, value] of Object.entries(expect.headers ?? {})) {
    if (!isDeepStrictEqual(headers[name], value)) return `${name} is ${headers[name]} in place of ${value}`;
  }
  if (body.equals(expect.body)) return null;
  return `the body has ${body.length} bytes, ${excerpt(body)}, in place of ${expect.body.byteLength}, ${excerpt(Buffer.from(expect.body))}`;
}

function excerpt(body: Buffer): string {
  return JSON.stringify(body.toString('latin1', 0, 60));
}

import '../../rules/latin1.ts';
import type { Variables } from '../../environ/cgi-variables.ts';
import { BYTE_COUNT } from '../../rules/grammar.ts';
import { VariablesConnection } from '../variables-connection.ts';

/** Most digits of a netstring's length. */
const MOST_DIGITS = 9;
const COLON = 0x3a;
const COMMA = 0x2c;

/**
 * Reads the headers of an SCGI request, without the marks of the netstring: NUL-ended names and values, CONTENT_LENGTH
 * first, `SCGI` with the value `1`, no name twice. Null for anything else.
 */
function readHeaders(bytes: Buffer): Variables | null {
  const parts = bytes.latin1Slice(0, bytes.length).split('\0');
  if (parts.pop() !== '' || parts.length % 2 !== 0) return null;
  const variables: Variables = Object.create(null);
  for (let i = 0; i < parts.length; i += 2) {
    if (parts[i] === '' || parts[i] in variables) return null;
    variables[parts[i]] = parts[i + 1];
  }
  const isRequest = parts[0] === 'CONTENT_LENGTH' && BYTE_COUNT.test(parts[1]) && variables.SCGI === '1';
  return isRequest ? variables : null;
}

/** A connection that carries one request by the Simple Common Gateway Interface (G-175). */
export class ScgiConnection extends VariablesConnection {
  readonly takesErrors = false;
  protected readonly largest = Number.POSITIVE_INFINITY;
  private digits = '';
  /** Headers and the comma behind them, once their length is known. */
  private headers: Buffer | null = null;
  private size = 0;
  private begun = false;

  protected get inHead(): boolean {
    return !this.begun && (this.digits !== '' || this.headers !== null);
  }

  protected readPart(at: number, to: number): number {
    if (this.begun) {
      this.deliver(at, to - at);
      return to;
    }
    if (this.headers === null) {
      this.readLength(this.parser.bytes[at]);
      return at + 1;
    }
    const count = this.parser.bytes.copy(this.headers, this.size, at, to);
    this.size += count;
    if (this.size === this.headers.length) this.headersEnd(this.headers);
    return at + count;
  }

  private readLength(byte: number): void {
    if (byte !== COLON) {
      if (byte < 0x30 || byte > 0x39 || this.digits === '0' || this.digits.length === MOST_DIGITS) this.drop(true);
      else this.digits += String.fromCharCode(byte);
      return;
    }
    const length = Number(this.digits);
    const { size, count } = this.options.variables;
    // Each variable has two bytes NUL.
    if (this.digits === '' || length > size + 2 * count) this.drop(true);
    else this.headers = Buffer.alloc(length + 1);
  }

  private headersEnd(headers: Buffer): void {
    const length = headers.length - 1;
    const variables = headers[length] === COMMA ? readHeaders(headers.subarray(0, length)) : null;
    this.headers = null;
    if (variables === null) {
      this.drop(true);
      return;
    }
    this.begun = true;
    this.begin(variables, false);
  }

  protected before(): string {
    return '';
  }

  protected completed(): void {
    this.finish();
  }

  errors(): boolean {
    return false;
  }
}

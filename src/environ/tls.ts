/**
 * The variables of an encrypted connection (G-38), with the names and in the forms of Apache's mod_ssl. What Node does
 * not tell is left out, and so is what is the same for all clients: the server's own certificate and software.
 */
import type { X509Certificate } from 'node:crypto';
import { textToNative } from '../rules/native-strings.ts';

/** Native strings by name. */
export type TlsVariables = Readonly<Record<string, string>>;

/** A TLSSocket, or what stands in for one, as far as it is asked. */
export interface EncryptedSocket {
  readonly servername?: unknown;
  readonly authorized?: boolean;
  readonly authorizationError?: unknown;
  getProtocol?(): unknown;
  getCipher?(): { readonly name?: unknown };
  isSessionReused?(): boolean;
  getPeerX509Certificate?(): X509Certificate | undefined;
}

/** What stands behind the name of a DN, by the short name of OpenSSL. */
const PARTS: Readonly<Record<string, string>> = {
  C: 'C',
  ST: 'ST',
  L: 'L',
  O: 'O',
  OU: 'OU',
  CN: 'CN',
  title: 'T',
  initials: 'I',
  GN: 'G',
  SN: 'S',
  description: 'D',
  UID: 'UID',
  emailAddress: 'Email',
};

const ALTERNATIVES = new Map([
  ['DNS', 'DNS'],
  ['email', 'Email'],
]);

/** What a handshake has settled, once it is over. */
export function tlsVariables(socket: EncryptedSocket): TlsVariables {
  const certificate = socket.getPeerX509Certificate?.();
  const verified = socket.authorized ? 'SUCCESS' : `FAILED:${socket.authorizationError}`;
  const variables: Record<string, unknown> = {
    SSL_PROTOCOL: socket.getProtocol?.(),
    SSL_CIPHER: socket.getCipher?.().name,
    SSL_SESSION_RESUMED: socket.isSessionReused?.() ? 'Resumed' : 'Initial',
    SSL_TLS_SNI: socket.servername,
    SSL_CLIENT_VERIFY: certificate === undefined ? 'NONE' : verified,
    ...(certificate && certificateVariables(certificate)),
  };
  const native: Record<string, string> = {};
  for (const [name, value] of Object.entries(variables)) {
    if (typeof value === 'string' && value !== '') native[name] = textToNative(value);
  }
  return native;
}

function certificateVariables(certificate: X509Certificate): Record<string, unknown> {
  const { subject, issuer } = certificate.toLegacyObject();
  return {
    SSL_CLIENT_M_SERIAL: certificate.serialNumber,
    SSL_CLIENT_V_START: certificate.validFrom,
    SSL_CLIENT_V_END: certificate.validTo,
    SSL_CLIENT_S_DN: distinguishedName(certificate.subject),
    ...partsOfName('SSL_CLIENT_S_DN', subject),
    SSL_CLIENT_I_DN: distinguishedName(certificate.issuer),
    ...partsOfName('SSL_CLIENT_I_DN', issuer),
    ...alternativeNames(certificate.subjectAltName),
    SSL_CLIENT_CERT: certificate.toString(),
  };
}

/** In the form of RFC 2253, the last part first; Node gives a line for each, its value escaped by that RFC already. */
function distinguishedName(lines = ''): string {
  const parts = lines.split('\n').map((line) => line.split(' + ').reverse().join('+'));
  return parts
    .reverse()
    .join(',')
    .replace(/[^ -~]+/g, escaped);
}

/** Each part of a name: `_CN`; one that occurs again has a number, `_OU_1`. */
function partsOfName(name: string, parts: unknown): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [part, ending] of Object.entries(PARTS)) {
    const values: unknown[] = [Reflect.get(Object(parts), part) ?? []].flat();
    for (const [index, value] of values.entries()) {
      variables[`${name}_${ending}${index === 0 ? '' : `_${index}`}`] = String(value).replace(/\p{Cc}/gu, escaped);
    }
  }
  return variables;
}

/** Of `DNS:a.example, email:"b,c@d.example", URI:x`: Node puts what is not plain in quotes, as JSON does. */
function alternativeNames(text = ''): Record<string, string> {
  const variables: Record<string, string> = {};
  const count: Record<string, number> = {};
  for (const [, kind, value] of text.matchAll(/(?:, )?([^:"]+):("(?:[^"\\]|\\.)*"|[^,]*)/gy)) {
    const ending = ALTERNATIVES.get(kind);
    if (ending === undefined) continue;
    const index = count[ending] ?? 0;
    count[ending] = index + 1;
    variables[`SSL_CLIENT_SAN_${ending}_${index}`] = value.startsWith('"') ? JSON.parse(value) : value;
  }
  return variables;
}

/** The bytes of a text as OpenSSL shows them: `\C3\A4`. */
function escaped(text: string): string {
  return Buffer.from(text).reduce((all, byte) => `${all}\\${byte.toString(16).toUpperCase().padStart(2, '0')}`, '');
}

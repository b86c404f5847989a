/** What is made of a certificate that plays tricks; real ones are in test/server/tls.test.ts. */
import type { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { tlsVariables } from '../../src/environ/tls.ts';

const EMPTY = { toLegacyObject: () => ({}), toString: () => '' };

const shown = (certificate: object) =>
  tlsVariables({
    authorized: false,
    authorizationError: 'CERT_HAS_EXPIRED',
    getPeerX509Certificate: () => ({ ...EMPTY, ...certificate }) as X509Certificate,
  });

test('G-202 alternative names are told apart as Node puts them in quotes', () => {
  const subjectAltName = 'DNS:"a\\", DNS:evil.example", IP Address:::1, email:x@a.example, URI:"b, DNS:c", DNS:d';
  expect(shown({ subjectAltName })).toEqual({
    SSL_SESSION_RESUMED: 'Initial',
    SSL_CLIENT_VERIFY: 'FAILED:CERT_HAS_EXPIRED',
    SSL_CLIENT_SAN_DNS_0: 'a", DNS:evil.example',
    SSL_CLIENT_SAN_DNS_1: 'd',
    SSL_CLIENT_SAN_Email_0: 'x@a.example',
  });
});

test('G-202 G-07 control characters are shown as OpenSSL shows them, other text as its bytes', () => {
  const subject = { CN: ['a\nb', '\u00e4\u{1f600}'], constructor: 'x' };
  expect(shown({ subject: 'CN=a\\0Ab\nCN=\u00e4', toLegacyObject: () => ({ subject }) })).toMatchObject({
    SSL_CLIENT_S_DN: 'CN=\\C3\\A4,CN=a\\0Ab',
    SSL_CLIENT_S_DN_CN: 'a\\0Ab',
    SSL_CLIENT_S_DN_CN_1: '\xc3\xa4\xf0\x9f\x98\x80',
  });
});

/** A certificate for this machine alone, made where none is given. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigurationError } from '../../interface/errors.ts';
import { resolvePackage } from '../../pool/find-module.ts';
import { property } from '../../rules/property.ts';
import type { Environment } from '../environment.ts';

/** Days that one is good for. It is made anew when the last of them has begun. */
const LIFETIME = 365;
const DAY_MS = 86_400_000;
/** Kinds of names in a certificate (RFC 5280, 4.2.1.6). */
const DNS_NAME = 2;
const IP_ADDRESS = 7;
const NAMES = [
  { type: DNS_NAME, value: 'localhost' },
  { type: IP_ADDRESS, ip: '127.0.0.1' },
  { type: IP_ADDRESS, ip: '::1' },
];

/** Files in the PEM format. */
export interface CertificateFiles {
  readonly tlsCert: string;
  readonly tlsKey: string;
}

/**
 * The certificate of this user, for `localhost`. It is kept, so that a browser has to be told to trust it once.
 *
 * @param directory where the package `selfsigned` is looked for
 * @throws ConfigurationError where that is missing, or the files cannot be written
 */
export async function localCertificate(directory: string, env: Environment): Promise<CertificateFiles> {
  const folder = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'quaich');
  const files = { tlsCert: join(folder, 'localhost-cert.pem'), tlsKey: join(folder, 'localhost-key.pem') };
  if (isGood(files)) return files;
  const { cert, key } = await generate(directory);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    write(files.tlsKey, key);
    write(files.tlsCert, cert);
  } catch (error) {
    throw new ConfigurationError(`--https: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  return files;
}

function isGood({ tlsCert, tlsKey }: CertificateFiles): boolean {
  try {
    const certificate = new X509Certificate(readFileSync(tlsCert));
    const left = Date.parse(certificate.validTo) - Date.now();
    return left > DAY_MS && certificate.checkPrivateKey(createPrivateKey(readFileSync(tlsKey)));
  } catch {
    return false; // there is none, or it is broken
  }
}

/** Whole or not at all, and for its owner's eyes only. */
function write(file: string, text: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, file);
}

async function generate(directory: string): Promise<{ cert: string; key: string }> {
  const file = resolvePackage('selfsigned', directory) ?? resolvePackage('selfsigned', import.meta.dirname);
  if (file === undefined) {
    throw new ConfigurationError(
      '--https needs the package "selfsigned" for a certificate: npm install --save-dev selfsigned; or give --tls-cert and --tls-key',
    );
  }
  const module: unknown = await import(pathToFileURL(file).href);
  const make = property(property(module, 'default') ?? module, 'generate');
  if (typeof make !== 'function') throw new ConfigurationError('--https needs version 5 of the package "selfsigned"');
  const made: unknown = await make([{ name: 'commonName', value: 'localhost' }], {
    keySize: 2048,
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + LIFETIME * DAY_MS),
    extensions: [{ name: 'subjectAltName', altNames: NAMES }],
  });
  return { cert: String(property(made, 'cert')), key: String(property(made, 'private')) };
}

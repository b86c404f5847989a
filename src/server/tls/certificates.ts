/** The certificates of a server with their keys, which are read from files, checked, and chosen by name. */
import { constants, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { ConfigurationError } from '../../interface/errors.ts';
import type { ResolvedOptions } from '../options.ts';
import { reasonOf } from './reason.ts';

type Files = Pick<ResolvedOptions, 'tlsCert' | 'tlsKey' | 'tlsCa'>;

/** The same for all certificates. */
const COMMON: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  honorCipherOrder: true,
  // What a handshake has settled stays so: environs say it for the whole connection.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  // Sessions of clients with a certificate are not resumed without one.
  sessionIdContext: 'quaich',
};

/** A certificate as clients see it. */
interface Identity {
  readonly certificate: X509Certificate;
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
}

export class Certificates {
  /** All files that were read. */
  readonly files: readonly string[];
  private readonly settings: Files;
  private identities: readonly Identity[];

  /** @throws ConfigurationError in one line, for files that are missing, wrong, or do not belong together */
  constructor(settings: Files) {
    const { tlsCert, tlsKey, tlsCa } = settings;
    this.files = [...tlsCert, ...tlsKey, ...tlsCa];
    this.settings = settings;
    this.identities = readIdentities(settings);
  }

  /** That of clients which ask for no name, or for one that no certificate has. */
  get first(): SecureContextOptions {
    return this.identities[0].options;
  }

  /** The first certificate with a name; undefined where none has it. */
  find(name: string): SecureContext | undefined {
    return this.identities.find(({ certificate }) => certificate.checkHost(name) !== undefined)?.context;
  }

  /** Reads the files again. @throws ConfigurationError as the constructor does, and keeps what was read before */
  renew(): void {
    this.identities = readIdentities(this.settings);
  }
}

function readIdentities({ tlsCert, tlsKey, tlsCa }: Files): Identity[] {
  const ca = tlsCa.map((file) => {
    const pem = readFile('tlsCa', file);
    parsed('tlsCa', file, 'certificate', () => new X509Certificate(pem));
    return pem;
  });
  return tlsCert.map((file, index) => {
    const keyFile = tlsKey[index];
    const [cert, key] = [readFile('tlsCert', file), readFile('tlsKey', keyFile)];
    const certificate = parsed('tlsCert', file, 'certificate', () => new X509Certificate(cert));
    const privateKey: KeyObject = parsed('tlsKey', keyFile, 'private key', () => createPrivateKey(key));
    if (!certificate.checkPrivateKey(privateKey)) {
      throw new ConfigurationError(`tlsKey: ${keyFile} is not the key of ${file}`);
    }
    const options = { ...COMMON, cert, key, ca };
    const context = parsed('tlsCert', file, 'certificate', () => createSecureContext(options));
    return { certificate, options, context };
  });
}

function readFile(setting: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigurationError(`${setting}: cannot read ${file}: ${reasonOf(error)}`, { cause: error });
  }
}

function parsed<T>(setting: string, file: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const message = `${setting}: ${file} holds no ${what} (PEM) that can be used: ${reasonOf(error)}`;
    throw new ConfigurationError(message, { cause: error });
  }
}

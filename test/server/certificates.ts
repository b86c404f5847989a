/** Certificates for tests, made anew by the command `openssl` for each run; none of them is kept. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Issued {
  cert: string;
  key: string;
}

export interface Wanted {
  /** As `/C=DE/CN=a.example`. */
  subject: string;
  /** As `DNS:a.example,email:b@a.example`. */
  names?: string;
}

/** Who signs certificates, in a folder of its own. */
export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), 'quaich-tls-'));
  /** The certificate of the authority. */
  readonly ca = join(this.folder, 'ca.pem');
  private readonly config = join(this.folder, 'openssl.cnf');
  private readonly key = join(this.folder, 'ca.key');

  constructor(name = 'Test') {
    writeFileSync(this.config, '[req]\ndistinguished_name = name\n[name]\n');
    this.request(this.ca, this.key, [`/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE']);
  }

  /** A certificate with its key, as files of that name. */
  issue(name: string, { subject, names }: Wanted): Issued {
    const issued = { cert: join(this.folder, `${name}.pem`), key: join(this.folder, `${name}.key`) };
    const alternatives = names === undefined ? [] : ['-addext', `subjectAltName=${names}`];
    this.request(issued.cert, issued.key, [subject, '-CA', this.ca, '-CAkey', this.key, ...alternatives]);
    return issued;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private request(cert: string, key: string, subject: string[]): void {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const files = ['-config', this.config, '-out', cert, '-keyout', key];
    execFileSync('openssl', ['req', '-x509', '-utf8', '-days', '2', ...curve, ...files, '-subj', ...subject], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  }
}

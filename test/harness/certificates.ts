/** Certificates as openssl makes them, good and bad; they are gone with the test. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Of the certificate, which is its own authority. */
  readonly file: string;
}

const DAY_MS = 86_400_000;
const CONFIG = `[ca]
default_ca = a
[a]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = p
x509_extensions = e
[p]
commonName = supplied
[e]
basicConstraints = critical, CA:TRUE
`;

/** @param days from now until it ends; it began a year before */
export function certificateFor(names: readonly string[], days: number): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-certificate-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const openssl = (...args: readonly string[]): unknown =>
    execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
  const end = Date.now() + days * DAY_MS;
  writeFileSync(join(directory, 'ca.cnf'), `${CONFIG}subjectAltName = ${names.join(', ')}\n`);
  writeFileSync(join(directory, 'index'), '');
  writeFileSync(join(directory, 'serial'), '01\n');
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'key.pem');
  openssl('req', '-new', '-key', 'key.pem', '-subj', '/CN=signalbox test', '-out', 'request.pem');
  const dates = ['-startdate', asn1(end - 400 * DAY_MS), '-enddate', asn1(end)];
  openssl(
    'ca',
    '-batch',
    '-config',
    'ca.cnf',
    '-selfsign',
    '-keyfile',
    'key.pem',
    '-in',
    'request.pem',
    ...dates,
    '-notext',
    '-out',
    'cert.pem',
  );
  const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
  return { cert: read('cert.pem'), key: read('key.pem'), file: join(directory, 'cert.pem') };
}

function asn1(at: number): string {
  return `${new Date(at).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`;
}

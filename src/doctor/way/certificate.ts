/** A certificate as a client judges it: chain, host name, dates; and the version of TLS. */
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate, type TLSSocket } from 'node:tls';
import { fail, ok, warn, type Observation } from '../finding.ts';

const DAY_MS = 86_400_000;
/** Authorities of today renew with 30 days left: less than this means that renewing does not work. */
const SOON_DAYS = 14;

const CHAIN: Readonly<Record<string, readonly [says: string, cure: string]>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: [
    'is self-signed: no client knows its issuer',
    'get one of a known authority (certbot), or give clients this authority (NODE_EXTRA_CA_CERTS)',
  ],
  SELF_SIGNED_CERT_IN_CHAIN: [
    'is of an authority that clients do not know',
    'get one of a known authority, or give clients this authority (NODE_EXTRA_CA_CERTS)',
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    'comes without the certificate of its issuer: browsers may find that elsewhere, programs do not',
    'serve the whole chain (fullchain.pem, not cert.pem)',
  ],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [
    'comes without a chain to an authority that clients know',
    'serve the whole chain (fullchain.pem, not cert.pem)',
  ],
  UNABLE_TO_GET_ISSUER_CERT: [
    'comes without a chain to an authority that clients know',
    'serve the whole chain (fullchain.pem, not cert.pem)',
  ],
};
const DATES = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

/** @param now milliseconds since 1970 */
export function judgeCertificate(host: string, line: TLSSocket, now: number): readonly Observation[] {
  const certificate = line.getPeerCertificate();
  const found = [...dates(certificate, now), ...names(host, certificate), ...chain(line), ...version(line)];
  if (found.length > 0) return found;
  const days = Math.floor((Date.parse(certificate.valid_to) - now) / DAY_MS);
  return [ok(`${line.getProtocol()}, a certificate for ${host} with ${days} days left, and its chain is known`)];
}

function dates({ valid_from: from, valid_to: to }: PeerCertificate, now: number): readonly Observation[] {
  const days = (Date.parse(to) - now) / DAY_MS;
  if (days < 0)
    return [
      fail(
        `the certificate expired ${Math.floor(-days)} days ago (${to})`,
        'renew it, and have the proxy read it again (certbot renew, nginx -s reload)',
      ),
    ];
  if (Date.parse(from) > now)
    return [
      fail(`the certificate is not valid before ${from}`, 'look at the clock of this machine (date -u), or wait'),
    ];
  if (days < SOON_DAYS)
    return [
      warn(
        `the certificate expires in ${Math.floor(days)} days (${to})`,
        'look why it was not renewed (certbot renew --dry-run)',
      ),
    ];
  return [];
}

function names(host: string, certificate: PeerCertificate): readonly Observation[] {
  if (checkServerIdentity(host, certificate) === undefined) return [];
  const known = (certificate.subjectaltname ?? '').replaceAll(/DNS:|IP Address:/g, '');
  const what = isIP(host) === 0 ? `not for ${host}` : `not for the address ${host}`;
  return [
    fail(
      `the certificate is for ${known === '' ? 'no name' : known}, and ${what}`,
      `name one of them, or get a certificate for ${host}`,
    ),
  ];
}

function chain({ authorized, authorizationError: error }: TLSSocket): readonly Observation[] {
  const code = String((error as unknown as { code?: string } | null)?.code ?? error);
  if (authorized || DATES.has(code) || code === 'ERR_TLS_CERT_ALTNAME_INVALID') return [];
  const [says, cure] = CHAIN[code] ?? [
    `is refused by clients: ${code}`,
    'openssl s_client -connect HOST:443 -showcerts says what is served',
  ];
  return [fail(`the certificate ${says}`, cure)];
}

function version(line: TLSSocket): readonly Observation[] {
  const protocol = line.getProtocol();
  if (protocol === 'TLSv1.2' || protocol === 'TLSv1.3') return [];
  return [
    fail(
      `the way takes ${protocol} at most, which browsers refuse`,
      'ssl_protocols TLSv1.2 TLSv1.3 (nginx), ssl-min-ver TLSv1.2 (HAProxy)',
    ),
  ];
}

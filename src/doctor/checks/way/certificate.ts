/** TLS of a way: whether it is there, and whether clients accept its certificate. */
import { BlockList, isIP } from 'node:net';
import type { Clock } from '../../../telemetry/clock.ts';
import type { Check } from '../../check.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import { judgeCertificate } from '../../way/certificate.ts';
import { bare, isSecure, openLine, secured, type Address } from '../../way/lines.ts';
import { messageOf, waysOf, type Way } from '../../way/way.ts';

const TLS_MS = 1_500;
const PRIVATE = new BlockList();
for (const [network, bits] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  PRIVATE.addSubnet(network, bits);
for (const [network, bits] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv6');

export const wayCertificate: Check = {
  name: 'way.certificate',
  looksAt:
    'TLS of each `--url wss://`: version, chain, host name, days until the certificate expires; and whether a way without TLS is a public one.',
  needs: ['url'],
  run: async (patient) => (await Promise.all(waysOf(patient).map((way) => judged(way, patient.clock)))).flat(),
};

async function judged(way: Way, clock: Clock): Promise<readonly Observation[]> {
  const { url } = way;
  const address = await way.address().catch(() => null);
  // The check of the address says what is wrong there.
  if (address === null) return [];
  if (!isSecure(url)) return [unencrypted(url, address)];
  try {
    const line = await secured(url, await openLine(url, address, TLS_MS), TLS_MS);
    const found = judgeCertificate(bare(url.hostname), line, clock.now());
    line.destroy();
    return found;
  } catch (error) {
    const message = messageOf(error);
    if (/wrong version|packet length|EPROTO|closed at once|ECONNRESET/i.test(message))
      return [
        fail(
          `${url.host} speaks no TLS, and the address says wss://: ${message.slice(0, 120)}`,
          `ws://${url.host}${url.pathname} inside one's own network; else let the proxy end TLS there (listen 443 ssl)`,
        ),
      ];
    return [
      fail(
        `TLS with ${url.host} fails: ${message.slice(0, 200)}`,
        `openssl s_client -connect ${url.host} -servername ${bare(url.hostname)}`,
      ),
    ];
  }
}

function unencrypted({ host, hostname }: URL, { address, family }: Address): Observation {
  if (PRIVATE.check(address, family === 6 ? 'ipv6' : 'ipv4'))
    return ok(`no TLS to ${host}, which is inside a private network`);
  const cure = `wss://${hostname}: end TLS in the proxy (docs/operations.md)`;
  return warn(
    `no TLS to ${host}, a public address: everybody on the way reads tokens and messages${isIP(bare(hostname)) === 0 ? ', and pages of https may not connect at all' : ''}`,
    cure,
  );
}

/** Whether a node sees the addresses of its clients, or that of the proxy; and whether a client can make one up. */
import { isTrusted } from '../../../node/trusted-proxies.ts';
import type { Check } from '../../check.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import type { Patient, Views } from '../../patient.ts';
import { greeted } from '../../way/greeted.ts';
import { tokenOf, waysOf, type Way } from '../../way/way.ts';

/** Of a network for documentation (RFC 5737): nobody has it. */
const MADE_UP = '192.0.2.77';
const INNER = ['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '::1/128', 'fc00::/7'];

export const wayClientAddress: Check = {
  name: 'way.client-address',
  looksAt:
    'Which address the node sees of a client behind the proxy (`server.trusted_proxies`), and whether it believes an `X-Forwarded-For` that the client made up.',
  needs: ['url', 'tokens', 'admin'],
  run: async (patient) => (await Promise.all(waysOf(patient).map((way) => judged(way, patient)))).flat(),
};

interface Seen {
  readonly address: string;
  readonly own: string;
}

async function judged(way: Way, patient: Patient): Promise<readonly Observation[]> {
  const { views, configuration } = patient;
  if (views === null) return [];
  const [plain, forged] = await Promise.all([
    seenBy(way, patient, views, {}),
    seenBy(way, patient, views, { 'X-Forwarded-For': MADE_UP }),
  ]);
  if (plain === null) return [];
  const { address: hop } = await way.address();
  const proxies = configuration?.config?.server.trusted_proxies ?? [];
  if (forged?.address === MADE_UP) return [believed(plain, proxies)];
  if (plain.address === plain.own)
    return [ok(`the node sees the address of its client (${plain.own}), and believes none that a client made up`)];
  return [other(plain, hop)];
}

async function seenBy(
  way: Way,
  patient: Patient,
  views: Views,
  headers: Readonly<Record<string, string>>,
): Promise<Seen | null> {
  const found = await greeted(way, { token: tokenOf(patient), headers });
  if (found === null || found === 'silent') return null;
  const { wire, details } = found;
  try {
    const id = encodeURIComponent(String(details['connection_id']));
    const { status, body } = await views.get(`/admin/connections/${id}`);
    return status === 200 ? { address: String(body?.['address']), own: wire.localAddress } : null;
  } finally {
    wire.close();
  }
}

function believed({ own }: Seen, proxies: readonly string[]): Observation {
  if (isTrusted(own, proxies))
    return ok(
      `${own}, from where this is asked, is one of server.trusted_proxies: ask from elsewhere to see what the node believes of others`,
    );
  return fail(
    `the node believes an X-Forwarded-For that its client made up (${MADE_UP}): limits per address hold nobody back`,
    'let the proxy append the address that it sees (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for), and name proxies alone in server.trusted_proxies',
  );
}

function other({ address, own }: Seen, hop: string): Observation {
  const cure = `server.trusted_proxies = [${JSON.stringify(address)}], and let that proxy send X-Forwarded-For`;
  if (
    address === hop ||
    isTrusted(address, ['127.0.0.0/8', '::1/128']) ||
    (isTrusted(address, INNER) && !isTrusted(own, INNER))
  )
    return fail(
      `the node sees ${address} for this client (${own}), which is the proxy: all clients share the limits of one address`,
      cure,
    );
  if (isTrusted(address, INNER))
    return warn(
      `the node sees ${address} for this client, whose own address is ${own}: a proxy that it does not trust, or one that translates addresses`,
      cure,
    );
  return ok(
    `the node sees ${address} for this client (${own}): the address of its network from outside, if ${hop} is not it`,
  );
}

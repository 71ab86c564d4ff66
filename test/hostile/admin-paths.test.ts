/** Ways around the administration's door: nothing below /admin ever answers 200 without a token. docs/security.md, "Administration". */
import { beforeAll, expect, test } from 'vitest';
import { Campaign } from '../harness/campaign.ts';
import { RawSocket } from '../harness/raw-socket.ts';
import { tokenOf } from '../harness/tokens.ts';

const ADMIN_TOKEN = 'the admin token of this campaign, long enough';
const campaign = new Campaign();
beforeAll(async () => {
  campaign.secrets.push(ADMIN_TOKEN);
  await campaign.start({}, { ADMIN_TOKEN });
});

const TARGETS = [
  'connections',
  'topics',
  'dead-letters',
  'emergency-mode',
  'drain',
  'config/log-level',
  'tokens/revoke',
  'profile',
];
const PATHS = TARGETS.flatMap((target) => [
  `/admin/${target}`,
  `//admin/${target}`,
  `///admin//${target}`,
  `/./admin/${target}`,
  `/admin/./${target}`,
  `/admin/../admin/${target}`,
  `/health/../admin/${target}`,
  `/health/..;/admin/${target}`,
  `/%2e/admin/${target}`,
  `/health/%2e%2e/admin/${target}`,
  `/%61dmin/${target}`,
  `/%61%64%6d%69%6e/${target}`,
  `/admin%2f${target}`,
  `/admin%252f${target}`,
  `/ADMIN/${target}`,
  `/Admin/${target}`,
  `/admin./${target}`,
  `/admin/${target}.`,
  `/admin/${target}/`,
  `/admin/${target}//`,
  `/admin/${target};x=1`,
  `/admin/${target}%00`,
  `/admin/${target}%20`,
  `/admin/${target}.json`,
  `/admin/${target}?token=${ADMIN_TOKEN.replaceAll(' ', '%20')}`,
  `/admin/${target}?authorization=Bearer`,
  `/admin\\${target}`,
  `\\admin\\${target}`,
  `http://127.0.0.1/admin/${target}`,
  `http://localhost/admin/${target}`,
  `/ws/../admin/${target}`,
  `/metrics/admin/${target}`,
]);
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'get', 'GeT'];

/** One request after the other on one connection while it lasts; statuses in order, 0 for a connection that was cut. */
async function statusOf(method: string, path: string, headers: string): Promise<number> {
  const socket = await RawSocket.open(campaign.port);
  const body = '{"mode":"normal"}';
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`);
  const outcome = await socket.outcome();
  socket.destroy();
  return outcome === 'closed' ? 0 : outcome;
}

async function expectNoneAnswered(requests: readonly (readonly [string, string, string])[]): Promise<void> {
  for (let at = 0; at < requests.length; at += 50) {
    const batch = requests.slice(at, at + 50);
    const statuses = await Promise.all(batch.map(([method, path, headers]) => statusOf(method, path, headers)));
    const open = batch.filter((_, index) => (statuses[index] ?? 0) >= 200 && (statuses[index] ?? 0) < 300);
    expect(open).toEqual([]);
  }
}

test('paths by any spelling', async () => {
  await expectNoneAnswered(PATHS.flatMap((path) => [['GET', path, ''] as const, ['POST', path, ''] as const]));
});

test('methods by any spelling', async () => {
  await expectNoneAnswered(
    TARGETS.flatMap((target) => METHODS.map((method) => [method, `/admin/${target}`, ''] as const)),
  );
});

test('headers that speak of other methods, paths, addresses and people', async () => {
  const user = await tokenOf('mallory');
  const forged = await tokenOf('mallory', { roles: ['admin'], secret: 'not the secret of the server' });
  const expired = await tokenOf('mallory', { roles: ['admin'], expiresIn: -1_000 });
  campaign.secrets.push(user, forged, expired);
  const headers = [
    'X-HTTP-Method-Override: GET\r\n',
    'X-Method-Override: GET\r\n',
    'X-Original-URL: /admin/connections\r\n',
    'X-Rewrite-URL: /admin/connections\r\n',
    'X-Forwarded-For: 127.0.0.1\r\n',
    'X-Forwarded-Host: localhost\r\nX-Real-IP: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n',
    'Origin: http://localhost\r\n',
    'Cookie: token=admin; role=admin\r\n',
    'Authorization: Bearer \r\n',
    'Authorization: Bearer null\r\n',
    'Authorization: Bearer undefined\r\n',
    'Authorization: Basic YWRtaW46YWRtaW4=\r\n',
    `Authorization: ${ADMIN_TOKEN}\r\n`,
    `Authorization: Bearer ${ADMIN_TOKEN.slice(0, -1)}\r\n`,
    `Authorization: Bearer ${ADMIN_TOKEN.toUpperCase()}\r\n`,
    `Authorization: Bearer ${ADMIN_TOKEN}x\r\n`,
    `Authorization: Bearer ${user}\r\n`,
    `Authorization: Bearer ${forged}\r\n`,
    `Authorization: Bearer ${expired}\r\n`,
  ];
  await expectNoneAnswered(
    TARGETS.flatMap((target) => headers.map((header) => ['GET', `/admin/${target}`, header] as const)),
  );
});

test('nothing of it reaches the node: it still runs and admits, beside the witness', async () => {
  await campaign.besideWitness(async () => {
    await expectNoneAnswered(TARGETS.map((target) => ['POST', `//admin/${target}`, ''] as const));
  });
  expect((await campaign.get('/health/ready')).status).toBe(200);
});

test('afterwards', async () => {
  await campaign.expectUnharmed();
});

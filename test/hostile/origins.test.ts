/** Web pages that are not ours (cross-site WebSocket hijacking): docs/security.md, "Origins". */
import { beforeAll, expect, test } from 'vitest';
import { Campaign } from '../harness/campaign.ts';
import { within } from '../harness/deadline.ts';
import { handshake, request, refusalIn } from '../harness/raw.ts';
import { handshakeText, OPCODE, RawSocket } from '../harness/raw-socket.ts';
import { tokenOf } from '../harness/tokens.ts';

const ALLOWED = 'https://app.example.com,https://*.trusted.example,https://port.example:8443';
const campaign = new Campaign();
let token = '';

beforeAll(async () => {
  await campaign.start({ 'security.allowed_origins': ALLOWED });
  token = await tokenOf('victim');
  campaign.secrets.push(token);
});

const from = (origin: string, path?: string): ReturnType<typeof handshake> =>
  handshake(campaign.port, { Authorization: `Bearer ${token}`, Origin: origin }, path);

test.each([
  'https://app.example.com',
  'https://a.trusted.example',
  'https://a.b.trusted.example',
  'https://port.example:8443',
])('%s may connect', async (origin) => {
  expect((await from(origin)).status).toBe(101);
});

const FOREIGN = [
  'null',
  'https://evil.example',
  // suffix, prefix and subdomain of what is allowed
  'https://app.example.com.evil.example',
  'https://evil-app.example.com',
  'https://evilapp.example.com',
  'https://sub.app.example.com',
  'https://example.com',
  'https://app.example.co',
  'https://app.example.comm',
  'https://trusted.example',
  'https://.trusted.example',
  'https://eviltrusted.example',
  'https://a.trusted.example.evil.example',
  // scheme, port, case, credentials
  'http://app.example.com',
  'http://a.trusted.example',
  'wss://app.example.com',
  'app.example.com',
  '//app.example.com',
  'https:/app.example.com',
  'https://app.example.com:443',
  'https://app.example.com:8443',
  'https://a.trusted.example:8443',
  'https://port.example',
  'https://APP.example.com',
  'HTTPS://app.example.com',
  'https://app.example.com.',
  'https://app.example.com/',
  'https://app.example.com@evil.example',
  'https://evil.example@app.example.com',
  'https://evil.example#.trusted.example',
  'https://evil.example?.trusted.example',
  'https://evil.example/.trusted.example',
  'https://evil.example\\.trusted.example',
  'https://evil.example%00.trusted.example',
  'https://evil.example,https://app.example.com',
  'https://app.example.com https://evil.example',
  'https://*.trusted.example',
  '*',
  'file://',
  'https://xn--pp-eka.example.com',
];

test.each(FOREIGN)('%s may not, however the refusal is asked for', async (origin) => {
  for (const path of ['/ws', '/ws?refuse=close', '/ws?origin=https://app.example.com']) {
    const socket = await RawSocket.open(campaign.port);
    const head = await handshakeText('victim', `Origin: ${origin}\r\n`);
    // Bytes behind the handshake are never read.
    socket.write(head.replace('GET /ws ', `GET ${path} `));
    socket.send({ opcode: OPCODE.text, payload: '{"type":"Ping","id":"1"}' });
    await within(socket.closed, `the end of ${path}`);
    expect([path, socket.status]).toEqual([path, 101]);
    expect(socket.text).toContain('"reason":"origin_not_allowed"');
    for (const word of ['"connected"', '"Pong"', 'access-control-allow-origin'])
      expect(socket.text).not.toContain(word);
    // One message and one close frame with 4003.
    expect(socket.text.split('{"type"')).toHaveLength(2);
    expect(socket.received.includes(Buffer.from([0x0f, 0xa3]))).toBe(true);
    // Nobody is told what would be allowed; what came is quoted.
    for (const allowed of ALLOWED.split(','))
      if (!origin.includes(allowed.slice('https://'.length))) expect(socket.text).not.toContain(allowed);
  }
});

test('a request that is no handshake gets HTTP, and one of the API too', async () => {
  const plain = await request(campaign.port, 'GET /ws', { Origin: 'https://evil.example' });
  expect(plain.status).toBe(426);
  const api = await request(campaign.port, 'OPTIONS /api/publish', { Origin: 'https://evil.example' });
  expect([api.status, refusalIn(api).reason]).toEqual([403, 'origin_not_allowed']);
  expect(api.text).not.toContain('example.com');
});

test('two Origin headers are refused, whichever comes first', async () => {
  for (const [first, second] of [
    ['https://app.example.com', 'https://evil.example'],
    ['https://evil.example', 'https://app.example.com'],
  ]) {
    const socket = await RawSocket.open(campaign.port);
    socket.write(await handshakeText('victim', `Origin: ${first}\r\nOrigin: ${second}\r\n`));
    expect(await socket.outcome()).toBe(400);
  }
});

test('a foreign page without a token is told of its origin, not of the token', async () => {
  const answer = await handshake(campaign.port, { Origin: 'https://evil.example' });
  expect([answer.status, answer.text.includes('token')]).toEqual([101, false]);
});

test('cookies say nothing: a page of an allowed origin still needs its token', async () => {
  const answer = await handshake(campaign.port, { Cookie: `token=${token}; access_token=${token}` });
  expect(answer.status).toBe(401);
});

test('a crowd of foreign pages beside the witness', async () => {
  await campaign.besideWitness(async () => {
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => from('https://evil.example')));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([101]));
    }
  });
});

test('afterwards', async () => {
  await campaign.expectUnharmed();
});

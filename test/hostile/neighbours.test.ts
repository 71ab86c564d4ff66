/**
 * One user at the edge of the limits, beside somebody who publishes: the victim's acknowledgements come as they did
 * before, and the node answers. docs/security.md, work that grows.
 */
import { beforeAll, test } from 'vitest';
import { Packr } from 'msgpackr';
import { expectLittleNoticed, framed, names, PATIENCE_MS, type Attack } from '../harness/attack.ts';
import { Campaign } from '../harness/campaign.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { OPCODE, rawFrame } from '../harness/raw-socket.ts';
import { tokenOf } from '../harness/tokens.ts';

/** Topics of the node that patterns go through, followed by somebody. */
const TOPICS = 9_000;
const FILLERS = 10;

const campaign = new Campaign();
const peace = new Campaign();
let topicCount = 0;

beforeAll(async () => {
  await Promise.all([campaign, peace].map((each) => each.start({}, { LOG_LEVEL: 'info' })));
});

const several = (count: number, message: Buffer): Buffer => Buffer.concat(Array.from({ length: count }, () => message));
const position = { epoch: 'e', sequence: 1 };
const longName = (at: number): string => `${'a.'.repeat(125)}${at}`.slice(0, 256);
const packr = new Packr({ useRecords: false });

async function request(line: string, headers: string, body = ''): Promise<Buffer> {
  const token =
    headers === '' ? `Authorization: Bearer ${await tokenOf('mallory', { roles: ['user', 'service'] })}\r\n` : headers;
  return Buffer.from(
    `${line} HTTP/1.1\r\nHost: x\r\n${token}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const ATTACKS: readonly Attack[] = [
  {
    name: 'a bearer token of spaces, by a stranger',
    overHttp: true,
    everyMs: 1,
    messages: async () => [
      await request('GET /admin/connections', `Authorization: Bearer${' '.repeat(15_900)}\u2028x\r\n`),
    ],
  },
  {
    name: 'a hundred patterns that match nothing',
    everyMs: 1,
    messages: () => [
      framed('Subscribe', { topics: names(100, (at) => `fill.*.z${at}`) }),
      framed('Unsubscribe', { topics: names(100, (at) => `fill.*.z${at}`) }),
    ],
  },
  {
    name: 'patterns that match everything, on and off',
    everyMs: 1,
    messages: () => [framed('Subscribe', { topics: ['fill.**'] }), framed('Unsubscribe', { topics: ['fill.**'] })],
  },
  {
    name: 'acknowledgements of nine hundred positions',
    everyMs: 1,
    messages: () => [
      framed('Ack', {
        positions: Object.fromEntries(names(900, (at) => `fill.${at}.a`).map((name) => [name, position])),
      }),
    ],
  },
  {
    name: 'questions for sessions that are not there',
    everyMs: 1,
    messages: () => [framed('GetMissedMessages', { since: '1-1-aaaaaa', session_id: 's-test-node-abcdefgh-zz' })],
  },
  {
    name: 'positions of a thousand topics that are missed',
    everyMs: 1,
    messages: () => [
      framed('GetMissedMessages', {
        since: Object.fromEntries(names(900, (at) => `fill.${at}.a`).map((name) => [name, position])),
      }),
    ],
  },
  {
    name: 'a hundred topics, subscribed and unsubscribed',
    everyMs: 1,
    messages: () => {
      const topics = names(100, (at) => `fill.${at}.a`);
      return [framed('Subscribe', { topics }), framed('Unsubscribe', { topics })];
    },
  },
  {
    name: 'a pattern that resumes at nine hundred positions',
    everyMs: 1,
    messages: () => {
      const positions = Object.fromEntries(names(900, (at) => `fill.${at}.a`).map((name) => [name, position]));
      return [
        framed('Subscribe', { topics: [{ topic: 'fill.**', positions }] }),
        framed('Unsubscribe', { topics: ['fill.**'] }),
      ];
    },
  },
  {
    name: 'the largest pages of a log',
    everyMs: 1,
    messages: () => [
      framed('Broadcast', { topic: 'mallory.log', payload: 'x'.repeat(60_000) }),
      framed('History', { topic: 'mallory.log', limit: 1_000, reverse: true }),
    ],
  },
  {
    name: 'names and patterns of the greatest length',
    everyMs: 1,
    messages: () => [
      framed('Subscribe', {
        topics: names(100, (at) => longName(at).replaceAll(at % 2 === 0 ? '.a.a' : '.a.a.a', '.*.a')),
      }),
      framed('Broadcast', { topic: longName(1), payload: 1 }),
      framed('Unsubscribe', { topics: names(100, longName) }),
    ],
  },
  {
    name: 'nesting as deep as a message is long',
    everyMs: 1,
    messages: () =>
      [framed('Broadcast', { topic: 'mallory.a', payload: 0 })].concat(
        rawFrame({
          opcode: OPCODE.text,
          payload: `{"type":"Broadcast","data":{"topic":"a","payload":${'['.repeat(60_000)}`,
        }),
      ),
  },
  {
    name: 'objects of many keys',
    everyMs: 1,
    messages: () => [
      framed('Broadcast', {
        topic: 'mallory.a',
        payload: Object.fromEntries(names(5_000, (at) => `k${at}`).map((name) => [name, 1])),
      }),
    ],
  },
  {
    name: 'MessagePack of many maps',
    everyMs: 1,
    messages: () => {
      const payload = names(20_000, () => '').map(() => ({}));
      return [
        rawFrame({
          opcode: OPCODE.binary,
          payload: packr.pack({ type: 'Broadcast', id: 'x', data: { topic: 'mallory.a', payload } }),
        }),
      ];
    },
  },
  { name: 'many small frames in a turn', everyMs: 1, messages: () => [several(200, framed('Ping', {}))] },
  {
    name: 'many small acknowledgements in a turn',
    everyMs: 1,
    messages: () => [several(500, framed('Ack', { positions: {} }))],
  },
  {
    name: 'pongs that nobody asked for',
    everyMs: 1,
    messages: () => [several(500, rawFrame({ opcode: OPCODE.pong, payload: 'x'.repeat(125) }))],
  },
  {
    name: 'keys of the greatest length, each a new one',
    everyMs: 1,
    messages: () =>
      names(500, (at) => `${at}`.padStart(64, 'k')).map((key) =>
        framed('Broadcast', { topic: 'mallory.a', payload: 1, idempotency_key: key }),
      ),
  },
  {
    name: 'wrong tokens',
    everyMs: 1,
    messages: () => [framed('Authenticate', { token: `${'a'.repeat(2_000)}.b.c` })],
  },
  {
    name: 'batches of a hundred messages over HTTP',
    overHttp: true,
    everyMs: 100,
    messages: async () => [
      await request(
        'POST /api/publish',
        '',
        JSON.stringify(names(100, (at) => `mallory.h${at}`).map((topic) => ({ topic, payload: 'x'.repeat(500) }))),
      ),
    ],
  },
];

test('a node with many topics', async () => {
  // Topics that are there before somebody follows them rest, and are not open.
  await (await connect(campaign.port, { user: 'follower' })).subscribe('fill.**');
  for (const [at, user] of names(FILLERS, (each) => `filler-${each}`).entries())
    await Promise.all(
      names(TOPICS / FILLERS / 180, (index) => index).map(async (index) => {
        const client = await connect(campaign.port, { user });
        for (let each = 0; each < 180; each += 1) {
          client.send('Broadcast', { topic: `fill.${(at * 5 + index) * 180 + each}.a`, payload: 'x' });
          topicCount += 1;
        }
        await client.ask('Ping', {});
        await client.close();
      }),
    );
  await eventually(async () => (await campaign.metric('routed_topics')) >= topicCount, 'all topics to be open');
});

test.each(ATTACKS)(
  '$name: the victim notices little',
  (attack) => expectLittleNoticed(campaign, peace, attack),
  PATIENCE_MS,
);

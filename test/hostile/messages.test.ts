/** Messages that are bombs, and names that are traps: docs/security.md, "Messages", "Names". */
import { beforeAll, describe, expect, test } from 'vitest';
import { Campaign } from '../harness/campaign.ts';
import { connect, type ConnectOptions } from '../harness/client.ts';
import { within } from '../harness/deadline.ts';
import { tokenOf } from '../harness/tokens.ts';
import { Raw, writeMessagePack } from '../kit/msgpack-writer.ts';

const campaign = new Campaign();
beforeAll(() => campaign.start());

const head = (tag: number, size: 2 | 4, rest: readonly number[] = []): Raw =>
  new Raw([tag, ...Array.from({ length: size }, () => 0xff), ...rest]);
const frameWith = (payload: unknown): Uint8Array =>
  writeMessagePack({ type: 'Broadcast', id: 'x', data: { topic: 'a', payload } });
/** 60,000 of a header inside each other. */
const chain = (...header: number[]): Raw =>
  new Raw(Array.from({ length: 60_000 }, (_, at) => header[at % header.length] ?? 0));

const MSGPACK: readonly { name: string; bytes: Uint8Array }[] = [
  ...(
    [
      ['array16', 0xdc, 2],
      ['array32', 0xdd, 4],
      ['map16', 0xde, 2],
      ['map32', 0xdf, 4],
      ['str16', 0xda, 2],
      ['str32', 0xdb, 4],
      ['bin16', 0xc5, 2],
      ['bin32', 0xc6, 4],
      ['ext16', 0xc8, 2],
      ['ext32', 0xc9, 4],
    ] as const
  ).flatMap(([name, tag, size]) => [
    { name: `${name} that claims all there is, as the payload`, bytes: frameWith(head(tag, size)) },
    { name: `${name} that claims all there is, as the frame`, bytes: Uint8Array.from(head(tag, size).bytes) },
    {
      name: `${name} that claims all there is, as a key`,
      bytes: frameWith(new Raw([0x81, ...head(tag, size).bytes, 1])),
    },
  ]),
  { name: 'arrays nested 60,000 times', bytes: frameWith(chain(0x91)) },
  { name: 'maps nested 60,000 times', bytes: frameWith(chain(0x81, 0xa0)) },
  { name: 'array32 nested 12,000 times', bytes: frameWith(chain(0xdd, 0xff, 0xff, 0xff, 0xff)) },
  { name: 'map32 as keys of map32', bytes: frameWith(chain(0xdf, 0xff, 0xff, 0xff, 0xff)) },
  {
    name: 'array32 of 60,000 where it claims 4 billion',
    bytes: frameWith(new Raw([0xdd, 255, 255, 255, 255, ...chain(0xc0).bytes])),
  },
  { name: 'the unused tag 0xc1', bytes: frameWith(new Raw([0xc1])) },
  { name: 'a record of msgpackr', bytes: frameWith(new Raw([0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01])) },
  { name: 'a key __proto__', bytes: frameWith(new Map([['__proto__', { polluted: true }]])) },
  { name: 'bytes behind the frame', bytes: Buffer.concat([frameWith(1), Buffer.alloc(100)]) },
  { name: 'two frames', bytes: Buffer.concat([frameWith(1), frameWith(2)]) },
  { name: 'a string that is not UTF-8', bytes: frameWith(new Raw([0xa2, 0xff, 0xfe])) },
  { name: 'a key that is not UTF-8', bytes: frameWith(new Raw([0x81, 0xa2, 0xff, 0xfe, 1])) },
];

test.each(MSGPACK)('MessagePack: $name', async ({ bytes }) => {
  const client = await connect(campaign.port, { format: 'msgpack', user: 'mallory' });
  client.sendRaw(bytes);
  expect((await client.next('Error')).data.reason).toMatch(/^(malformed|invalid_field)$/);
  expect((await client.ask('Ping', {})).type).toBe('Pong');
});

const publish = (payload: string): string => `{"type":"Broadcast","id":"x","data":{"topic":"a","payload":${payload}}}`;
const JSON_BOMBS: readonly { name: string; message: string; reason: RegExp }[] = [
  { name: '65,000 brackets', message: '['.repeat(65_000), reason: /malformed/ },
  { name: '32,000 closed brackets', message: `${'['.repeat(32_000)}${']'.repeat(32_000)}`, reason: /malformed/ },
  {
    name: '10,000 objects',
    message: publish(`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`),
    reason: /invalid_field/,
  },
  { name: 'a number of 60,000 digits', message: publish('9'.repeat(60_000)), reason: /invalid_field/ },
  { name: 'an exponent of 60,000 digits', message: publish(`1e${'9'.repeat(60_000)}`), reason: /invalid_field/ },
  { name: '__proto__', message: publish('{"__proto__":{"admin":true}}'), reason: /invalid_field/ },
  { name: '__proto__ with escapes', message: publish('{"\\u005f_proto__":{"admin":true}}'), reason: /invalid_field/ },
  { name: '__proto__ deep inside', message: publish('[{"a":[{"__proto__":[]}]}]'), reason: /invalid_field/ },
  { name: 'a BOM', message: `\ufeff${publish('1')}`, reason: /malformed/ },
  { name: 'a comment', message: `/* */${publish('1')}`, reason: /malformed/ },
  { name: 'NaN', message: publish('NaN'), reason: /malformed/ },
  { name: 'a raw control character', message: publish('"\u0000"'), reason: /malformed/ },
  { name: 'something behind the frame', message: `${publish('1')}${publish('2')}`, reason: /malformed/ },
  { name: '100,000 bytes', message: publish(`"${'x'.repeat(100_000)}"`), reason: /payload_too_large/ },
];

test.each(JSON_BOMBS)('JSON: $name', async ({ message, reason }) => {
  const client = await connect(campaign.port, { user: 'mallory' });
  client.sendRaw(message);
  expect((await client.next('Error')).data.reason).toMatch(reason);
  expect((await client.ask('Ping', {})).type).toBe('Pong');
});

test.each<ConnectOptions>([{ format: 'json' }, { format: 'msgpack' }])(
  'prototype keys in every place reach nobody ($format)',
  async ({ format = 'json' }) => {
    const [attacker, other] = [
      await connect(campaign.port, { format, user: 'mallory' }),
      await connect(campaign.port, { user: 'bob' }),
    ];
    await other.subscribe('proto.topic');
    for (const name of ['constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__'])
      expect((await attacker.publish('proto.topic', { [name]: { polluted: true } })).type).toBe('Ack');
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      // Names of topics, types and fields are looked up in Maps only.
      expect((await attacker.ask(name, {})).data.reason).toBe('unknown_type');
      await attacker.ask('Subscribe', { topics: [name] });
      if (name !== '__proto__') await attacker.ask('Publish', { topic: name, payload: 1, [name]: 1 });
      await attacker.ask('GetMissedMessages', { since: { [`x-${name}`]: { epoch: name, sequence: 1 } } });
    }
    const frames = await other.take(6);
    expect(frames.map(({ data }) => Object.keys(data.payload as object)[0])).toContain('constructor');
    expect(frames.every((frame) => !('polluted' in frame) && !('polluted' in {}))).toBe(true);
    const health = (await (await campaign.get('/health')).json()) as object;
    expect('polluted' in health).toBe(false);
  },
);

describe('names', () => {
  const NAMES = [
    ...Array.from({ length: 33 }, (_, at) => `a${String.fromCharCode(at)}b`),
    'a\u007fb',
    'a\u0085b',
    'a\u009bb',
    'a\u2028b',
    'a\u202eb',
    'a\ud800b',
    'a\udfffb',
    '\ud83d',
    'a\u0000',
    'é',
    'ａ',
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a/b',
    '../a',
    'a\\b',
    'a{b}',
    '{a}',
    'a}{b',
    'a[b]',
    'a?b',
    'a|b',
    'a$b',
    "a'b",
    'a"b',
    'a`b',
    'a;b',
    'a\r\nSET x y',
    '\u001b[31mred',
    '%s%n',
    '${x}',
    '@me.x',
    '@user.YWxpY2U',
    '@admin',
    'x'.repeat(257),
    'x'.repeat(60_000),
    'a.'.repeat(200),
  ];

  test('control characters, lone surrogates, braces, reserved and endless names are refused everywhere', async () => {
    for (const name of NAMES) {
      const client = await connect(campaign.port, { user: 'mallory' });
      const asked = [
        await client.ask('Broadcast', { topic: name, payload: 1 }),
        await client.ask('History', { topic: name, limit: 1 }),
      ];
      for (const { type, data } of asked)
        expect([name.slice(0, 20), type, data.reason]).toEqual([
          name.slice(0, 20),
          'Error',
          expect.stringMatching(/^(invalid_topic|invalid_field|not_allowed)$/),
        ]);
      const reply = await client.ask('Subscribe', { topics: [name] });
      const { details } = reply.data as { details?: { topics?: unknown[] } };
      expect([name.slice(0, 20), details?.topics ?? []]).toEqual([name.slice(0, 20), []]);
      await client.close();
    }
  });

  test.each([
    '*',
    '**',
    '*.a',
    '**.a',
    'a.**.b',
    'a.*b',
    'a.b*',
    'a***',
    'a.***',
    'a.[x]',
    'a.?',
    'a.{b,c}',
    '@*',
    '@user.*',
    '@user.**',
  ])('the pattern %s is refused', async (pattern) => {
    const client = await connect(campaign.port, { user: 'mallory' });
    const reply = await client.ask('Subscribe', { topics: [pattern] });
    const { details } = reply.data as { details?: { topics?: unknown[]; active_subscriptions?: number } };
    expect(details?.topics ?? []).toEqual([]);
  });

  test('globs and names of others in a token or a frame open nobody’s direct messages', async () => {
    const victim = await connect(campaign.port, { user: 'victim' });
    const attacker = await connect(campaign.port, {
      user: 'mallory',
      claims: { topics: { subscribe: ['chat.**'], publish: [] } },
    });
    const mine = `@user.${Buffer.from('victim').toString('base64url')}`;
    for (const topic of ['@me', mine, '@user.**', '**', `chat.**.${mine}`])
      await attacker.ask('Subscribe', { topics: [topic] });
    expect((await attacker.ask('DirectMessage', { target_user: 'victim', payload: 1 })).type).toMatch(/Ack|Error/);
    await (
      await connect(campaign.port, { user: 'bob' })
    ).ask('DirectMessage', { target_user: 'victim', payload: 'secret' });
    await victim.ask('Ping', {});
    await attacker.ask('Ping', {});
    expect(JSON.stringify(attacker.frames)).not.toContain('secret');
  });

  test('hostile user names and ids stay inside the log’s lines, and outside the metrics', async () => {
    const users = [
      '\u001b]0;owned\u0007',
      'a\r\nb',
      '"}\n{"level":"ERROR"}',
      '\u009b2J',
      '\u2028',
      '😀'.repeat(60),
      '__proto__',
      'x'.repeat(128),
      '../../etc',
      '${jndi:ldap://x}',
    ];
    for (const user of users) {
      const token = await tokenOf(user);
      campaign.secrets.push(token);
      const client = await connect(campaign.port, { token, query: { 'a\u001b': '\n' } });
      expect((await client.ask('Ping', {}, { id: user.slice(0, 60) })).type).toBe('Pong');
      await client.ask(`X-${user.slice(0, 40)}`, {});
      await client.ask(user, {});
      await client.close();
    }
  });
});

test('all of it together, again and again, beside the witness', async () => {
  await campaign.besideWitness(async () => {
    for (let round = 0; round < 6; round += 1) {
      const clients = await Promise.all(
        Array.from({ length: 5 }, (_, at) => connect(campaign.port, { format: 'msgpack', user: `mallory-${at}` })),
      );
      for (const client of clients) for (const { bytes } of MSGPACK) client.sendRaw(bytes);
      for (const client of clients) for (const { message } of JSON_BOMBS) client.sendRaw(message);
      for (const client of clients) expect((await within(client.closed, 'too many errors')).code).toBe(4010);
    }
  });
});

test('afterwards', async () => {
  await campaign.expectUnharmed();
});

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MessageReader } from './message-reader.ts';

type Heard = readonly ['message', string, string] | readonly ['other', string];

function text(part: string): string {
  return `$${Buffer.byteLength(part)}\r\n${part}\r\n`;
}

/** What is heard, and how it came. */
const MESSAGES: readonly (readonly [heard: Heard, bytes: string])[] = [
  [
    ['message', 'live:{a}', 'L 1\nmessage\r\n$1'],
    `>3\r\n${text('message')}${text('live:{a}')}${text('L 1\nmessage\r\n$1')}`,
  ],
  [['message', 'live:{a}', ''], `*3\r\n${text('message')}${text('live:{a}')}${text('')}`],
  [
    ['message', 'live:{chat.b}', 'ä'],
    `>4\r\n${text('pmessage')}${text('live:{chat.*')}${text('live:{chat.b}')}${text('ä')}`,
  ],
  ...[
    '+PONG\r\n',
    '-ERR x\r\n',
    ':3\r\n',
    '$-1\r\n',
    '*-1\r\n',
    '_\r\n',
    '=5\r\ntxt:x\r\n',
    '%1\r\n+k\r\n*1\r\n:1\r\n',
  ].map(other),
  other(`>3\r\n${text('subscribe')}${text('live:{a}')}:1\r\n`),
  other(`*3\r\n${text('psubscribe')}${text('message')}:2\r\n`),
  other(`*2\r\n${text('pong')}${text('')}`),
];

function other(bytes: string): readonly [Heard, string] {
  return [['other', bytes], bytes];
}

function hear(bytes: Buffer, cuts: readonly number[]): Heard[] {
  const heard: Heard[] = [];
  const reader = new MessageReader({
    message: (channel, content) => void heard.push(['message', channel, content.toString()]),
    other: (reply) => void heard.push(['other', reply.toString()]),
  });
  let start = 0;
  for (const end of [...cuts.map((cut) => cut % bytes.length), bytes.length].toSorted((a, b) => a - b)) {
    if (end > start) reader.received(bytes.subarray(start, end));
    start = end;
  }
  return heard;
}

test('messages are told apart from everything else, in their order, however they are cut into pieces', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...MESSAGES), { minLength: 1 }), fc.array(fc.nat()), (all, cuts) => {
      const bytes = Buffer.from(all.map(([, each]) => each).join(''));
      expect(hear(bytes, cuts)).toEqual(all.map(([heard]) => heard));
    }),
  );
});

test('each message is heard at every place where it can be cut', () => {
  for (const [heard, text] of MESSAGES) {
    const bytes = Buffer.from(text);
    for (let cut = 1; cut < bytes.length; cut += 1) expect(hear(bytes, [cut])).toEqual([heard]);
  }
});

test('who hears a message and fails does not keep the next one back', () => {
  const [[, bytes]] = MESSAGES as [(typeof MESSAGES)[number]];
  let heard = 0;
  const reader = new MessageReader({
    message: () => {
      heard += 1;
      if (heard === 1) throw new Error('a listener fails');
    },
    other: () => {},
  });
  expect(() => reader.received(Buffer.from(bytes + bytes))).toThrow('a listener fails');
  expect(heard).toBe(2);
});

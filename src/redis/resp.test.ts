import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { RedisFailure } from './failure.ts';
import { Arguments, encodeCommand, flatArguments, ReplyReader, UNFINISHED } from './resp.ts';

/** What is read of the bytes, cut into pieces at these places. */
function readInPieces(bytes: Buffer, cuts: readonly number[]): unknown[] {
  const reader = new ReplyReader();
  const replies: unknown[] = [];
  const ends = [...new Set(cuts.map((cut) => cut % bytes.length)), bytes.length].toSorted((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    reader.add(bytes.subarray(start, end));
    start = end;
    for (let reply = reader.next(); reply !== UNFINISHED; reply = reader.next()) replies.push(reply);
  }
  return replies;
}

function encodeReply(value: unknown): string {
  if (value === null) return '$-1\r\n';
  if (typeof value === 'number') return `:${value}\r\n`;
  if (typeof value === 'string') return `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
  const items = value as readonly unknown[];
  return `*${items.length}\r\n${items.map(encodeReply).join('')}`;
}

test('replies are read as they were meant, however they are cut into pieces', () => {
  const leaf = fc.oneof(fc.constant(null), fc.integer(), fc.string({ unit: 'binary' }), fc.constant('a\r\n$b'));
  const reply = fc.oneof(leaf, fc.array(leaf), fc.array(fc.array(leaf)));
  fc.assert(
    fc.property(fc.array(reply, { minLength: 1 }), fc.array(fc.nat()), (replies, cuts) => {
      const bytes = Buffer.from(replies.map(encodeReply).join(''));
      expect(readInPieces(bytes, cuts)).toEqual(replies);
    }),
  );
});

test('what only HELLO 3 brings is read as the client library gives it', () => {
  const bytes = Buffer.from(
    '_\r\n#t\r\n#f\r\n,1.5\r\n(123\r\n=6\r\ntxt:ab\r\n~1\r\n:1\r\n%1\r\n+k\r\n+v\r\n>1\r\n+p\r\n*-1\r\n:-7\r\n',
  );
  const expected = [null, 1, 0, '1.5', '123', 'ab', [1], ['k', 'v'], ['p'], null, -7];
  for (let cut = 0; cut < bytes.length; cut += 1) expect(readInPieces(bytes, [cut])).toEqual(expected);
});

test('an error is a failure and not a text', () => {
  const [error, long] = readInPieces(Buffer.from('-OOM command not allowed\r\n!10\r\nNOSCRIPT x\r\n'), [3]);
  expect(error).toBeInstanceOf(RedisFailure);
  expect(error).toMatchObject({ code: 'OOM', outcome: 'unavailable' });
  expect(long).toMatchObject({ code: 'NOSCRIPT' });
});

test('what is no reply is told', () => {
  expect(() => readInPieces(Buffer.from('hello\r\n'), [])).toThrow('expected a reply of Redis');
});

test('a command is its parts with their lengths in bytes; arguments that were encoded before count one by one', () => {
  expect(encodeCommand(['SET', 'ä', 12])).toBe('*3\r\n$3\r\nSET\r\n$2\r\nä\r\n$2\r\n12\r\n');
  const shared = new Arguments('k', 0, '');
  expect(encodeCommand(['EVALSHA', shared, 'end'])).toBe(encodeCommand(['EVALSHA', 'k', 0, '', 'end']));
  expect(flatArguments([shared, 'end'])).toEqual(['k', 0, '', 'end']);
});

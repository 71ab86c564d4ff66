/**
 * Every pattern of the source and every function that walks text from outside takes time in proportion to it: one
 * expression that backtracks is enough to stop a node with one header (`Bearer`, 15,900 spaces, U+2028).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { bearerText, bearerToken, findToken, negotiate } from '../../src/node/handshake.ts';
import { clientAddress } from '../../src/node/client-address.ts';
import { isOriginAllowed } from '../../src/node/origins.ts';
import { pageOf } from '../../src/http/page-query.ts';
import { readPlainBroadcast } from '../../src/protocol/json-broadcast.ts';
import { DEFAULT_CODEC } from '../../src/protocol/codecs.ts';
import { sliceElements, sliceField, sliceMember } from '../../src/protocol/json-slice.ts';
import { scanProblem } from '../../src/protocol/msgpack-scan.ts';
import { covers, isSupportedPattern, isTopicName, matches, overlaps } from '../../src/protocol/topic.ts';
import { loneSurrogateAt } from '../../src/protocol/text.ts';
import { tracePattern } from '../../src/protocol/trace-pattern.ts';
import { boundedFields, boundedMessage } from '../../src/telemetry/log-bounds.ts';
import { growthOf, LINEAR, timeOf, type Prepare } from '../harness/growth.ts';

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));
/** The largest head of a request, the largest message. */
const HEAD = 16_000;
const MESSAGE = 65_536;

/** Literals in source text: after something that cannot end an operand, closed outside of a class. */
const LITERAL =
  /(?:[(,=:?!&|[]|return) *\/(?![*/ ])((?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([dgimsuvy]*)(?=[\s.,;)\]:])/g;
/** Texts that a pattern may have to go through more than once. */
const UNITS = [
  ' ',
  'a',
  'A',
  '0',
  '.',
  ':',
  ',',
  '"',
  '-',
  '/',
  '_',
  '*',
  '%',
  '&',
  '{',
  '\u2028',
  'a.',
  'a:',
  '1:',
  'a,',
];
const TAILS = ['', '\u2028x', '!', '\n'];

interface Literal {
  readonly where: string;
  readonly pattern: RegExp;
}

/** All of the server and its tools, so that nobody has to decide whose text a pattern will meet. */
function literals(): Literal[] {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .flatMap((file) =>
      readFileSync(`${SOURCE}${file}`, 'utf8')
        .split('\n')
        .filter((line) => !/^\s*(?:\*|\/[/*])/.test(line))
        .flatMap((line) => [...line.matchAll(LITERAL)])
        .map(([, source = '', flags = '']) => ({
          where: `${file} /${source}/${flags}`,
          pattern: new RegExp(source, flags),
        })),
    );
}

/** What a pattern wants first, as far as it says so in plain characters. */
function headOf({ source }: RegExp): string {
  return /^\^?([A-Za-z@":, ]*)(?![*?])/.exec(source)?.[1] ?? '';
}

function inputs(pattern: RegExp): ((size: number) => string)[] {
  const heads = [...new Set(['', headOf(pattern), headOf(pattern).slice(0, -1)])];
  return heads.flatMap((head) =>
    UNITS.flatMap((unit) =>
      TAILS.map((tail) => (size: number) => head + unit.repeat(Math.ceil(size / unit.length)) + tail),
    ),
  );
}

function search(pattern: RegExp, text: string): () => void {
  return () => {
    pattern.lastIndex = 0;
    if (pattern.global) text.replaceAll(pattern, '');
    else pattern.exec(text);
  };
}

const LITERALS = literals();

test('the patterns are found where they stand', () => {
  const found = LITERALS.map(({ where }) => where);
  expect(found.length).toBeGreaterThan(50);
  expect(found).toContain('node/handshake.ts /^Bearer +(\\S+)$/i');
  expect(found).toContain('protocol/json-broadcast.ts /[ -[\\]-\\uffff]*/y');
});

test('a pattern that backtracks would be noticed', () => {
  expect(worstGrowth(/^Bearer +(.*\S) *$/i, HEAD / 4)).toBeGreaterThan(LINEAR);
});

test.each(LITERALS)('$where is linear', ({ pattern }) => {
  expect(worstGrowth(pattern)).toBeLessThanOrEqual(LINEAR);
});

/** Of the text that it takes longest for. */
function worstGrowth(pattern: RegExp, size = HEAD): number {
  // A short size first: what is quadratic shows there already.
  const [worst] = inputs(pattern)
    .map((input) => ({ input, ms: shortestOf(search(pattern, input(size / 8))) }))
    .toSorted((a, b) => b.ms - a.ms);
  return worst === undefined ? Number.NaN : growthOf((length) => search(pattern, worst.input(length)), size);
}

/** The first run of an expression compiles it, which takes longer than what is looked for. */
function shortestOf(work: () => void): number {
  return Math.min(...Array.from({ length: 3 }, () => timeOf(work)));
}

const text = (make: (size: number) => string, use: (text: string) => unknown): Prepare => {
  return (size) => {
    const input = make(size);
    return () => void use(input);
  };
};
const bytes = (make: (size: number) => Uint8Array, use: (bytes: Uint8Array) => unknown): Prepare => {
  return (size) => {
    const input = make(size);
    return () => void use(input);
  };
};
const handshake = {
  upgrade: 'websocket',
  connection: 'upgrade',
  version: '13',
  key: 'dGhlIHNhbXBsZSBub25jZQ==',
  protocol: '',
  contentLength: '',
  transferEncoding: '',
  origin: '',
  authorization: '',
  host: '',
  forwardedFor: '',
  repeated: '',
  query: '',
  peer: '192.0.2.1',
};
const proxies = ['192.0.2.0/24', '10.0.0.0/8'];
const json = (value: string): unknown => DEFAULT_CODEC.decode(Uint8Array.from(Buffer.from(value)).buffer, true);
const frame = (payload: string): string => `{"type":"Broadcast","data":{"topic":"a","payload":${payload}}}`;
const acknowledged = (size: number): string =>
  `{"type":"Ack","data":{"positions":{${Array.from({ length: size / 64 }, (_, at) => `"a.${at}":{"epoch":"e","sequence":1}`).join(',')}}}}`;

/** Frames that are read by the platform's own parser, and that parser alone on the same text. */
const parsedWhole = (make: (size: number) => string): { work: Prepare; platform: Prepare } => ({
  work: text(make, json),
  platform: text(make, parsed),
});

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

const WORK: readonly { name: string; size: number; work: Prepare; platform?: Prepare }[] = [
  {
    name: 'the bearer token of an operator, spaces',
    size: HEAD,
    work: text((size) => `Bearer${' '.repeat(size)}\u2028x`, bearerText),
  },
  {
    name: 'the bearer token of a client, spaces',
    size: HEAD,
    work: text((size) => `Bearer${' '.repeat(size)}\u2028x`, bearerToken),
  },
  {
    name: 'an origin',
    size: HEAD,
    work: text(
      (size) => `https://${'a.'.repeat(size / 2)}`,
      (origin) => isOriginAllowed(origin, ['https://*.a']),
    ),
  },
  {
    name: 'hops of proxies',
    size: HEAD,
    work: text(
      (size) => '10.0.0.1,'.repeat(size / 9),
      (forwardedFor) => clientAddress({ peer: '192.0.2.1', forwardedFor }, proxies),
    ),
  },
  {
    name: 'offered subprotocols',
    size: HEAD,
    work: text(
      (size) => 'a,'.repeat(size / 2),
      (protocol) => [findToken({ ...handshake, protocol }, true), negotiate({ ...handshake, protocol })],
    ),
  },
  {
    name: 'a query',
    size: HEAD,
    work: text(
      (size) => 'a=%20&'.repeat(size / 6),
      (query) => negotiate({ ...handshake, query }),
    ),
  },
  {
    name: 'the query of a page',
    size: HEAD,
    work: text(
      (size) => `since=${':1'.repeat(size / 2)}`,
      (query) => pageOf('a', new URLSearchParams(query)),
    ),
  },
  { name: 'a topic name', size: HEAD, work: text((size) => 'a.'.repeat(size / 2), isTopicName) },
  { name: 'a pattern', size: HEAD, work: text((size) => '*.'.repeat(size / 2), isSupportedPattern) },
  {
    name: 'a pattern against a name',
    size: HEAD,
    work: text(
      (size) => 'a.'.repeat(size / 2),
      (name) => matches(`${name.replaceAll('a', '*')}b`, `${name}a`),
    ),
  },
  {
    name: 'patterns against each other',
    size: HEAD,
    work: text(
      (size) => '*.'.repeat(size / 2),
      (pattern) => [covers(pattern, pattern), overlaps(pattern, pattern)],
    ),
  },
  { name: 'a traced name', size: HEAD, work: text((size) => `@user:${'@'.repeat(size)}`, tracePattern) },
  { name: 'a log message', size: MESSAGE, work: text((size) => '\u0007'.repeat(size), boundedMessage) },
  {
    name: 'fields of a log line',
    size: MESSAGE,
    work: text(
      (size) => '\u0007'.repeat(size),
      (value) => boundedFields({ value, object: { value } }),
    ),
  },
  {
    name: 'a Broadcast, a text',
    size: MESSAGE,
    work: text((size) => frame(`"${'x'.repeat(size)}"`), readPlainBroadcast),
  },
  { name: 'a Broadcast, escapes', size: MESSAGE, work: text((size) => frame(`"${'\\"'.repeat(size / 2)}"`), json) },
  {
    name: 'a Broadcast, backslashes',
    size: MESSAGE,
    work: text((size) => frame(`"${'\\\\'.repeat(size / 2)}"`), json),
  },
  { name: 'a Broadcast, spaces', size: MESSAGE, work: text((size) => frame(' '.repeat(size)), json) },
  { name: 'a Broadcast, brackets', size: MESSAGE, work: text((size) => frame(`[${'[],'.repeat(size / 3)}[]]`), json) },
  {
    name: 'lone surrogates, backslashes',
    size: MESSAGE,
    work: text((size) => `"${String.raw`\ud83d\ude00`}${'\\\\'.repeat(size / 2)}"`, loneSurrogateAt),
  },
  { name: 'nesting without end', size: MESSAGE, ...parsedWhole((size) => frame('['.repeat(size))) },
  {
    name: 'many equal keys',
    size: MESSAGE,
    ...parsedWhole((size) => `{${'"type":"Ping",'.repeat(size / 14)}"id":"x"}`),
  },
  {
    name: 'many keys',
    size: MESSAGE,
    work: text((size) => frame(`{${Array.from({ length: size / 8 }, (_, at) => `"k${at}":1`).join(',')}}`), json),
  },
  { name: 'an Ack of many positions', size: MESSAGE, work: text(acknowledged, json) },
  { name: 'a batch', size: MESSAGE, ...parsedWhole((size) => `[${'{},'.repeat(size / 3)}{}]`) },
  {
    name: 'a member, quotes',
    size: MESSAGE,
    work: text(
      (size) => `{"a":{"b":"${'\\"'.repeat(size / 2)}"}}`,
      (value) => [sliceMember(value, 'a', 'b'), sliceField(value, 'c')],
    ),
  },
  { name: 'elements', size: MESSAGE, work: text((size) => `[${'"\\\\",'.repeat(size / 5)}1]`, sliceElements) },
  {
    name: 'MessagePack, empty maps',
    size: MESSAGE,
    work: bytes(
      (size) => Uint8Array.from([0xdc, size >> 8, size & 0xff, ...new Uint8Array(size).fill(0x80)]),
      scanProblem,
    ),
  },
  {
    name: 'MessagePack, one-element arrays',
    size: MESSAGE,
    work: bytes((size) => new Uint8Array(size).fill(0x91), scanProblem),
  },
];

test.each(WORK)('$name: twice the text takes at most 2.5 times as long', ({ size, work, platform }) => {
  expect(growthOf(work, size, platform)).toBeLessThanOrEqual(LINEAR);
});

test('a step of the platform itself is no growth of ours, and what grows beside it is seen', () => {
  const step: Readonly<Record<number, number>> = { 8_192: 50, 32_768: 200, 65_536: 1_300 };
  let sum = 0;
  const counting = (thousands: (size: number) => number): Prepare => {
    return (size) => () => {
      for (let at = thousands(size) * 1_000; at > 0; at -= 1) sum = (sum * 31 + at) | 0;
    };
  };
  const platform = (size: number): number => step[size] ?? 0;
  const beside = (power: number): number =>
    growthOf(
      counting((size) => platform(size) + 1_000 * (size / 32_768) ** power),
      MESSAGE,
      counting(platform),
    );
  expect(beside(1)).toBeLessThanOrEqual(LINEAR);
  expect(beside(2)).toBeGreaterThan(LINEAR);
});

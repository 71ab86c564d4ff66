import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codecNamed } from '../protocol/codecs.ts';
import { clientAddress, networkOf } from './client-address.ts';
import {
  findToken,
  handshakeProblem,
  negotiate,
  wantsFramePings,
  wantsRefusalAsClose,
  type Handshake,
} from './handshake.ts';

const GOOD: Handshake = {
  upgrade: 'websocket',
  connection: 'Upgrade',
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

function handshake(change: Partial<Handshake>): Handshake {
  return { ...GOOD, ...change };
}

describe('the handshake of RFC 6455', () => {
  const accepted: readonly Partial<Handshake>[] = [
    {},
    { upgrade: 'WebSocket' },
    { connection: 'upgrade' },
    { connection: 'keep-alive, Upgrade' },
    { connection: 'keep-alive,upgrade,x' },
    { contentLength: '0' },
  ];

  test.each(accepted)('%j is one', (change) => {
    expect(handshakeProblem(handshake(change))).toBeNull();
  });

  const refused: readonly (readonly [Partial<Handshake>, string])[] = [
    [{ upgrade: '' }, 'upgrade_required'],
    [{ repeated: 'content-length' }, 'bad_handshake'],
    [{ upgrade: 'h2c' }, 'upgrade_required'],
    [{ upgrade: 'websocket2' }, 'upgrade_required'],
    [{ connection: '' }, 'bad_handshake'],
    [{ connection: 'keep-alive' }, 'bad_handshake'],
    [{ connection: 'upgraded' }, 'bad_handshake'],
    [{ connection: 'no upgrade' }, 'bad_handshake'],
    [{ version: '' }, 'upgrade_required'],
    [{ version: '8' }, 'upgrade_required'],
    [{ version: '13, 8' }, 'upgrade_required'],
    [{ version: '013' }, 'upgrade_required'],
    [{ key: '' }, 'bad_handshake'],
    [{ key: 'dGhlIHNhbXBsZSBub25jZQ' }, 'bad_handshake'],
    [{ key: 'dGhlIHNhbXBsZSBub25jZQ=' }, 'bad_handshake'],
    [{ key: 'dGhlIHNhbXBsZSBub25jZSE=' }, 'bad_handshake'],
    [{ key: 'dGhlIHNhbXBsZSBub25jZQ==\n' }, 'bad_handshake'],
    [{ key: '!GhlIHNhbXBsZSBub25jZQ==' }, 'bad_handshake'],
    [{ contentLength: '5' }, 'bad_handshake'],
    [{ contentLength: '00' }, 'bad_handshake'],
    [{ transferEncoding: 'chunked' }, 'bad_handshake'],
  ];

  test.each(refused)('%j is none: %s', (change, reason) => {
    expect(handshakeProblem(handshake(change))).toMatchObject({ reason });
  });

  test('a plain request is told first that it has to upgrade', () => {
    const plain = { upgrade: '', connection: 'keep-alive', version: '', key: '', contentLength: '5' };
    expect(handshakeProblem(handshake(plain))).toMatchObject({ reason: 'upgrade_required' });
  });
});

describe('the token', () => {
  const everywhere = handshake({
    authorization: 'Bearer from-header',
    protocol: 'signalbox.json, access_token.from-protocol',
    query: 'token=from-query',
  });

  test('is looked for in the header, then in the subprotocols, then in the query', () => {
    expect(findToken(everywhere, true)).toBe('from-header');
    expect(findToken({ ...everywhere, authorization: '' }, true)).toBe('from-protocol');
    expect(findToken({ ...everywhere, authorization: '', protocol: '' }, true)).toBe('from-query');
    expect(findToken(GOOD, true)).toBeNull();
  });

  test.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER   abc', 'abc'],
    ['Bearer', null],
    ['Bearer ', null],
    ['Basic abc', null],
    ['abc', null],
    ['Bearer abc def', null],
  ])('of the header %j is %j', (authorization, token) => {
    expect(findToken(handshake({ authorization }), true)).toBe(token);
  });

  test('in another scheme of authorization does not hide one in another place', () => {
    expect(findToken({ ...everywhere, authorization: 'Basic abc' }, true)).toBe('from-protocol');
  });

  test('among the subprotocols needs a subprotocol beside it that can be echoed', () => {
    const alone = { protocol: 'access_token.abc' };
    expect(findToken(handshake(alone), true)).toMatchObject({ reason: 'bad_handshake' });
    expect(findToken(handshake({ protocol: 'access_token.abc, chat' }), true)).toMatchObject({
      reason: 'bad_handshake',
    });
    expect(findToken(handshake({ protocol: 'access_token.a.b.c,signalbox.msgpack+batch' }), true)).toBe('a.b.c');
  });

  test('of the query can be turned off, and an empty one is none', () => {
    const query = handshake({ query: 'x=1&token=a.b.c' });
    expect(findToken(query, true)).toBe('a.b.c');
    expect(findToken(query, false)).toMatchObject({ reason: 'token_missing' });
    expect(JSON.stringify(findToken(query, false))).not.toContain('a.b.c');
    for (const text of ['token=', 'x=1', 'tokens=a', '']) {
      expect(findToken(handshake({ query: text }), false)).toBeNull();
    }
    expect(findToken({ ...everywhere, authorization: '' }, false)).toBe('from-protocol');
  });
});

test('a query is read as every reader of forms does, however it is written', () => {
  const pieces = fc.constantFrom(
    'token',
    'format',
    'tok',
    '=',
    '&',
    'a.b-c',
    'json',
    '%3D',
    '%74',
    '+',
    '?',
    'batch',
    '1',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (list) => {
      const query = list.join('');
      const parameters = new URLSearchParams(query);
      expect(findToken(handshake({ query }), true)).toBe(parameters.get('token') || null);
      expect(wantsFramePings(handshake({ query: `${query}&heartbeat=frame` }))).toBe(
        new URLSearchParams(`${query}&heartbeat=frame`).get('heartbeat') === 'frame',
      );
      const format = parameters.get('format') ?? 'json';
      if (format === 'json') {
        const batching = parameters.get('batch') === '1';
        expect(negotiate(handshake({ query }))).toMatchObject({ codec: codecNamed('json'), batching });
      } else expect(negotiate(handshake({ query }))).toMatchObject({ reason: 'bad_handshake' });
    }),
  );
});

describe('format and batching', () => {
  test.each([
    ['', '', 'json', false, undefined],
    ['signalbox.json', '', 'json', false, 'signalbox.json'],
    ['signalbox.json+batch', '', 'json', true, 'signalbox.json+batch'],
    ['signalbox.msgpack', '', 'msgpack', false, 'signalbox.msgpack'],
    ['signalbox.msgpack+batch', '', 'msgpack', true, 'signalbox.msgpack+batch'],
    ['access_token.abc,  signalbox.msgpack', '', 'msgpack', false, 'signalbox.msgpack'],
    ['chat, signalbox.msgpack, signalbox.json', '', 'msgpack', false, 'signalbox.msgpack'],
    ['signalbox.json', 'format=msgpack', 'json', false, 'signalbox.json'],
    ['signalbox.json', 'batch=1', 'json', true, 'signalbox.json'],
    ['', 'format=msgpack', 'msgpack', false, undefined],
    ['', 'format=json&batch=1', 'json', true, undefined],
    ['', 'batch=0', 'json', false, undefined],
    ['', 'batch=true', 'json', false, undefined],
  ] as const)('offer %j and query %j', (protocol, query, format, batching, subprotocol) => {
    expect(negotiate(handshake({ protocol, query }))).toEqual({ codec: codecNamed(format), batching, subprotocol });
  });

  test.each([
    ['chat', ''],
    ['signalbox.v2.json', ''],
    ['Signalbox.JSON', ''],
    ['signalbox', 'format=json'],
    [',', ''],
    ['', 'format=xml'],
    ['', 'format='],
    ['', 'format=JSON'],
  ])('offer %j and query %j are refused', (protocol, query) => {
    expect(negotiate(handshake({ protocol, query }))).toMatchObject({ reason: 'bad_handshake' });
  });

  test('a token among the offers is neither echoed nor quoted', () => {
    const answers = ['access_token.secret', 'access_token.secret, chat', 'access_token.secret, signalbox.json'];
    for (const protocol of answers) {
      expect(JSON.stringify(negotiate(handshake({ protocol })))).not.toContain('secret');
    }
    expect(negotiate(handshake({ protocol: 'access_token.secret' }))).toMatchObject({ subprotocol: undefined });
  });
});

describe('wishes', () => {
  test('a refusal comes as a close to pages, and to programs that ask for it', () => {
    expect(wantsRefusalAsClose(GOOD)).toBe(false);
    expect(wantsRefusalAsClose(handshake({ origin: 'https://a.example' }))).toBe(true);
    expect(wantsRefusalAsClose(handshake({ query: 'refuse=close' }))).toBe(true);
    expect(wantsRefusalAsClose(handshake({ query: 'refuse=http' }))).toBe(false);
  });

  test('frame pings come only when they are asked for', () => {
    expect(wantsFramePings(GOOD)).toBe(false);
    expect(wantsFramePings(handshake({ query: 'a=b&heartbeat=frame' }))).toBe(true);
    expect(wantsFramePings(handshake({ query: 'heartbeat=frames' }))).toBe(false);
  });
});

describe('the address of a client', () => {
  const trusted = ['10.0.0.1', '10.0.0.2'];

  test.each([
    ['192.0.2.1', '', '192.0.2.1'],
    ['192.0.2.1', '203.0.113.9', '192.0.2.1'],
    ['192.0.2.1', '10.0.0.1', '192.0.2.1'],
    ['10.0.0.1', '', '10.0.0.1'],
    ['10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['10.0.0.1', '203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['10.0.0.1', 'made.up, 203.0.113.9', '203.0.113.9'],
    ['10.0.0.1', 'made.up,203.0.113.9 ,  10.0.0.2', '203.0.113.9'],
    ['10.0.0.1', '10.0.0.2, 10.0.0.1', '10.0.0.1'],
    ['10.0.0.1', ' , ,', '10.0.0.1'],
    ['10.0.0.1', '2001:db8::9', '2001:db8::9'],
  ])('of the peer %s with %j is %s', (peer, forwardedFor, address) => {
    expect(clientAddress(handshake({ peer, forwardedFor }), trusted)).toBe(address);
  });

  test.each([
    ['10.1.2.3', '203.0.113.9, 10.200.0.1', '203.0.113.9'],
    ['11.0.0.1', '203.0.113.9', '11.0.0.1'],
    ['fd00::1', '2001:db8::9, fd12:3456::7', '2001:db8::9'],
    ['::ffff:10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['10.1.2.3', '203.0.113.9, 10.0.0.1.evil.example', '10.1.2.3'],
  ])('networks: peer %s with X-Forwarded-For %j is %s', (peer, forwardedFor, address) => {
    const networks = ['10.0.0.0/8', 'fd00::/8'];
    expect(clientAddress(handshake({ peer, forwardedFor }), networks)).toBe(address);
  });

  test.each([
    ['203.0.113.9:51234', '203.0.113.9'],
    ['[2001:db8::9]:443', '2001:db8::9'],
    ['[2001:db8::9]', '2001:db8::9'],
    ['2001:0DB8:0:0::0009', '2001:db8::9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['0:0:0:0:0:ffff:cb00:7109', '203.0.113.9'],
    ['any text', '10.0.0.1'],
    ['203.0.113.9:x', '10.0.0.1'],
    ['203.0.113.7, unknown', '10.0.0.1'],
    ['203.0.113.9, 10.0.0.2:8080', '203.0.113.9'],
  ])('has one spelling: %j is %s', (forwardedFor, address) => {
    expect(clientAddress(handshake({ peer: '::ffff:10.0.0.1', forwardedFor }), trusted)).toBe(address);
  });

  test('limits count IPv6 by its /64, and IPv4 by the address', () => {
    expect(networkOf('2001:db8:1:2::9')).toBe('2001:db8:1:2::/64');
    expect(networkOf('2001:db8:1:2:ffff:1:2:3')).toBe('2001:db8:1:2::/64');
    expect(networkOf('203.0.113.9')).toBe('203.0.113.9');
  });

  test('is the peer where no proxy is trusted', () => {
    expect(clientAddress(handshake({ forwardedFor: '203.0.113.9' }), [])).toBe('192.0.2.1');
  });
});

/** Handshakes and requests that are slow, broken or ambiguous: docs/security.md, "Handshakes". */
import { beforeAll, describe, expect, test } from 'vitest';
import { Campaign } from '../harness/campaign.ts';
import { eventually, within } from '../harness/deadline.ts';
import { handshake } from '../harness/raw.ts';
import { handshakeText, OPCODE, rawFrame, RawSocket } from '../harness/raw-socket.ts';
import { tokenOf } from '../harness/tokens.ts';

const campaign = new Campaign();
beforeAll(() => campaign.start());

/** The socket library looks at its deadlines every four seconds; ten seconds become fourteen at most. */
const HEAD_DEADLINE_MS = 16_000;

const SLOW: readonly { name: string; start: (text: string) => string; next: (text: string, at: number) => string }[] = [
  { name: 'a connection that says nothing', start: () => '', next: () => '' },
  { name: 'a head that never ends', start: (text) => text.slice(0, 60), next: () => '' },
  { name: 'one byte at a time', start: (text) => text.slice(0, 1), next: (text, at) => text.slice(at, at + 1) },
  { name: 'headers without end', start: (text) => text.slice(0, -2), next: (_, at) => `X-${at}: y\r\n` },
  {
    name: 'a line that ends in a bare CR',
    start: () => 'GET /info HTTP/1.1\r\nHost: x\r\nX: y\rX: z\r\n\r\n',
    next: () => '',
  },
  {
    name: 'a body that never comes',
    start: () => 'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc',
    next: () => '',
  },
  {
    name: 'an answered request and then nothing',
    start: () => 'GET /info HTTP/1.1\r\nHost: x\r\n\r\n',
    next: () => '',
  },
];

test('slow handshakes end by themselves, however they are slow, two hundred of them beside the witness', async () => {
  await campaign.besideWitness(async () => {
    const text = await handshakeText('mallory');
    const crowd = Array.from({ length: 200 }, (_, at) => SLOW[at % SLOW.length] ?? SLOW[0]);
    const ends = crowd.map(async (slow) => {
      const socket = await RawSocket.open(campaign.port);
      socket.write(slow?.start(text) ?? '');
      let at = 0;
      const drip = setInterval(() => {
        at += 1;
        const more = slow?.next(text, at) ?? '';
        if (more !== '' && !socket.isClosed) socket.write(more);
      }, 400);
      try {
        await within(socket.closed, `the library to lose patience with ${slow?.name}`, HEAD_DEADLINE_MS);
      } finally {
        clearInterval(drip);
      }
      expect(socket.text).not.toContain('101 Switching');
    });
    expect(await campaign.connections()).toBe(2);
    await Promise.all(ends);
  });
});

describe('broken handshakes', () => {
  test.each([
    ['Sec-WebSocket-Version', '0', 426],
    ['Sec-WebSocket-Version', '7', 426],
    ['Sec-WebSocket-Version', '8', 426],
    ['Sec-WebSocket-Version', '14', 426],
    ['Sec-WebSocket-Version', '13, 8', 426],
    ['Sec-WebSocket-Version', '013', 426],
    ['Sec-WebSocket-Version', '-13', 426],
    ['Sec-WebSocket-Version', undefined, 426],
    ['Upgrade', undefined, 426],
    ['Upgrade', 'h2c', 426],
    ['Upgrade', 'websocket, h2c', 426],
    ['Connection', undefined, 400],
    ['Connection', 'close', 400],
    ['Connection', 'upgraded', 400],
    ['Sec-WebSocket-Key', '', 400],
    ['Sec-WebSocket-Key', undefined, 400],
    ['Sec-WebSocket-Key', 'short', 400],
    ['Sec-WebSocket-Key', 'x'.repeat(24), 400],
    ['Sec-WebSocket-Key', 'x'.repeat(5_000), 400],
    ['Sec-WebSocket-Key', `${'A'.repeat(20)}!!==`, 400],
    ['Content-Length', '5', 400],
    ['Transfer-Encoding', 'chunked', 400],
    ['Transfer-Encoding', 'identity', 400],
  ])('%s: %s is %i', async (name, value, status) => {
    const answer = await handshake(campaign.port, {
      Authorization: `Bearer ${await tokenOf('mallory')}`,
      [name]: value,
    });
    expect(answer.status).toBe(status);
  });

  test.each(['POST', 'PUT', 'HEAD', 'OPTIONS', 'CONNECT', 'ws'])('%s /ws is no handshake', async (method) => {
    const socket = await RawSocket.open(campaign.port);
    socket.write((await handshakeText('mallory')).replace('GET', method));
    const outcome = await socket.outcome();
    expect([400, 404, 405, 505, 'closed']).toContain(outcome);
  });

  test.each(['/WS', '/ws/', '//ws', '/./ws', '/x/../ws', '/%77s', '/ws%00', '/ws;x', '/ws/x'])(
    '%s is not /ws',
    async (path) => {
      const answer = await handshake(campaign.port, { Authorization: `Bearer ${await tokenOf('mallory')}` }, path);
      expect(answer.status).toBe(404);
    },
  );
});

describe('requests that two readers would read differently', () => {
  const good = 'GET /info HTTP/1.1\r\nHost: x\r\n';

  test.each([
    ['two lengths', 'Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello'],
    ['two lengths, the other way round', 'Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello'],
    ['two equal lengths', 'Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello'],
    ['a list of lengths', 'Content-Length: 5, 5\r\n\r\nhello'],
    ['a negative length', 'Content-Length: -1\r\n\r\n'],
    ['a signed length', 'Content-Length: +5\r\n\r\nhello'],
    ['a length in hexadecimal', 'Content-Length: 0x5\r\n\r\nhello'],
    ['a length with something behind it', 'Content-Length: 5abc\r\n\r\nhello'],
    ['a length beyond 64 bits', 'Content-Length: 99999999999999999999999\r\n\r\n'],
    ['a length and an encoding', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two encodings', 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a space before the colon', 'Content-Length : 5\r\n\r\nhello'],
    ['a folded line', 'X-A: b\r\n c\r\n\r\n'],
    ['a NUL in a value', 'X-A: b\0c\r\n\r\n'],
  ])('%s: the connection ends, and nothing behind it is a request', async (_name, rest) => {
    for (const line of [good, good.replace('/info', '/nowhere')]) {
      const socket = await RawSocket.open(campaign.port);
      // What a smuggled request would look like.
      socket.write(`${line}${rest}GET /health HTTP/1.1\r\nHost: x\r\n\r\n`);
      await within(socket.closed, 'the end of the connection');
      expect([0, 400, 505]).toContain(socket.status);
      expect(socket.text).not.toContain('healthy');
      expect(socket.text).not.toContain('"signalbox"');
    }
  });

  test.each(['Host: y', 'Authorization: Bearer b\r\nAuthorization: Bearer c', 'Origin: a\r\nOrigin: b'])(
    'another %s is refused',
    async (lines) => {
      const socket = await RawSocket.open(campaign.port);
      socket.write(`${good}${lines}\r\n\r\n`);
      await within(socket.closed, 'the end of the connection');
      expect(socket.status).toBe(400);
    },
  );

  test.each([
    ['bare line feeds', 'GET /info HTTP/1.1\nHost: x\n\n'],
    ['no Host', 'GET /info HTTP/1.1\r\n\r\n'],
    ['HTTP/1.0', 'GET /info HTTP/1.0\r\nHost: x\r\n\r\n'],
    ['HTTP/2.0', 'GET /info HTTP/2.0\r\nHost: x\r\n\r\n'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'.repeat(10)],
    ['no request at all', '\0\r\n\r\n'],
  ])('%s is refused and the connection ends', async (_name, text) => {
    const socket = await RawSocket.open(campaign.port);
    socket.write(text);
    await within(socket.closed, 'the end of the connection');
    expect([0, 400, 505]).toContain(socket.status);
  });

  test.each([
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Version: 8',
    'Authorization: Bearer x',
    'Host: y',
  ])('a handshake with another %s', async (line) => {
    const socket = await RawSocket.open(campaign.port);
    socket.write(await handshakeText('mallory', `${line}\r\n`));
    await within(socket.closed, 'the end of the connection');
    expect(socket.status).toBe(400);
  });

  test('a body on an upgrade is never read as the next request', async () => {
    const socket = await RawSocket.open(campaign.port);
    const hidden = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n';
    socket.write((await handshakeText('mallory', `Content-Length: ${hidden.length}\r\n`)) + hidden);
    await within(socket.closed, 'the end of the connection');
    expect([socket.status, socket.text.includes('healthy')]).toEqual([400, false]);
  });
});

describe('pipelining', () => {
  // RFC 6455 section 4.1: a client waits for the answer. The library drops what comes before it has sent one.
  test.each([
    ['a frame', rawFrame({ opcode: OPCODE.text, payload: '{"type":"Ping","id":"early"}' })],
    ['a request', Buffer.from('GET /health HTTP/1.1\r\nHost: x\r\n\r\n')],
  ])('%s right behind the handshake is not read, and the connection lives', async (_name, early) => {
    const socket = await RawSocket.open(campaign.port);
    socket.write(Buffer.concat([Buffer.from(await handshakeText('mallory')), early]));
    await socket.until(() => socket.text.includes('"connected"'), 'the greeting');
    socket.send({ opcode: OPCODE.text, payload: '{"type":"Ping","id":"later"}' });
    await socket.until(() => socket.text.includes('"reply_to":"later"'), 'the reply');
    expect(socket.text).not.toMatch(/healthy|early/);
  });
});

test('request heads beyond 16 KiB are cut off beside the witness', async () => {
  await campaign.besideWitness(async () => {
    for (let at = 0; at < 40; at += 1) {
      const socket = await RawSocket.open(campaign.port);
      socket.write(`GET /ws HTTP/1.1\r\nHost: x\r\n${`X-A: ${'y'.repeat(1_000)}\r\n`.repeat(1 + at)}`);
      if (at < 16) socket.destroy();
      else {
        await within(socket.closed, 'the end of the connection');
        expect(socket.status).toBe(431);
      }
    }
    const socket = await RawSocket.open(campaign.port);
    socket.write(
      `GET /info HTTP/1.1\r\nHost: x\r\n${Array.from({ length: 500 }, (_, at) => `X-${at}: y\r\n`).join('')}\r\n`,
    );
    expect([400, 431]).toContain(await socket.outcome());
  });
});

test('clients that leave in the middle of everything leave nothing behind', async () => {
  await campaign.besideWitness(async () => {
    const text = await handshakeText('mallory');
    for (let cut = 1; cut <= 100; cut += 1) {
      const socket = await RawSocket.open(campaign.port);
      socket.write(text.slice(0, Math.ceil((text.length * cut) / 100)));
      socket.destroy();
    }
    await eventually(async () => (await campaign.connections()) === 2, 'only the witness to be left');
  });
});

test('afterwards', async () => {
  await campaign.expectUnharmed();
});

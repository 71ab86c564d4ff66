/** WebSocket frames that break RFC 6455, and compression bombs: docs/security.md, "Frames". */
import { constants, deflateRawSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { Campaign } from '../harness/campaign.ts';
import { eventually, within } from '../harness/deadline.ts';
import { OPCODE, rawFrame, RawSocket, type FrameParts } from '../harness/raw-socket.ts';

const campaign = new Campaign();
const compressing = new Campaign();
beforeAll(async () => {
  await Promise.all([campaign.start(), compressing.start({ 'websocket.compression': 'true' })]);
});

const { text, binary, continuation, close, ping } = OPCODE;
const PING = '{"type":"Ping","id":"after"}';

async function expectCutOff(on: Campaign, frames: readonly FrameParts[], more = ''): Promise<void> {
  const socket = await RawSocket.upgraded(on.port, 'mallory', more);
  for (const frame of frames) socket.send(frame);
  socket.send({ opcode: text, payload: PING });
  await within(socket.closed, 'the connection to be cut off');
  expect(socket.text).not.toContain('"reply_to":"after"');
}

const CUT_OFF: readonly { name: string; frames: readonly FrameParts[] }[] = [
  ...[1, 2, 3, 4, 5, 6, 7].map((reserved) => ({
    name: `reserved bits ${reserved}`,
    frames: [{ opcode: text, payload: '{}', reserved }],
  })),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => ({ name: `opcode ${opcode}`, frames: [{ opcode }] })),
  { name: 'a fragmented ping', frames: [{ opcode: ping, payload: 'x', fin: false }] },
  { name: 'a fragmented close', frames: [{ opcode: close, fin: false }] },
  { name: 'a ping of 126 bytes', frames: [{ opcode: ping, payload: 'x'.repeat(126) }] },
  { name: 'a close of 126 bytes', frames: [{ opcode: close, payload: Buffer.alloc(126, 3) }] },
  { name: 'a continuation of nothing', frames: [{ opcode: continuation, payload: 'x' }] },
  {
    name: 'a text inside a text',
    frames: [
      { opcode: text, payload: '{', fin: false },
      { opcode: text, payload: '}' },
    ],
  },
  { name: 'text that is not UTF-8', frames: [{ opcode: text, payload: Uint8Array.of(0xff, 0xfe) }] },
  { name: 'a surrogate in UTF-8', frames: [{ opcode: text, payload: Uint8Array.of(0xed, 0xa0, 0x80) }] },
  { name: 'an overlong NUL', frames: [{ opcode: text, payload: Uint8Array.of(0xc0, 0x80) }] },
  { name: 'a code point beyond Unicode', frames: [{ opcode: text, payload: Uint8Array.of(0xf4, 0x90, 0x80, 0x80) }] },
  ...[2n ** 20n, 2n ** 32n, 2n ** 62n, 2n ** 63n, 2n ** 64n - 1n].map((declaredLength) => ({
    name: `a frame that claims ${declaredLength} bytes`,
    frames: [{ opcode: text, payload: 'x', declaredLength }],
  })),
  { name: 'a close of one byte', frames: [{ opcode: close, payload: 'x' }] },
  { name: 'close code 999', frames: [{ opcode: close, payload: Uint8Array.of(3, 231) }] },
  { name: 'close code 1005', frames: [{ opcode: close, payload: Uint8Array.of(3, 237) }] },
  { name: 'close code 65535', frames: [{ opcode: close, payload: Uint8Array.of(255, 255) }] },
  { name: 'a close whose reason is not UTF-8', frames: [{ opcode: close, payload: Uint8Array.of(3, 232, 0xff) }] },
  {
    name: 'fragments that add up to more than four messages',
    frames: Array.from({ length: 9 }, (_, at) => ({
      opcode: at === 0 ? text : continuation,
      payload: 'x'.repeat(32_768),
      fin: false,
    })),
  },
];

test.each(CUT_OFF)('$name: cut off', async ({ frames }) => {
  await expectCutOff(campaign, frames);
});

describe('what the library lets pass, and docs/security.md says so', () => {
  test.each([
    { name: 'unmasked frames', frames: [{ opcode: text, payload: PING, masked: false }] },
    {
      name: 'a binary frame inside an unfinished text',
      frames: [
        { opcode: text, payload: PING.slice(0, 10), fin: false },
        { opcode: binary, payload: PING.slice(10) },
      ],
    },
  ])('$name do not disturb the node', async ({ frames }) => {
    await campaign.besideWitness(async () => {
      const socket = await RawSocket.upgraded(campaign.port);
      for (const frame of frames) socket.send(frame);
      socket.destroy();
    });
  });

  test('fragments that never end hold at most four messages in memory, and pings between them are answered', async () => {
    await campaign.besideWitness(async () => {
      const sockets = await Promise.all(
        Array.from({ length: 20 }, (_, at) => RawSocket.upgraded(campaign.port, `mallory-${at}`)),
      );
      for (const socket of sockets) socket.send({ opcode: text, payload: '"', fin: false });
      // Made once: masking them would hold up the witness, who lives in this process.
      const fragment = rawFrame({ opcode: continuation, payload: 'x'.repeat(1_000), fin: false });
      for (let at = 0; at < 200; at += 1) for (const socket of sockets) socket.write(fragment);
      for (const socket of sockets) socket.send({ opcode: ping, payload: 'still here' });
      for (const socket of sockets) await socket.until(() => socket.text.includes('still here'), 'the pong');
      for (const socket of sockets) socket.destroy();
    });
  });
});

describe('compression', () => {
  const EXTENSION = 'Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n';
  /** Reserved bit 1 of three: the message is compressed (RFC 7692 section 6). */
  const compressed = (content: string | Buffer): FrameParts => ({
    opcode: text,
    reserved: 4,
    // Without the four bytes that the receiver adds (section 7.2.1).
    payload: deflateRawSync(content, { level: 9, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4),
  });

  test('off, as delivered: it is not negotiated, and a compressed frame is cut off', async () => {
    const socket = await RawSocket.upgraded(campaign.port, 'mallory', EXTENSION);
    expect(socket.text).not.toMatch(/sec-websocket-extensions/i);
    await expectCutOff(campaign, [compressed(PING)], EXTENSION);
  });

  test('on: good frames are inflated, and a message of up to four times the limit is refused', async () => {
    const socket = await RawSocket.upgraded(compressing.port, 'mallory', EXTENSION);
    expect(socket.text).toMatch(/sec-websocket-extensions: permessage-deflate/i);
    socket.send(compressed(PING));
    await socket.until(() => socket.text.includes('"reply_to":"after"'), 'the reply');
    socket.send(compressed('x'.repeat(200_000)));
    await socket.until(() => socket.text.includes('payload_too_large'), 'the refusal');
  });

  test('on: bombs are cut off at four times the message limit, beside the witness', async () => {
    const bomb = compressed(Buffer.alloc(64 * 1_048_576));
    const nested = compressed(`{"type":"Broadcast","data":{"topic":"a","payload":"${'x'.repeat(8_388_608)}"}}`);
    await compressing.besideWitness(async () => {
      for (let at = 0; at < 30; at += 1) await expectCutOff(compressing, [at % 2 === 0 ? bomb : nested], EXTENSION);
    });
  });

  test('on: what is no deflate stream is cut off', async () => {
    await expectCutOff(compressing, [{ opcode: text, reserved: 4, payload: Buffer.alloc(50, 0xff) }], EXTENSION);
  });

  test('on: a client that did not negotiate it may not compress', async () => {
    await expectCutOff(compressing, [compressed(PING)]);
  });
});

test('a thousand connections that are cut off in their first frame, beside the witness', async () => {
  await campaign.besideWitness(async () => {
    for (let round = 0; round < 20; round += 1) {
      // Of several users: the new connections of one have a rate of their own.
      const upgraded = (): Promise<RawSocket> => RawSocket.upgraded(campaign.port, `mallory-${round}`);
      const sockets = await Promise.all(Array.from({ length: 50 }, upgraded));
      for (const socket of sockets) socket.send({ opcode: text, reserved: 7, payload: 'x' });
      await Promise.all(sockets.map(({ closed }) => within(closed, 'the end')));
    }
    await eventually(async () => (await campaign.connections()) === 2, 'only the witness to be left');
  });
});

test('afterwards', async () => {
  await Promise.all([campaign.expectUnharmed(), compressing.expectUnharmed()]);
});

/** More of everything than anybody needs: docs/security.md, "Floods". */
import { Worker } from 'node:worker_threads';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { Campaign } from '../harness/campaign.ts';
import { connect } from '../harness/client.ts';
import { eventually, within } from '../harness/deadline.ts';
import type { Flood, FloodEnd } from '../harness/flooder.ts';
import { handshake } from '../harness/raw.ts';
import { handshakeText, OPCODE, rawFrame, RawSocket, type FrameParts } from '../harness/raw-socket.ts';
import { tokenOf } from '../harness/tokens.ts';

const campaign = new Campaign();
// A line for every routed message would measure the log.
beforeAll(() =>
  campaign.start(
    { 'websocket.max_connections': '300', 'websocket.max_connections_per_user': '15' },
    { LOG_LEVEL: 'info,connection=debug' },
  ),
);

interface Attack {
  readonly first?: FrameParts;
  readonly frame: FrameParts;
  readonly reads?: boolean;
}

/** Bytes that the flooder hands over at a time. */
const CHUNK = 262_144;

async function flood(user: string, attack: Attack): Promise<FloodEnd> {
  const { end } = await startFlood(user, attack);
  return within(end, `the server to end the flood of ${user}`);
}

/** @returns how it ended, and a way to end it from this side */
async function startFlood(
  user: string,
  { first, frame, reads = true }: Attack,
): Promise<{ readonly end: Promise<FloodEnd>; readonly stop: () => Promise<unknown> }> {
  const one = rawFrame(frame);
  const workerData: Flood = {
    port: campaign.port,
    head: await handshakeText(user),
    first: first === undefined ? new Uint8Array() : rawFrame(first),
    repeated: Buffer.concat(Array.from({ length: Math.ceil(CHUNK / one.byteLength) }, () => one)),
    reads,
  };
  const worker = new Worker(new URL('../harness/flooder.ts', import.meta.url), { workerData });
  onTestFinished(() => void worker.terminate());
  const end = new Promise<FloodEnd>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return { end, stop: () => worker.terminate() };
}

const { text, binary, ping, pong } = OPCODE;
const frame = (content: object): FrameParts => ({ opcode: text, payload: JSON.stringify(content) });

/** Frames that are read count as malformed; on a busy machine so many come in one turn that their number ends it first. */
const MALFORMED = [4010, 4103, 1006];
const FLOODS: readonly { name: string; attack: Attack; codes: readonly number[] }[] = [
  { name: 'Ping frames', attack: { frame: frame({ type: 'Ping', id: 'x' }) }, codes: [4103, 1006] },
  {
    name: 'acknowledgements, which cost nothing',
    attack: { frame: frame({ type: 'Ack', data: { positions: { a: { epoch: 'x', sequence: 1 } } } }) },
    codes: [4103, 1006],
  },
  {
    name: 'publications',
    attack: { frame: frame({ type: 'Broadcast', id: 'x', data: { topic: 'flood.a', payload: 'x'.repeat(200) } }) },
    codes: [4103, 1006],
  },
  {
    name: 'subscribes and unsubscribes of a hundred topics each',
    attack: {
      frame: frame({
        type: 'Subscribe',
        id: 'x',
        data: { topics: Array.from({ length: 100 }, (_, at) => `flood.${at}`) },
      }),
    },
    codes: [4103, 1006],
  },
  { name: 'pings of the protocol', attack: { frame: { opcode: ping, payload: 'x'.repeat(125) } }, codes: [4103, 1006] },
  { name: 'pongs that nobody asked for', attack: { frame: { opcode: pong } }, codes: [4103, 1006] },
  { name: 'malformed text', attack: { frame: { opcode: text, payload: '{' } }, codes: MALFORMED },
  { name: 'malformed MessagePack', attack: { frame: { opcode: binary, payload: '\xc1' } }, codes: MALFORMED },
  { name: 'empty messages', attack: { frame: { opcode: text } }, codes: MALFORMED },
  {
    name: 'messages that are too large',
    attack: { frame: { opcode: text, payload: 'x'.repeat(66_000) } },
    codes: MALFORMED,
  },
  {
    name: 'wrong tokens',
    attack: { frame: frame({ type: 'Authenticate', data: { token: 'a.b.c' } }) },
    codes: [4103, 1006],
  },
];

test.each(FLOODS)(
  '$name: three clients at full speed are thrown out, and the witness notices little',
  async ({ name, attack, codes }) => {
    await campaign.besideWitness(async () => {
      const ends = await Promise.all([1, 2, 3].map((at) => flood(`mallory-${name.length}-${at}`, attack)));
      for (const { code } of ends) expect(codes).toContain(code);
    });
    expect(await campaign.metric('delivery_unaccounted')).toBe(0);
  },
);

test('requests of clients that do not read the answers are ended before these fill the memory', async () => {
  const before = campaign.residentBytes();
  let highest = 0;
  const watching = setInterval(() => {
    highest = Math.max(highest, campaign.residentBytes());
  }, 20);
  const attack = { frame: frame({ type: 'Ping', id: 'x' }), reads: false };
  await campaign.besideWitness(async () => {
    const closed = closings();
    const floods = await Promise.all([1, 2, 3].map((at) => startFlood(`deaf-${at}`, attack)));
    // The close frame waits behind what they do not read, for 12 to 16 s.
    await eventually(() => closings() >= closed + 3, 'the server to end the floods');
    for (const { stop } of floods) await stop();
  });
  clearInterval(watching);
  expect(highest).toBeGreaterThan(0);
  expect(highest - before).toBeLessThan(96 * 1_048_576);
});

function closings(): number {
  return campaign.server.output.split('"message":"Closing connection"').length;
}

// In steps that no turn's bound minds. The library answers pings by itself and would keep 64 MiB of pongs.
test('pings of a client that does not read the pongs are ended before these fill the memory', async () => {
  const before = campaign.residentBytes();
  const pings = Buffer.concat(
    Array.from({ length: 1_000 }, () => rawFrame({ opcode: ping, payload: 'x'.repeat(125) })),
  );
  await campaign.besideWitness(async () => {
    const socket = await RawSocket.upgraded(campaign.port, 'deaf-pings');
    socket.stopReading();
    const isEnded = (): boolean => campaign.server.output.includes('"reason":"control_overflow"');
    for (let at = 0; at < 300 && !isEnded(); at += 1) {
      socket.write(pings);
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
    // A busy server is behind with reading them.
    await eventually(isEnded, 'the server to end the flood of pings');
    socket.destroy();
  });
  expect(campaign.residentBytes() - before).toBeLessThan(64 * 1_048_576);
});

test('a thousand subscriptions and patterns: the limit answers, and nothing stays', async () => {
  await campaign.besideWitness(async () => {
    const client = await connect(campaign.port, { user: 'mallory' });
    let refused = 0;
    for (let at = 0; at < 15; at += 1) {
      const topics = Array.from({ length: 100 }, (_, index) =>
        index % 2 === 0 ? `sub.${at}.${index}` : `sub${at}x${index}.**`,
      );
      const { data } = await client.ask('Subscribe', { topics });
      const details = data.details as { active_subscriptions: number; rejected: { reason: string }[] } | undefined;
      if (details === undefined) {
        expect(data.reason).toBe('rate_limited');
        continue;
      }
      expect(details.active_subscriptions).toBeLessThanOrEqual(200);
      refused += details.rejected.filter(({ reason }) => reason === 'topic_limit').length;
    }
    expect(refused).toBeGreaterThan(500);
    await client.close();
  });
  await eventually(async () => (await campaign.metric('subscriptions')) === 0, 'the subscriptions to be gone');
});

test('connections: per user, per node, and as fast as they come', async () => {
  const token = await tokenOf('mallory-many');
  await campaign.besideWitness(async () => {
    const seen = new Set<number>();
    const held: RawSocket[] = [];
    for (let round = 0; round < 8; round += 1) {
      const users = await Promise.all(Array.from({ length: 50 }, (_, at) => tokenOf(`user-${round}-${at}`)));
      const answers = await Promise.all([
        ...users.map(async (other) => open(other, held)),
        ...Array.from({ length: 20 }, () => open(token, held)),
      ]);
      for (const status of answers) seen.add(status);
    }
    expect([...seen].toSorted((a, b) => a - b)).toEqual([101, 429, 503]);
    expect(await campaign.connections()).toBeLessThanOrEqual(300);
    for (const socket of held) socket.destroy();
    await eventually(async () => (await campaign.connections()) === 2, 'the crowd to be gone');
    expect((await handshake(campaign.port, { Authorization: `Bearer ${token}` })).status).toBe(101);
  });
});

async function open(token: string, held: RawSocket[]): Promise<number> {
  const socket = await RawSocket.open(campaign.port);
  socket.write(
    `GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  );
  held.push(socket);
  const outcome = await socket.outcome();
  return outcome === 'closed' ? 0 : outcome;
}

test('plain requests: thousands of every kind', async () => {
  await campaign.besideWitness(async () => {
    const paths = ['/nowhere', '/metrics', '/health', '/ws', '/info', `/${'x'.repeat(2_000)}`];
    for (let round = 0; round < 20; round += 1)
      await Promise.all(
        Array.from({ length: 30 }, async (_, at) => {
          const response = await campaign.get(`${paths[at % paths.length]}?${'q'.repeat(500)}`);
          await response.arrayBuffer();
        }),
      );
  });
});

// The library walks these in its own code and asks nobody (docs/security.md, "What the library cannot refuse").
test('empty fragments without end: the node outlives them and serves again at once', async () => {
  await campaign.besideWitness(
    async () => {
      const attack: Attack = {
        first: { opcode: text, payload: '"', fin: false },
        frame: { opcode: OPCODE.continuation, fin: false },
      };
      const { stop } = await startFlood('mallory-empty', attack);
      await new Promise((resolve) => {
        setTimeout(resolve, 300);
      });
      // What is on its way by then keeps the library busy for a while; more would only test the patience of the suite.
      await stop();
    },
    { isTimed: false },
  );
});

test('afterwards', async () => {
  await campaign.expectUnharmed();
});

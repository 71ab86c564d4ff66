/** Faults of the machine and of our own code, as far as one node goes: docs/security.md, "Faults". */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { Campaign } from '../harness/campaign.ts';
import { connect } from '../harness/client.ts';
import { eventually, within } from '../harness/deadline.ts';
import { RawSocket } from '../harness/raw-socket.ts';
import { tokenOf } from '../harness/tokens.ts';

const campaign = new Campaign();
const SETTINGS = {
  // So short that a node which counted its own stall would cut everybody off.
  'websocket.heartbeat_interval_secs': '1',
  'websocket.client_timeout_secs': '2',
  // More than an inbox holds: its bound is reached first, however many frames come in one turn of the event loop.
  'rate_limiting.connection_burst': '2000',
  'rate_limiting.user_burst': '2000',
};
const BLOCK_MS = 2_500;
beforeAll(() => campaign.startFaulty(SETTINGS));

describe('the event loop is blocked for longer than the clients’ time-out', () => {
  test('by a handler: nobody is cut off, pings are answered after it, the lag is in the metrics', async () => {
    await campaign.besideWitness(
      async () => {
        const client = await connect(campaign.port, { user: 'patient' });
        const blocked = campaign.post(`/apps/fault/block/${BLOCK_MS}`);
        const pong = client.ask('Ping', {});
        expect((await blocked).status).toBe(200);
        expect((await pong).type).toBe('Pong');
        await eventually(async () => (await campaign.metric('event_loop_lag_seconds')) > 0.5, 'the lag to be seen');
        expect(client.isClosed).toBe(false);
        await client.close();
      },
      { isTimed: false },
    );
    await campaign.besideWitness(async () => {});
  });

  test('by the operating system (SIGSTOP, SIGCONT)', async () => {
    await campaign.besideWitness(
      async () => {
        campaign.server.signal('SIGSTOP');
        await new Promise((resolve) => {
          setTimeout(resolve, BLOCK_MS);
        });
        campaign.server.signal('SIGCONT');
        expect((await campaign.get('/health/ready')).status).toBe(200);
      },
      { isTimed: false },
    );
    await campaign.besideWitness(async () => {});
  });
});

test('a crowd that comes back at once after a stall is let in, and nobody else is cut off', async () => {
  const token = await tokenOf('crowd');
  await campaign.besideWitness(
    async () => {
      const blocked = campaign.post('/apps/fault/block/500');
      const crowd = await Promise.all(Array.from({ length: 50 }, () => connect(campaign.port, { token })));
      await blocked;
      await Promise.all(crowd.map((client) => client.close()));
    },
    { isTimed: false },
  );
});

describe('code that throws', () => {
  test.each(['X-Throw', 'X-Reject'])(
    '%s: each frame is put aside, however many, and its connection goes on',
    async (type) => {
      await campaign.besideWitness(async () => {
        const client = await connect(campaign.port, { user: 'unlucky' });
        await client.subscribe('chat.unlucky');
        for (let at = 0; at < 12; at += 1) {
          expect((await client.ask(type, {})).data).toMatchObject({ code: 500, reason: 'quarantined' });
          // It goes on with its subscriptions.
          await client.publish('chat.unlucky', at);
          expect((await client.next('Broadcast')).data.payload).toBe(at);
        }
        await client.close();
      });
      await campaign.server.printed(/"target":"signalbox::fault"[^\n]*Application failed/);
    },
  );

  test('a handler that never answers holds its own connection up and nobody else, within its inbox', async () => {
    await campaign.besideWitness(async () => {
      const client = await connect(campaign.port, { user: 'waiting' });
      client.send('X-Never', {}, { id: 'never' });
      // Frames wait up to the bounds of the inbox; then they are refused, each with its answer.
      for (let at = 0; at < 1_010; at += 1) client.send('Ping', {}, { id: `p-${at}` });
      const refused = await client.waitFor(({ type }) => type === 'Error', 'a refusal');
      expect(refused.data.reason).toBe('inbound_full');
      await client.drop();
    });
  });

  test('a Route that throws is 500, says nothing of why, and serves again', async () => {
    const response = await campaign.post('/apps/fault/route');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('throws');
    expect((await campaign.get('/health')).status).toBe(200);
  });
});

describe('the wall clock steps', () => {
  const HOUR = 3_600_000;

  test('an hour back and forth: sequences, replay, limits and living connections do not notice; only tokens do', async () => {
    await campaign.besideWitness(async () => {
      const client = await connect(campaign.port, { user: 'timeless', expiresIn: 3 * 3_600 });
      const { positions } = await client.subscribe('chat.clock');
      const start = positions['chat.clock'];
      const steps = [0, -HOUR, HOUR / 2, -HOUR / 2, 0];
      for (const [at, step] of steps.entries()) {
        expect((await campaign.post(`/apps/fault/clock/${step}`)).status).toBe(200);
        await client.publish('chat.clock', at);
        expect((await client.next('Broadcast')).data).toMatchObject({ sequence: at + 1, payload: at });
      }
      const late = await connect(campaign.port, { user: 'late' });
      const { recovery } = await late.subscribe({ topic: 'chat.clock', ...start });
      expect(recovery['chat.clock']).toEqual({ recovered: true, missed: steps.length });
      expect((await late.take(steps.length)).map(({ data }) => data.sequence)).toEqual(steps.map((_, at) => at + 1));
      await Promise.all([client.close(), late.close()]);
    });
  });

  test('past the end of a token that token ends with 4300, and nobody else', async () => {
    const [short, long] = [
      await connect(campaign.port, { user: 'short', expiresIn: 600 }),
      await connect(campaign.port, { user: 'long', expiresIn: 24 * 3_600 }),
    ];
    await campaign.post(`/apps/fault/clock/${HOUR}`);
    expect((await within(short.closed, 'the close')).code).toBe(4300);
    expect((await long.ask('Ping', {})).type).toBe('Pong');
    await campaign.post('/apps/fault/clock/0');
    await long.close();
  });
});

test('no file descriptors left: who is connected stays, who comes waits, and it goes on by itself', async () => {
  const { pid } = campaign.server.child;
  const open = readdirSync(`/proc/${pid}/fd`).length;
  const limit = (soft: string): void => void execFileSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:`]);
  const [, before = '1024'] =
    /Max open files\s+(\d+)/.exec(execFileSync('cat', [`/proc/${pid}/limits`]).toString()) ?? [];
  const token = await tokenOf('crowd');
  await campaign.besideWitness(async () => {
    limit(String(open + 12));
    const crowd = await Promise.all(Array.from({ length: 40 }, () => RawSocket.open(campaign.port)));
    // The kernel takes the connection; the node cannot.
    const waiting = connect(campaign.port, { token });
    await eventually(() => readdirSync(`/proc/${pid}/fd`).length >= open + 12, 'the descriptors to be used up');
    let isIn = false;
    waiting.then(
      () => (isIn = true),
      () => {},
    );
    await new Promise((resolve) => {
      setTimeout(resolve, 300);
    });
    expect(isIn).toBe(false);
    for (const socket of crowd) socket.destroy();
    await (await waiting).close();
    limit(before);
  });
  expect((await campaign.get('/health/ready')).status).toBe(200);
});

test('afterwards', async () => {
  // Twelve frames of each kind, and a route.
  await campaign.expectUnharmed(25, 0);
});

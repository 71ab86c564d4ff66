/** A publish arrives once and in order, or its promise says why not; on virtual time. */
import { describe, expect, test } from 'vitest';
import type { ServerFrame } from '../protocol/wire.ts';
import { isSignalboxError } from './errors.ts';
import type { Receipt } from './publishing.ts';
import { collect, rig } from './test-rig.ts';
import { queueOf } from './queue/index.ts';

/** How each promise ended: sequence or reason. */
function outcomes(promises: readonly Promise<Receipt>[]): (number | string | undefined)[] {
  const found: (number | string | undefined)[] = promises.map(() => undefined);
  for (const [at, promise] of promises.entries())
    promise.then(
      ({ sequence }) => {
        found[at] = sequence;
      },
      (error: unknown) => {
        found[at] = isSignalboxError(error) ? error.reason : String(error);
      },
    );
  return found;
}

describe('across connections', () => {
  test('what was published before there is one is sent when there is', async () => {
    const { client, server, pass } = rig();
    server.away();
    const found = outcomes(['1', '2', '3'].map((text) => client.topic('a').publish(text)));
    await pass(10_000);
    expect([found, queueOf(client).stats()]).toEqual([
      [undefined, undefined, undefined],
      { messages: 3, bytes: 9, failed: 0, oldestMs: 10_000 },
    ]);
    server.away(false);
    await pass(40_000);
    expect(found).toEqual([1, 2, 3]);
  });

  test.each([
    ['stored but not acknowledged', 'nothing'],
    ['lost on the way', 'unstored'],
  ] as const)('what was %s is sent again under its key, and is there once', async (_name, fault) => {
    const { client, server, pass } = rig();
    const items = collect(client.topic('a'));
    await pass(10);
    server.fail('Broadcast', fault, 1);
    const promises = ['1', '2', '3'].map((text) => client.topic('a').publish(text));
    const found = outcomes(promises);
    await pass(100);
    server.cut();
    await pass(5_000);
    expect(new Set(found)).toEqual(new Set([1, 2, 3]));
    const payloads = items.filter((text) => text !== 'live').toSorted();
    expect(payloads).toEqual(['1', '2', '3']);
    const keys = server.frames('Broadcast').map(({ id, data }) => [id, data['idempotency_key']]);
    expect(keys.every(([id, key]) => id === key)).toBe(true);
    expect(new Set(keys.map(([id]) => id)).size).toBe(3);
  });

  test('what the server refused unread is sent again when it has to wait no longer, and nothing of it is left at the end', async () => {
    const { client, server, pass } = rig();
    const items = collect(client.topic('a'));
    await pass(10);
    server.fail('Broadcast', 'unstored', 2);
    const found = outcomes(['1', '2'].map((text) => client.topic('a').publish(text)));
    await pass(10);
    // It cannot say of which frame it speaks.
    const error = { code: 429, reason: 'rate_limited', message: 'slower', temporary: true, retry_after_ms: 500 };
    server.sockets[0]?.deliver({ type: 'Error', data: error } as unknown as ServerFrame);
    await pass(1_400);
    expect(found).toEqual([undefined, undefined]);
    await pass(1_000);
    expect([found, items]).toEqual([
      [1, 2],
      ['live', '1', '2'],
    ]);
    server.sockets[0]?.deliver({ type: 'Error', data: error } as unknown as ServerFrame);
    await pass(10);
    await client.close();
    expect(server.timers).toBe(0);
  });

  test('its echo is known by its key, whichever comes first', async () => {
    const { client, server, pass } = rig();
    const mine: unknown[] = [];
    client.topic('a').on({ message: (message) => mine.push([message.payload, message.mine]), gap: () => {} });
    await pass(10);
    void client.topic('a').publish('drawn');
    void client.topic('a').publish('own', { key: 'my-key' });
    server.publish('a', 'other');
    await pass(10);
    expect(new Map(mine as [string, boolean][])).toEqual(
      new Map([
        ['drawn', true],
        ['own', true],
        ['other', false],
      ]),
    );
  });
});

describe('refusals', () => {
  test('for a time: sent again after what the server says, and what follows waits its turn', async () => {
    const { client, server, pass } = rig();
    const items = collect(client.topic('a'));
    await pass(10);
    server.fail('Broadcast', 'rate_limited', 1, 5_000);
    const found = outcomes([client.topic('a').publish('1')]);
    await pass(100);
    const later = outcomes([client.topic('a').publish('2'), client.topic('b').publish('other')]);
    await pass(4_800);
    expect([found, later]).toEqual([[undefined], [undefined, 1]]);
    await pass(1_000);
    expect([found, later, items]).toEqual([[1], [2, 1], ['live', '1', '2']]);
  });

  test('an outcome that the server does not know is asked for again with the same key', async () => {
    const { client, server, pass } = rig();
    server.fail('Broadcast', 'outcome_unknown', 3);
    const found = outcomes([client.topic('a').publish('1')]);
    await pass(10_000);
    expect(found).toEqual([1]);
    expect(new Set(server.frames('Broadcast').map(({ id }) => id)).size).toBe(1);
  });

  test('A-35: for good: it stays as failed, can be seen, and is sent again when the application says so', async () => {
    const { client, server, pass } = rig();
    server.fail('Broadcast', 'not_allowed', 2);
    const found = outcomes([client.topic('a').publish('1', { key: 'k' }), client.topic('a').publish('2')]);
    await pass(100);
    expect(found).toEqual(['not_allowed', 'not_allowed']);
    expect(queueOf(client).entries()).toMatchObject([
      { key: 'k', state: 'failed', error: { code: 403 } },
      { state: 'failed' },
    ]);
    expect([queueOf(client).retry('k'), queueOf(client).retry('unknown')]).toEqual([true, false]);
    await pass(100);
    expect(server.frames('Broadcast').map(({ data }) => data['payload'])).toEqual(['1', '2', '1']);
    expect(queueOf(client).entries()).toMatchObject([{ state: 'failed', payload: '"2"' }]);
    queueOf(client).clear();
    expect(queueOf(client).stats()).toMatchObject({ messages: 0, bytes: 0, failed: 0 });
  });
});

describe('bounds', () => {
  test('A-36: a full queue refuses what is new and says so, and drops nothing', async () => {
    const { client, server, pass } = rig({ queue: { maxMessages: 2, maxBytes: 100 } });
    server.away();
    const found = outcomes([
      client.topic('a').publish('x'.repeat(200)),
      client.topic('a').publish('1'),
      client.topic('a').publish('2'),
      client.topic('a').publish('3'),
    ]);
    await pass(10);
    expect(found).toEqual(['queue_full', undefined, undefined, 'queue_full']);
    server.away(false);
    await pass(10_000);
    expect(found.slice(1, 3)).toEqual([1, 2]);
  });

  test.each([
    ['a function', () => {}, 'not_serialisable'],
    ['nothing', undefined, 'not_serialisable'],
    ['a big integer', 1n, 'not_serialisable'],
  ])('%s is refused', async (_name, payload, reason) => {
    const { client } = rig();
    await expect(client.topic('a').publish(payload)).rejects.toMatchObject({ reason });
  });

  test('what is larger than the server takes is not sent; what changes afterwards is not published', async () => {
    const { client, server, pass } = rig();
    const items: unknown[] = [];
    client.topic('a').on({ message: ({ payload }) => items.push(payload), gap: () => {} });
    await pass(10);
    const found = outcomes([client.topic('a').publish('x'.repeat(70_000))]);
    const payload = { text: 'before' };
    void client.topic('a').publish(payload);
    payload.text = 'after';
    await pass(10);
    expect([found, items, server.frames('Broadcast').length]).toEqual([['payload_too_large'], [{ text: 'before' }], 1]);
  });

  test('A-27: the limit of the server is kept, so that it has to refuse nothing', async () => {
    const { client, server, pass } = rig({ server: { limits: { connection_rps: 10, connection_burst: 20 } } });
    const found = outcomes(Array.from({ length: 100 }, (_, at) => client.topic('a').publish(at)));
    await pass(10);
    expect(server.frames('Broadcast').length).toBe(18);
    await pass(5_000);
    expect(server.frames('Broadcast').length).toBeLessThan(65);
    await pass(5_000);
    expect(found).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
  });
});

describe('what nobody waits for any more', () => {
  test('unsent: it is taken out and never sent', async () => {
    const { client, server, pass } = rig();
    server.away();
    const abort = new AbortController();
    const found = outcomes([
      client.topic('a').publish('1', { signal: abort.signal }),
      client.topic('a').publish('2', { deadlineMs: 1_000 }),
      client.topic('a').publish('3', { whenOffline: 'reject' }),
      client.topic('a').publish('4', { signal: AbortSignal.abort() }),
      client.topic('a').publish('5'),
    ]);
    await pass(2_000);
    abort.abort();
    await pass(10);
    expect(found).toEqual(['aborted', 'deadline', 'offline', 'aborted', undefined]);
    server.away(false);
    await pass(60_000);
    expect(server.frames('Broadcast').map(({ data }) => data['payload'])).toEqual(['5']);
  });

  test('sent: the outcome is unknown', async () => {
    const { client, server, pass } = rig();
    const abort = new AbortController();
    server.fail('Broadcast', 'nothing', 2);
    const found = outcomes([
      client.topic('a').publish('1', { signal: abort.signal }),
      client.topic('a').publish('2', { deadlineMs: 1_000 }),
    ]);
    await pass(2_000);
    abort.abort();
    await pass(10);
    expect(found).toEqual(['outcome_unknown', 'outcome_unknown']);
  });

  test('A-36: what is not settled well before the server forgets the key is not sent again', async () => {
    const { client, server, pass } = rig();
    server.fail('Broadcast', 'unstored', 1_000);
    const found = outcomes([client.topic('a').publish('1')]);
    await pass(100);
    for (let times = 0; times < 30; times += 1) {
      server.cut();
      await pass(10_000);
    }
    expect(found).toEqual(['outcome_unknown']);
    const sent = server.frames('Broadcast').length;
    server.cut();
    await pass(60_000);
    expect(server.frames('Broadcast').length).toBe(sent);
    expect(queueOf(client).entries()).toMatchObject([{ state: 'failed' }]);
  });

  test('strict: one at a time', async () => {
    const { client, server, pass } = rig({ server: { latencyMs: 100 } });
    await Promise.all([pass(1_000), client.topic('a').publish('0')]);
    const found = outcomes(['1', '2', '3'].map((text) => client.topic('a').publish(text, { order: 'strict' })));
    await pass(150);
    expect(server.frames('Broadcast').length).toBe(2);
    await pass(1_000);
    expect(found).toEqual([2, 3, 4]);
  });
});

describe('the end', () => {
  test('close waits for the queue when it is told to, and settles what is left', async () => {
    const { client, server, pass } = rig();
    const found = outcomes([client.topic('a').publish('1')]);
    const closed = queueOf(client)
      .settled(1_000)
      .then(() => client.close());
    await Promise.all([closed, pass(100)]);
    expect(found).toEqual([1]);
    await expect(client.topic('a').publish('2')).rejects.toMatchObject({ reason: 'closed' });
    expect([server.timers, server.listening]).toEqual([0, 0]);
  });

  test('without: what was sent is unknown, what was not has not happened', async () => {
    const { client, server, pass } = rig({ server: { limits: { connection_rps: 1, connection_burst: 1 } } });
    server.fail('Broadcast', 'nothing');
    const found = outcomes([client.topic('a').publish('1'), client.topic('a').publish('2')]);
    await pass(10);
    await client.close();
    await pass(10);
    expect(found).toEqual(['outcome_unknown', 'closed']);
    expect(server.timers).toBe(0);
  });

  test('signing out leaves nothing', async () => {
    const { client, server, pass } = rig();
    server.away();
    const found = outcomes([client.topic('a').publish('1')]);
    await pass(10);
    await client.signOut();
    await pass(10);
    expect([found, queueOf(client).entries(), server.timers]).toEqual([['signed_out'], [], 0]);
  });
});

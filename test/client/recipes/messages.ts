/** The recipes of messages, publishing and the queue. */
import { expect } from 'vitest';
import type { Receipt } from '../../../src/client/index.ts';
import { eventually, within } from '../../harness/deadline.ts';
import { tokenOf } from '../../harness/tokens.ts';
import type { Scenario } from './world.ts';
import { queueOf } from '../../../src/client/queue/index.ts';

type Send = (text: string) => Promise<void>;

export const MESSAGES: Readonly<Record<string, Scenario>> = {
  'Is the topic subscribed?': async (world) => {
    const given = { showReady: world.spy('ready'), showRefusal: world.spy('refusal') };
    await world.run({ ...given, client: world.client() });
    await Promise.all(['ready', 'show'].map((name) => world.until(name)));
    expect(world.of('show')).toMatchObject([[{ payload: { text: 'Test message' }, sequence: 1 }]]);
    expect(world.of('console.log')[0]?.[0]).toMatch(/^stored as number 1, sent to [01] connections of this node$/);
    const token = (): Promise<string> =>
      tokenOf('carol', { claims: { topics: { subscribe: ['news'], publish: ['chat.*'] } } });
    await world.run({ ...given, client: world.client('carol', { token }) });
    await world.until('refusal');
    expect(world.of('refusal')).toEqual([['not_allowed']]);
    expect(world.of('ready')).toHaveLength(1);
  },

  'In order, once': async (world) => {
    const [reader, publisher] = [world.client(), world.client('bob')];
    void world.run({ client: reader, handle: world.spy('handle') });
    await eventually(() => reader.topic('orders.7').state === 'live', 'the topic to be live');
    const numbers = Array.from({ length: 60 }, (_, at) => at);
    for (const at of numbers) {
      await publisher.topic('orders.7').publish(at);
      if (at % 20 === 10) world.cut();
    }
    await world.until('handle', (calls) => calls.length >= numbers.length);
    expect(world.of('handle')).toEqual(numbers.map((at) => [at]));
    expect(world.of('reload')).toEqual([]);
  },

  'Messages written while offline': async (world) => {
    const reading = world.reading('chat.42');
    await reading.live();
    // Nobody listens there.
    world.port = 1;
    const client = world.client('alice', { queue: { maxMessages: 3 } });
    const given = { client, showWaiting: world.spy('waiting'), showFailed: world.spy('failed') };
    const send = (await world.run(given))['send'] as Send;
    for (const text of ['one', 'two', 'three', 'too many']) void send(text);
    expect(world.of('waiting')).toEqual([[1], [2], [3], [3]]);
    await world.until('failed');
    expect(world.of('failed')).toEqual([['too many', 'queue_full']]);
    world.port = world.server.port;
    await reading.count(3);
    expect(reading.payloads).toEqual(['one', 'two', 'three'].map((text) => ({ text })));
    await eventually(() => queueOf(client).stats().messages === 0, 'the queue to be empty');
  },

  'What waits, and what has failed?': async (world) => {
    const reading = world.reading('chat.42');
    await reading.live();
    world.port = 1;
    const client = world.client();
    await client
      .topic('chat.42')
      .publish('late', { deadlineMs: 20 })
      .catch(() => {});
    void client.topic('chat.42').publish('waits');
    await world.run({ client, showQueue: world.spy('queue') });
    expect(world.of('queue')[0]?.[0]).toMatch(/^1 wait \(7 bytes, the oldest for \d+ ms\), 1 have failed$/);
    expect(queueOf(client).stats()).toMatchObject({ messages: 2, failed: 0 });
    world.port = world.server.port;
    await reading.count(2);
    expect(reading.payloads).toEqual(['waits', 'late']);
  },

  'An upload that must arrive once': async (world) => {
    const reading = world.reading('chat.42');
    await reading.live();
    const answers = [undefined, { ok: false, status: 503 }, { ok: true, status: 200 }, { ok: false, status: 413 }];
    const fetch = world.spy('fetch', () => {
      const answer = answers.shift();
      return answer === undefined ? Promise.reject(new TypeError('fetch failed')) : Promise.resolve(answer);
    });
    const waits: number[] = [];
    const given = {
      fetch,
      client: world.client(),
      setTimeout: (work: () => void, ms: number) => [waits.push(ms), work()],
    };
    const sendImage = (await world.run(given))['sendImage'] as (file: string, key?: string) => Promise<Receipt>;
    const receipt = await sendImage('bytes', 'k1');
    expect(world.of('fetch').map(([url]) => url)).toEqual(['/uploads/k1', '/uploads/k1', '/uploads/k1']);
    expect(waits).toHaveLength(2);
    await expect(sendImage('too many bytes')).rejects.toThrow('the upload failed: 413');
    answers.push({ ok: true, status: 200 });
    // The page was loaded anew and sends it again.
    expect(await sendImage('bytes', 'k1')).toMatchObject({ sequence: receipt.sequence, duplicate: true });
    await reading.count(1);
    expect(reading.payloads).toEqual([{ image: '/uploads/k1' }]);
  },

  'The server limits the rate': async (world) => {
    await world.run({ client: world.client() });
    expect(world.of('console.log')).toEqual([['stored up to number 200']]);
    const refusals = await world.server.samples('signalbox_errors_sent_total');
    expect(refusals.filter(({ reason }) => reason === 'rate_limited' || reason === 'overloaded')).toEqual([]);
  },

  'A message is too large': async (world) => {
    const client = world.client();
    const send = (await world.run({ client, showTooLong: world.spy('too long') }))['send'] as Send;
    await send('x'.repeat(60_000));
    expect(world.of('too long')).toEqual([]);
    await send('x'.repeat(70_000));
    expect(world.of('too long')).toEqual([[]]);
    await client.close();
    await expect(send('x')).rejects.toMatchObject({ reason: 'closed' });
  },

  "One's own message at once": async (world) => {
    const client = world.client();
    const shown: string[][] = [];
    const render = (lines: Map<string, { text: string; mine: boolean; status: string }>): void => {
      shown.push([...lines.values()].map(({ text, mine, status }) => `${mine ? 'right' : 'left'} ${text} ${status}`));
    };
    const send = (await world.run({ client, render }))['send'] as Send;
    await eventually(() => client.topic('chat.42').state === 'live', 'the topic to be live');
    const sent = send('hello');
    expect(shown).toEqual([['right hello pending']]);
    await sent;
    await world.client('bob').topic('chat.42').publish({ text: 'hi' });
    await eventually(() => shown.at(-1)?.length === 2, 'the answer');
    expect(shown.at(-1)).toEqual(['right hello sent', 'left hi sent']);
    await client.close();
    await send('too late');
    expect(shown.at(-1)).toEqual(['right hello sent', 'left hi sent', 'right too late failed']);
  },

  'A message to one user': async (world) => {
    await world.run({ client: world.client('bob') });
    await world.run({ client: world.client() });
    await world.until('show', (calls) => calls.length >= 2);
    world.cut();
    await world.client('carol').send('alice', { text: 'hello' });
    await world.until('show', (calls) => calls.length >= 3);
    expect(world.of('show')).toEqual([
      ['bob', 'psst'],
      ['alice', 'psst'],
      ['carol', 'hello'],
    ]);
    expect(world.of('reload')).toEqual([]);
  },

  'Older messages, page by page': async (world) => {
    const client = world.client();
    await Promise.all(Array.from({ length: 120 }, (_, at) => client.topic('chat.42').publish(at)));
    const olderPage = (await world.run({ client }))['olderPage'] as () => Promise<{ payload: number }[]>;
    const pages: number[][] = [];
    for (let at = 0; at < 4; at += 1) {
      pages.push((await within(olderPage(), 'a page')).map(({ payload }) => payload));
      // A new message does not move the cursor.
      await client.topic('chat.42').publish('new');
    }
    expect(pages.map((page) => [page.length, page[0], page.at(-1)])).toEqual([
      [50, 70, 119],
      [50, 20, 69],
      [20, 0, 19],
      [0, undefined, undefined],
    ]);
  },
};

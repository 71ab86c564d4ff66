/** Applications that use others: order of start and end, what they are given, and what is wrong with them before anything runs. */
import { describe, expect, test } from 'vitest';
import { conversations } from '../../src/apps/conversations/app.ts';
import type { Conversations } from '../../src/apps/conversations/public.ts';
import type { App, Host } from '../../src/index.ts';
import { connect } from '../harness/client.ts';
import { openServer, startServer } from '../harness/server.ts';

interface Greeter {
  greet(name: string): string;
}

const greeter = (log: string[]): App => ({
  name: 'greeter',
  start: async () => {
    await new Promise((resolve) => setImmediate(resolve));
    log.push('greeter starts');
    return { offers: { greet: (name: string) => `hello ${name}` }, stop: () => void log.push('greeter ends') };
  },
});

const porter = (log: string[], uses: readonly string[] = ['greeter']): App => ({
  name: 'porter',
  uses,
  start: (host) => {
    log.push(`porter starts: ${(host.used('greeter') as Greeter).greet('ada')}`);
    return {
      stop: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        log.push('porter ends');
      },
    };
  },
});

describe('an application that uses another one', () => {
  test('starts after it, is given what it offers, and ends before it', async () => {
    const log: string[] = [];
    const server = await openServer({}, [porter(log), greeter(log)]);
    await server.stop();
    expect(log).toEqual(['greeter starts', 'porter starts: hello ada', 'porter ends', 'greeter ends']);
  });

  test('does not start without it, and the problem names the section that is missing', async () => {
    await expect(openServer({}, [porter([])])).rejects.toThrow(
      /apps\.greeter: expected the section \[apps\.greeter\]: the application porter uses it, got none/,
    );
  });

  test('is not one of a circle', async () => {
    const round = { ...greeter([]), uses: ['porter'] };
    await expect(openServer({}, [porter([]), round])).rejects.toThrow(/do not use one another in a circle/);
  });

  test('is given nothing of those that it does not name', async () => {
    await expect(openServer({}, [porter([], []), greeter([])])).rejects.toThrow(/expected a name in uses of porter/);
  });

  test('does not start when that one does not', async () => {
    const log: string[] = [];
    const broken: App = { name: 'greeter', start: () => Promise.reject(new Error('no voice')) };
    await expect(openServer({}, [porter(log), broken])).rejects.toThrow(/no voice/);
    expect(log).toEqual([]);
  });
});

test('conversations offer themselves: another application opens one, and speaks in it for a user and for itself', async () => {
  let offered: Conversations | null = null;
  const user: App = {
    name: 'desk',
    uses: ['conversations'],
    start: (host: Host) => {
      offered = host.used('conversations') as Conversations;
      return {};
    },
  };
  const server = await startServer({ 'apps.conversations.online': 'false' }, [conversations(), user]);
  const desk = offered as Conversations | null;
  if (desk === null) throw new Error('expected the offer');
  const ada = await connect(server.port, { user: 'ada' });
  const members = [
    { user: 'ada', role: 'reader' },
    { user: 'desk', role: 'member' },
  ] as const;
  expect(await desk.open({ tenant: '', id: 'case-1', members })).toEqual({ isNew: true });
  expect(await desk.open({ tenant: '', id: 'case-1', members })).toEqual({ isNew: false });
  await ada.status('subscribed');
  expect(await ada.ask('X-ConversationSend', { conversation: 'case-1', content: 'no' })).toMatchObject({
    type: 'Error',
  });
  const sending = { tenant: '', conversation: 'case-1', clientId: 'q1', body: { content: 'a question' } };
  expect(await desk.send({ ...sending, sender: 'ada' })).toMatchObject({ sequence: 1, duplicate: false });
  expect(await desk.send({ ...sending, sender: 'ada' })).toMatchObject({ sequence: 1, duplicate: true });
  const long = { content: 'x'.repeat(20_000) };
  expect(await desk.send({ ...sending, sender: 'desk', body: long })).toMatchObject({ reason: 'invalid_field' });
  expect(await desk.send({ ...sending, sender: 'desk', body: long, maxContent: 32_000 })).toMatchObject({
    sequence: 2,
  });
  expect((await ada.take(2)).map(({ data }) => data.sequence)).toEqual([1, 2]);
  expect(await desk.update('', 'case-1', { status: 'closed' })).toBeNull();
  expect(await desk.messages({ tenant: '', user: 'ada' }, { conversation: 'case-1' })).toMatchObject({
    messages: [{ content: 'a question' }, { content: long.content }],
  });
  expect(await desk.messages({ tenant: '', user: 'eve' }, { conversation: 'case-1' })).toMatchObject({
    reason: 'not_found',
  });
});

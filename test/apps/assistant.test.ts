/** The assistant over real sockets: sessions, answers that stream, those who come late, stop, again, and a node that ends. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assistant } from '../../src/apps/assistant/app.ts';
import { LocalProvider, type Script } from '../../src/apps/assistant/providers/local.ts';
import { conversations } from '../../src/apps/conversations/app.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { connect, type Connection } from '../harness/client.ts';
import { openServer, type TestServer } from '../harness/server.ts';

/** By the text of the question. */
const SCRIPTS: Readonly<Record<string, Script>> = {
  'a short one': { answer: 'Yes, and the sum is 12 €.', paceMs: 2 },
  'a slow one': { answer: 'one two three four five six', paceMs: 60 },
  'one that hangs': { answer: 'it begins', hangs: true },
  'one that fails': { failure: 'unauthorized' },
  'one that breaks': { answer: 'half of it', failsAfter: 2, failure: 'cut' },
};

/** A question without an answer stands before the next one. */
function lastOf(text: string): string {
  return text.split('\n\n').at(-1) ?? '';
}

interface Live {
  readonly event: string;
  readonly question?: number;
  readonly from?: number;
  readonly text?: string;
  readonly status?: string;
  readonly failure?: string;
  readonly sequence?: number;
  readonly isTyping?: boolean;
}

describe('the assistant', () => {
  let server: TestServer;
  beforeAll(async () => {
    const script = ({ turns }: { readonly turns: readonly { readonly text: string }[] }) =>
      SCRIPTS[lastOf(turns.at(-1)?.text ?? '')];
    const provider = new LocalProvider({ paceMs: 1, script }, systemScheduler);
    const limits = { 'apps.assistant.sessions_per_hour': '1000', 'apps.assistant.active_sessions': '1000' };
    server = await openServer(limits, [conversations(), assistant({ provider })]);
  }, 60_000);
  afterAll(() => server.stop());

  const open = (user: string): Promise<Connection> => connect(server.port, { user });
  const begin = async (client: Connection): Promise<string> => {
    const { data } = await client.ask('X-AssistantBegin', { clientName: 'Acme' });
    const { id } = data.details as { id: string };
    await client.status('subscribed');
    return id;
  };
  const ask = async (client: Connection, session: string, content: string): Promise<number> => {
    const { data } = await client.ask('X-AssistantAsk', { session, content });
    return (data.details as { sequence: number }).sequence;
  };
  /** Everything that a reader is told, until the answer has ended and nobody types. */
  const follow = async (
    client: Connection,
  ): Promise<{ readonly live: readonly Live[]; readonly stored: readonly Live[] }> => {
    const live: Live[] = [];
    const stored: Live[] = [];
    for (;;) {
      const [frame] = await client.take(1);
      const payload = frame?.data.payload as Live;
      if (payload.event === 'user_online') continue;
      if (frame?.data.sequence === undefined) live.push(payload);
      else stored.push(payload);
      if (payload.event === 'typing' && payload.isTyping === false) return { live, stored };
    }
  };
  const textOf = (live: readonly Live[]): string => {
    let text = '';
    for (const { event, from = 0, text: more = '' } of live)
      if (event === 'answer.delta') text = text.slice(0, from) + more;
    return text;
  };

  test('L-03, L-04: a question is confirmed, the assistant types, deltas come, and one message has all of them and its usage', async () => {
    const ada = await open('ada');
    const session = await begin(ada);
    expect(await ask(ada, session, 'a short one')).toBe(1);
    const { live, stored } = await follow(ada);
    expect(live[0]).toMatchObject({ event: 'typing', isTyping: true });
    expect(live.at(-2)).toMatchObject({ event: 'answer.end', status: 'done', question: 1, sequence: 2 });
    expect(textOf(live)).toBe('Yes, and the sum is 12 €.');
    expect(stored).toMatchObject([
      { content: 'a short one' },
      {
        content: textOf(live),
        metadata: { answer: { question: 1, attempt: 1, status: 'done', ending: 'done', inputTokens: 23 } },
      },
    ]);
  });

  test('who comes in the middle of an answer gets what was said so far, and goes on', async () => {
    const bob = await open('bob');
    const session = await begin(bob);
    await ask(bob, session, 'a slow one');
    await bob.take(3);
    const late = await open('bob');
    await late.status('subscribed');
    expect((await late.ask('X-AssistantCurrent', { session })).data.details).toEqual({
      answer: { question: 1, attempt: 1 },
    });
    const { live, stored } = await follow(late);
    expect(textOf(live)).toBe('one two three four five six');
    expect(stored).toMatchObject([{ content: 'one two three four five six' }]);
    expect((await late.ask('X-AssistantCurrent', { session })).data.details).toEqual({
      answer: null,
      last: { question: 1, attempt: 1, status: 'done', sequence: 2 },
    });
  });

  test('an answer is stopped: what was said stays, says so, and the question can be asked again', async () => {
    const cyd = await open('cyd');
    const session = await begin(cyd);
    await ask(cyd, session, 'one that hangs');
    await cyd.take(4);
    expect(await cyd.ask('X-AssistantAsk', { session, content: 'more' })).toMatchObject({
      type: 'Error',
      data: { reason: 'wrong_state' },
    });
    expect((await cyd.ask('X-AssistantStop', { session })).data.details).toEqual({ wasRunning: true });
    const { live, stored } = await follow(cyd);
    expect(live.at(-2)).toMatchObject({ event: 'answer.end', status: 'stopped' });
    expect(stored).toMatchObject([{ content: 'it begins', metadata: { answer: { status: 'stopped' } } }]);
    expect((await cyd.ask('X-AssistantAgain', { session })).data.details).toEqual({ session, question: 1, attempt: 2 });
    await cyd.ask('X-AssistantStop', { session });
    await follow(cyd);
  });

  test('L-05: a provider that fails says so, and the session goes on; half an answer is never called whole', async () => {
    const dan = await open('dan');
    const session = await begin(dan);
    await ask(dan, session, 'one that fails');
    expect((await follow(dan)).live.at(-2)).toMatchObject({ status: 'failed', failure: 'unauthorized' });
    // Also to a client that was away and has missed it.
    expect((await dan.ask('X-AssistantCurrent', { session })).data.details).toEqual({
      answer: null,
      last: {
        question: 1,
        attempt: 1,
        status: 'failed',
        failure: 'unauthorized',
        correlationId: `${session}.1.1`,
      },
    });
    await ask(dan, session, 'one that breaks');
    const { stored } = await follow(dan);
    expect(stored.at(-1)).toMatchObject({ content: 'half of ', metadata: { answer: { status: 'failed' } } });
    await ask(dan, session, 'a short one');
    expect((await follow(dan)).live.at(-2)).toMatchObject({ status: 'done' });
  });

  test('the same message again is asked once', async () => {
    const eve = await open('eve');
    const session = await begin(eve);
    const data = { session, content: 'a short one', clientId: 'q1' };
    expect((await eve.ask('X-AssistantAsk', data)).data.details).toMatchObject({ sequence: 1, duplicate: false });
    await follow(eve);
    // Also while it is answered: the first confirmation may have been lost.
    const slow = { session, content: 'a slow one', clientId: 'q2' };
    expect((await eve.ask('X-AssistantAsk', slow)).data.details).toMatchObject({ sequence: 3, duplicate: false });
    expect((await eve.ask('X-AssistantAsk', slow)).data.details).toMatchObject({ sequence: 3, duplicate: true });
    await follow(eve);
    expect((await eve.ask('X-AssistantAsk', data)).data.details).toMatchObject({ sequence: 1, duplicate: true });
    expect((await eve.ask('X-AssistantCurrent', { session })).data.details).toMatchObject({
      answer: null,
      last: { question: 3 },
    });
  });

  test('L-11, L-13: sessions of a user: listed by cursor, changed, closed, deleted and restored; those of others are not there', async () => {
    const fay = await open('fay');
    const ids = [await begin(fay), await begin(fay), await begin(fay)];
    const page = (await fay.ask('X-AssistantSessions', { limit: 2 })).data.details as {
      sessions: { id: string }[];
      cursor: string;
    };
    const rest = (await fay.ask('X-AssistantSessions', { limit: 2, after: page.cursor })).data.details as typeof page;
    expect([...page.sessions, ...rest.sessions].map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(rest.cursor).toBeNull();
    const [session = ''] = ids;
    expect((await fay.ask('X-AssistantChange', { session, status: 'closed' })).data.details).toMatchObject({
      status: 'closed',
    });
    expect(await fay.ask('X-AssistantAsk', { session, content: 'a' })).toMatchObject({
      data: { reason: 'wrong_state' },
    });
    await fay.ask('X-AssistantDelete', { session });
    expect(await fay.ask('X-AssistantSession', { session })).toMatchObject({ data: { reason: 'not_found' } });
    expect((await fay.ask('X-AssistantRestore', { session })).data.details).toMatchObject({
      id: session,
      clientName: 'Acme',
    });
    const eve = await open('eve');
    for (const [type, more] of [
      ['X-AssistantSession', {}],
      ['X-AssistantChange', { context: 'x' }],
      ['X-AssistantDelete', {}],
      ['X-AssistantRestore', {}],
      ['X-AssistantAsk', { content: 'a' }],
      ['X-AssistantAgain', {}],
      ['X-AssistantStop', {}],
      ['X-AssistantCurrent', {}],
    ] as const)
      expect(await eve.ask(type, { session, ...more }), type).toMatchObject({
        type: 'Error',
        data: { reason: 'not_found' },
      });
  });

  test('L-17: 4,000 characters are a question, and one more is too many', async () => {
    const gil = await open('gil');
    const session = await begin(gil);
    expect(await gil.ask('X-AssistantAsk', { session, content: 'x'.repeat(4_001) })).toMatchObject({
      type: 'Error',
      data: { reason: 'invalid_field' },
    });
    expect((await gil.ask('X-AssistantAsk', { session, content: 'x'.repeat(4_000) })).type).toBe('Status');
  });
});

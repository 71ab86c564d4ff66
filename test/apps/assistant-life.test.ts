/** The life of sessions and of answers in time: what is left of one that is idle, when it ends, when it is gone, and what a day costs. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parsePostgresqlUrl } from '../../src/config/postgresql-url.ts';
import { readMigrations } from '../../src/database/migration.ts';
import { PostgresqlDriver } from '../../src/database/postgresql-driver.ts';
import { openDatabaseOf, type TestDatabase } from '../../src/database/test-rig.ts';
import type { App } from '../../src/apps/app.ts';
import { assistant } from '../../src/apps/assistant/app.ts';
import { conversations } from '../../src/apps/conversations/app.ts';
import type { Conversations } from '../../src/apps/conversations/public.ts';
import { connect } from '../harness/client.ts';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { ask, askAgain } from '../../src/apps/assistant/answers/asking.ts';
import type { Script } from '../../src/apps/assistant/providers/local.ts';
import { verbs } from '../../src/apps/assistant/operator/verbs.ts';
import { settings } from '../../src/apps/assistant/settings.ts';
import { rigOf, type Rig } from '../../src/apps/assistant/test-rig.ts';
import { beginSession, deleteSession, getSession, restoreSession } from '../../src/apps/assistant/sessions/sessions.ts';
import { eraseDeleted } from '../../src/apps/assistant/sessions/upkeep.ts';

const HOUR_MS = 3_600_000;

let users = 0;
function newUser(): { readonly tenant: string; readonly user: string } {
  users += 1;
  return { tenant: '', user: `u${users}` };
}

async function begin({ ports }: Rig, asker: ReturnType<typeof newUser>): Promise<string> {
  const session = await beginSession(ports, asker, {});
  if (!('id' in session)) throw new Error(`expected a session, got ${session.message}`);
  return session.id;
}

const asks = ({ ports, answering }: Rig, asker: ReturnType<typeof newUser>, session: string, content = 'What?') =>
  ask(ports, answering, asker, { session, content });

describe.skipIf(POSTGRESQL === null)('sessions in time', () => {
  let postgresql: PostgresqlServer;
  let opened: TestDatabase;
  beforeAll(async () => {
    postgresql = await startPostgresql();
    const address = parsePostgresqlUrl(await postgresql.database());
    const limits = { max: 4, idleMs: 30_000, connectTimeoutMs: 20_000, statementTimeoutMs: 20_000, maxWaiting: 1_000 };
    const driver = new PostgresqlDriver({ address, applicationName: 'test', ...limits });
    const { migrations } = readMigrations(
      'assistant',
      new URL('../../src/apps/assistant/migrations/', import.meta.url),
    );
    opened = await openDatabaseOf('assistant', driver, migrations);
  }, 60_000);
  afterAll(async () => {
    await opened.link.stop();
    postgresql.end();
  });

  test('a session that nobody writes in is rows and nothing else: a minute after its answer a node keeps nothing of it', async () => {
    const rig = rigOf(opened.database, { given: { cache_secs: 50, active_sessions: 100, sessions_per_hour: 100 } });
    const idle = rig.clock.pendingTimers;
    for (let left = 0; left < 20; left += 1) {
      const asker = newUser();
      await asks(rig, asker, await begin(rig, asker));
    }
    await rig.until(() => rig.answering.size === 0);
    expect(rig.ports.shared.size).toBe(20);
    rig.clock.advance(60_000);
    expect([
      rig.answering.size,
      rig.ports.shared.size,
      rig.ports.provider.underWay,
      rig.ports.provider.waiting,
    ]).toEqual([0, 0, 0, 0]);
    expect(rig.clock.pendingTimers).toBe(idle);
    await rig.answering.stop();
  });

  test('L-12: a session ends so many hours after the last question, and is asked in no more', async () => {
    const rig = rigOf(opened.database, { given: { session_hours: 2 } });
    const asker = newUser();
    const session = await begin(rig, asker);
    rig.later(1.5 * HOUR_MS);
    await asks(rig, asker, session);
    await rig.until(() => rig.answering.size === 0);
    rig.later(1.5 * HOUR_MS);
    expect(await getSession(rig.ports, asker, session)).toMatchObject({ status: 'active' });
    rig.later(0.5 * HOUR_MS);
    expect(await getSession(rig.ports, asker, session)).toMatchObject({ status: 'expired' });
    for (const refused of [await asks(rig, asker, session), await askAgain(rig.ports, rig.answering, asker, session)])
      expect(refused).toMatchObject({ reason: 'wrong_state', message: expect.stringContaining('expired') as string });
    await rig.answering.stop();
  });

  test('L-13: a deleted session is restored within its hours, and is gone for good behind them', async () => {
    const rig = rigOf(opened.database);
    const asker = newUser();
    const session = await begin(rig, asker);
    await deleteSession(rig.ports, asker, session);
    rig.later(24 * HOUR_MS - 1_000);
    expect(await eraseDeleted(rig.ports)).toBe(0);
    expect(await restoreSession(rig.ports, asker, session)).toMatchObject({ id: session });
    await deleteSession(rig.ports, asker, session);
    rig.later(24 * HOUR_MS + 1_000);
    expect(await restoreSession(rig.ports, asker, session)).toMatchObject({ reason: 'not_found' });
    expect([await eraseDeleted(rig.ports), rig.erased]).toEqual([1, [session]]);
    expect(await eraseDeleted(rig.ports)).toBe(0);
    await rig.answering.stop();
  });

  test('the tokens of a day are counted over nodes, also of answers that were cut off and of those under way, and a new day begins at midnight', async () => {
    const scripts: Record<string, Script> = {
      long: { answer: 'x'.repeat(400) },
      cut: { answer: 'y '.repeat(200), hangs: true },
    };
    const script = ({ turns }: { readonly turns: readonly { readonly text: string }[] }): Script =>
      scripts[turns.at(-1)?.text ?? ''] ?? {};
    const given = { tokens_per_day: 400, max_answer_tokens: 110, system: '', history_messages: 0 };
    const one = rigOf(opened.database, { given, script });
    const two = rigOf(opened.database, { given, script }, one);
    const toMorning = 24 * HOUR_MS - (one.clock.now() % (24 * HOUR_MS)) + 1_000;
    for (const { later } of [one, two]) later(toMorning);
    const asker = newUser();
    const session = await begin(one, asker);
    await asks(one, asker, session, 'long');
    await one.until(() => one.answering.size === 0);
    // 101 of 400 are spent. This one may take 110 more, on the other node: as far as is known there is room for two of them.
    const others = [await begin(two, asker), await begin(two, asker), await begin(one, asker)];
    expect(await asks(two, asker, others[0] ?? '', 'cut')).toMatchObject({ sequence: 1 });
    expect(await asks(one, asker, others[1] ?? '', 'cut')).toMatchObject({ sequence: 1 });
    expect(await asks(one, asker, others[2] ?? '', 'cut')).toMatchObject({ sequence: 1 });
    expect(await asks(two, asker, session, 'long')).toMatchObject({
      reason: 'rate_limited',
      details: { tokens: 101, limit: 400 },
    });
    // Half an answer has cost what was said of it.
    await two.until(() => two.told.filter((it) => JSON.stringify(it).includes('y')).length > 0);
    await one.until(() => one.told.filter((it) => JSON.stringify(it).includes('y')).length > 1);
    for (const { answering } of [one, two])
      for (const id of others) answering.wish('stop', { tenant: '', session: id });
    await one.until(() => one.answering.size + two.answering.size === 0);
    expect(await asks(two, asker, session, 'long')).toMatchObject({
      reason: 'rate_limited',
      details: { tokens: 404, limit: 400 },
    });
    for (const { later } of [one, two]) later(24 * HOUR_MS);
    expect(await asks(two, asker, await begin(two, asker), 'long')).toMatchObject({ sequence: 1 });
    await Promise.all([one.answering.stop(), two.answering.stop()]);
  });

  test('questions at the same moment in several sessions, on two nodes, are one after the other for the budget', async () => {
    const script = (): Script => ({ answer: 'y '.repeat(200), hangs: true });
    const given = { tokens_per_day: 200, max_answer_tokens: 110, system: '', history_messages: 0 };
    const one = rigOf(opened.database, { given, script });
    const two = rigOf(opened.database, { given, script }, one);
    const asker = newUser();
    const sessions = await Promise.all(Array.from({ length: 8 }, () => begin(one, asker)));
    const answers = await Promise.all(
      sessions.map((session, at) => asks(at % 2 === 0 ? one : two, asker, session, 'long')),
    );
    // 220 of 200 may be taken by two of them; nobody knows better before they end.
    expect(answers.filter((answer) => 'sequence' in answer)).toHaveLength(2);
    expect(answers.filter((answer) => 'reason' in answer && answer.reason === 'rate_limited')).toHaveLength(6);
    await Promise.all([one.answering.stop(), two.answering.stop()]);
  });

  test.each(['the next question', 'the same again'])(
    'L-03: who has read the whole answer may ask %s at once, although its end is not written yet; half of one is waited for by nobody',
    async (what) => {
      const rig = rigOf(opened.database, { script: () => ({ answer: 'it is so', paceMs: 5 }) });
      const { conversations } = rig.ports;
      const stored = Promise.withResolvers<void>();
      const go = Promise.withResolvers<void>();
      const send: typeof conversations.send = conversations.send.bind(conversations);
      Object.assign(conversations, {
        send: async (given: Parameters<typeof send>[0]) => {
          const sent = await send(given);
          if (given.sender === 'assistant') {
            stored.resolve();
            await go.promise;
          }
          return sent;
        },
      });
      const asker = newUser();
      const session = await begin(rig, asker);
      const next = () =>
        what === 'the next question'
          ? asks(rig, asker, session, 'And then?')
          : askAgain(rig.ports, rig.answering, asker, session);
      await asks(rig, asker, session);
      expect(await next()).toMatchObject({ reason: 'wrong_state' });
      let isStored = false;
      void stored.promise.then(() => (isStored = true));
      await rig.until(() => isStored);
      let asked: unknown;
      void next().then((it) => (asked = it));
      for (let left = 0; left < 20; left += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        rig.clock.advance(1);
      }
      expect(asked).toBeUndefined();
      go.resolve();
      await rig.until(() => asked !== undefined);
      expect(asked).toMatchObject(what === 'the next question' ? { sequence: 3 } : { question: 1, attempt: 2 });
      await rig.answering.stop();
    },
  );

  test('an answer that another node has taken for abandoned ends where it is, and does not become a message', async () => {
    const script = (): Script => ({ answer: 'it begins', hangs: true });
    const one = rigOf(opened.database, { script });
    const two = rigOf(opened.database, { script }, one);
    const asker = newUser();
    const session = await begin(one, asker);
    await asks(one, asker, session);
    await one.until(() => one.told.length > 1);
    two.later(60_000);
    await two.answering.look();
    await two.until(() => two.told.length > 0);
    const correlationId = `${session}.1.1`;
    expect(two.told).toContainEqual({
      event: 'answer.end',
      status: 'interrupted',
      question: 1,
      attempt: 1,
      correlationId,
    });
    await one.until(() => one.answering.size === 0);
    expect(one.told.filter((it) => JSON.stringify(it).includes('answer.end'))).toEqual([]);
    expect(await askAgain(one.ports, one.answering, asker, session)).toMatchObject({ attempt: 2 });
    await Promise.all([one.answering.stop(), two.answering.stop()]);
  });

  test('L-13: a session that is erased is gone from tables and topics, and its followers are told', async () => {
    const eraser: App = {
      name: 'eraser',
      uses: ['conversations'],
      start: (host) => ({
        frames: {
          'X-Erase': host.frame<{ readonly session: string }>({
            schema: (z) => z.strictObject({ session: z.string() }),
            handle: async ({ session }) => {
              await (host.used('conversations') as Conversations).erase('', session);
            },
          }),
        },
      }),
    };
    const url = await postgresql.database();
    const server = await startServer({ 'database.url': url, 'database.migrate': 'true' }, [
      conversations(),
      assistant(),
      eraser,
    ]);
    const ada = await connect(server.port, { user: 'ada' });
    const { id: session } = (await ada.ask('X-AssistantBegin', {})).data.details as { id: string };
    await ada.status('subscribed');
    await ada.ask('X-AssistantAsk', { session, content: 'Will this last?' });
    await ada.waitFor(
      ({ data }) => (data.payload as { event?: string } | undefined)?.event === 'answer.end',
      'the end',
    );
    await ada.ask('X-Erase', { session });
    await ada.status('unsubscribed');
    const rows = await postgresql.query(
      `select (select count(*)::int from conversations.events) as events, (select count(*)::int from conversations.members) as members,
         (select count(*)::int from conversations.conversations) as conversations`,
      new URL(url).pathname.slice(1),
    );
    expect(rows).toEqual([{ events: 0, members: 0, conversations: 0 }]);
    expect(await ada.ask('X-ConversationMessages', { conversation: session })).toMatchObject({
      type: 'Error',
      data: { reason: 'not_found' },
    });
    expect(await ada.ask('X-Erase', { session })).toMatchObject({ type: 'Status' });
  });

  test('L-13, L-43: an operator brings deleted sessions back with their messages, and finds a hole in them', async () => {
    const url = await postgresql.database();
    const server = await startServer({ 'database.url': url, 'database.migrate': 'true' }, [
      conversations(),
      assistant(),
    ]);
    const token = await tokenOf('backend', { roles: ['service'] });
    const lines: string[] = [];
    const verb = async (name: string, ...words: readonly string[]): Promise<number | undefined> => {
      lines.length = 0;
      return verbs
        .find((it) => it.name === name)
        ?.run({
          settings: settings(z).parse({}),
          words,
          print: (line) => void lines.push(line),
          input: async () => '',
          request: async (method, path, body) => {
            const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
            const answer = await fetch(`${server.url}${path}`, { method, headers, body: JSON.stringify(body) });
            return { status: answer.status, body: await answer.json() };
          },
        });
    };
    const ada = await connect(server.port, { user: 'ada' });
    const { id: session } = (await ada.ask('X-AssistantBegin', {})).data.details as { id: string };
    await ada.status('subscribed');
    await ada.ask('X-AssistantAsk', { session, content: 'Is it there?' });
    await ada.waitFor(
      ({ data }) => (data.payload as { event?: string } | undefined)?.event === 'answer.end',
      'the end',
    );
    expect([await verb('verify'), lines]).toEqual([0, ['1 sessions, 0 with a fault']]);
    await ada.ask('X-AssistantDelete', { session });
    expect([await verb('recover', '24', 'bob'), lines]).toEqual([0, ['0 sessions are back']]);
    expect([await verb('recover', '24', 'ada'), lines]).toEqual([0, ['1 sessions are back']]);
    expect([await verb('recover', 'all'), lines]).toEqual([1, ['expected hours from 1 on, got "all"']]);
    const page = await ada.ask('X-ConversationMessages', { conversation: session });
    expect((page.data.details as { messages: unknown[] }).messages).toHaveLength(2);
    await postgresql.query('delete from conversations.events where sequence = 1', new URL(url).pathname.slice(1));
    expect([await verb('verify'), lines]).toEqual([1, [`${session}  lacks 1 messages`, '1 sessions, 1 with a fault']]);
    await postgresql.query('delete from conversations.conversations', new URL(url).pathname.slice(1));
    expect([await verb('verify'), lines[0]]).toEqual([1, `${session}  has no conversation`]);
  });
});

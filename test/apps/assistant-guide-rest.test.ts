/** REST of guide 004 on one node: sessions, messages by cursor and by long polling, answers that fail, and limits. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askGuide, beginGuide, openGuide, type GuideAnswer, type GuideAsked } from '../harness/assistant-guide.ts';
import type { TestServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

describe('REST of guide 004', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await openGuide();
  }, 60_000);
  afterAll(() => server.stop());

  const ask = (user: string, path: string, asked?: GuideAsked): Promise<GuideAnswer> =>
    askGuide(server, user, path, asked);
  const say = (user: string, session: string, content: string, more: object = {}): Promise<GuideAnswer> =>
    ask(user, `/sessions/${session}/messages`, { json: { content, ...more } });
  /** Polls as a client does that has no socket, until the last answer has ended and has been read. */
  const poll = async (user: string, session: string, since = '0') => {
    const messages: { sequence: number; type: string; content: string; status: string; metadata: object }[] = [];
    for (;;) {
      const { status, json } = await ask(user, `/sessions/${session}/messages?since=${since}&wait=10`);
      expect(status).toBe(200);
      messages.push(...json.data.messages);
      since = json.data.pagination.since;
      const { answer } = json.data;
      if (answer !== null && answer.status !== 'running') return { messages, answer, since };
    }
  };

  test('L-11, L-12: a session is created, read, changed, listed by cursor, deleted and restored, in the shapes of the guide', async () => {
    const made = await ask('ada', '/sessions', {
      json: { client_name: 'Acme', context: 'costs', metadata: { meeting_type: 'first' } },
    });
    expect([made.status, made.json]).toEqual([
      201,
      {
        success: true,
        data: {
          id: expect.stringMatching(/^assistant-[\w-]+$/),
          user_id: 'ada',
          client_name: 'Acme',
          context: 'costs',
          status: 'active',
          metadata: { meeting_type: 'first' },
          created_at: expect.stringMatching(/^\d{4}-.*Z$/),
          updated_at: expect.any(String),
          last_activity: expect.any(String),
          expires_at: expect.any(String),
        },
      },
    ]);
    const { id } = made.json.data;
    const changed = await ask('ada', `/sessions/${id}`, { method: 'PUT', json: { client_name: 'Acme Ltd' } });
    expect([changed.status, changed.json.data]).toMatchObject([200, { client_name: 'Acme Ltd', context: 'costs' }]);
    const others = [await beginGuide(server, 'ada'), await beginGuide(server, 'ada')];
    const first = await ask('ada', '/sessions?limit=2');
    const { next_cursor: cursor } = first.json.pagination;
    const second = await ask('ada', `/sessions?limit=2&cursor=${cursor}`);
    expect(second.json.pagination).toEqual({ limit: 2, next_cursor: null });
    const listed = [...first.json.data, ...second.json.data].map((it: { id: string }) => it.id);
    expect(new Set(listed)).toEqual(new Set([id, ...others]));
    const closed = await ask('ada', `/sessions/${id}`, { method: 'PATCH', json: { status: 'closed' } });
    expect(closed.json.data.status).toBe('closed');
    expect((await ask('ada', '/sessions?status=closed')).json.data).toMatchObject([{ id }]);
    expect(await ask('ada', `/sessions/${id}`, { method: 'DELETE' })).toMatchObject({
      status: 200,
      json: { success: true, message: 'Chat session deleted successfully' },
    });
    expect((await ask('ada', `/sessions/${id}`)).status).toBe(404);
    expect((await ask('ada', `/sessions/${id}/restore`, { json: {} })).json.data).toMatchObject({ id });
    expect((await ask('ada', `/sessions/${id}`)).json.data).toMatchObject({ id, status: 'closed' });
  });

  test('L-14, L-15: a whole chat without a socket: asked by POST, read by long polls that each begin where the last one ended', async () => {
    const session = await beginGuide(server, 'bob');
    const asked = await say('bob', session, 'a short one', { message_id: 'q-1' });
    expect([asked.status, asked.json.data]).toMatchObject([
      201,
      { id: `${session}.1`, sequence: 1, type: 'user', duplicate: false, client_message_id: 'q-1' },
    ]);
    const first = await poll('bob', session);
    expect(first.messages).toMatchObject([
      { sequence: 1, type: 'user', content: 'a short one', status: 'delivered', client_message_id: 'q-1' },
      {
        sequence: 2,
        type: 'assistant',
        content: 'Yes, and the sum is 12 €.',
        status: 'delivered',
        metadata: {
          message_type: 'assistant',
          in_reply_to: `${session}.1`,
          attempt: 1,
          tokens_used: expect.any(Number),
        },
      },
    ]);
    expect(first.answer).toMatchObject({ status: 'done', message_id: `${session}.2` });
    const waiting = ask('bob', `/sessions/${session}/messages?since=${first.since}&wait=20`);
    await say('bob', session, 'a slow one', { message_id: 'q-2' });
    expect((await waiting).json.data.messages).toMatchObject([{ sequence: 3 }]);
    // Also while it is being answered: that is when a client asks again whose connection broke.
    const twice = await say('bob', session, 'a slow one', { message_id: 'q-2' });
    expect([twice.status, twice.json.data]).toMatchObject([200, { sequence: 3, duplicate: true }]);
    await poll('bob', session, '3');
    expect(await say('bob', session, 'a short one', { message_id: 'q-1' })).toMatchObject({
      status: 200,
      json: { data: { sequence: 1, duplicate: true } },
    });
  });

  test('L-16: history by cursor both ways, by sequence or by id; an offset is refused and says what to do', async () => {
    const session = await beginGuide(server, 'cyd');
    for (let at = 1; at <= 3; at += 1) {
      await say('cyd', session, 'a short one');
      await poll('cyd', session, String(at * 2 - 2));
    }
    const sequences = async (query: string): Promise<number[]> =>
      (await ask('cyd', `/sessions/${session}/history?${query}`)).json.data.messages.map(
        (it: { sequence: number }) => it.sequence,
      );
    expect(await sequences('limit=2')).toEqual([5, 6]);
    expect(await sequences(`limit=2&before=${session}.5`)).toEqual([3, 4]);
    expect(await sequences('limit=2&after=1&offset=0')).toEqual([2, 3]);
    const refused = await ask('cyd', `/sessions/${session}/history?offset=10`);
    expect([refused.status, refused.json.error]).toMatchObject([
      400,
      { code: 'CHAT_VALIDATION_ERROR', message: expect.stringContaining('cursor') },
    ]);
    for (const query of ['since=x', 'before=other.1', 'limit=0', 'wait=31', 'since=1~x'])
      expect((await ask('cyd', `/sessions/${session}/history?${query}`)).json.error, query).toMatchObject({
        code: 'CHAT_VALIDATION_ERROR',
      });
  });

  test('an answer that fails without a word ends the poll that waits, once, and the next question is answered', async () => {
    const session = await beginGuide(server, 'dan');
    await say('dan', session, 'one that fails');
    const failed = await poll('dan', session);
    expect(failed.answer).toEqual({
      in_reply_to: `${session}.1`,
      attempt: 1,
      status: 'failed',
      message_id: null,
      error: {
        code: 'CHAT_AI_SERVICE_ERROR',
        message: 'The AI service refused this server',
        details: { reason: 'unauthorized' },
        retry_after: null,
        correlation_id: `${session}.1.1`,
      },
    });
    const idle = await ask('dan', `/sessions/${session}/messages?since=${failed.since}&wait=0.2`);
    expect(idle.json.data).toMatchObject({ messages: [], answer: { status: 'failed' } });
    const again = await ask('dan', `/sessions/${session}/regenerate`, { json: {} });
    expect([again.status, again.json.data]).toMatchObject([202, { in_reply_to: `${session}.1`, attempt: 2 }]);
    await poll('dan', session, failed.since);
    await say('dan', session, 'a short one');
    expect((await poll('dan', session, '1')).answer).toMatchObject({ status: 'done' });
  });

  test('an answer is stopped over REST: what was said stays and says so', async () => {
    const session = await beginGuide(server, 'eve');
    await say('eve', session, 'one that hangs');
    expect((await say('eve', session, 'more')).json.error).toMatchObject({ code: 'CHAT_VALIDATION_ERROR' });
    const stopped = await ask('eve', `/sessions/${session}/stop`, { json: {} });
    expect(stopped.json.data).toEqual({ session_id: session, was_running: true });
    const { messages, answer } = await poll('eve', session);
    expect(answer.status).toBe('stopped');
    expect(messages.at(-1)).toMatchObject({ type: 'assistant', status: 'stopped' });
  });

  test('L-22: without a token 401, with one of another role 403, and sessions of others are not there, whatever is asked', async () => {
    const session = await beginGuide(server, 'fay');
    expect(await ask('fay', '/sessions', { token: null })).toMatchObject({
      status: 401,
      json: { success: false, error: { code: 'CHAT_UNAUTHORIZED' } },
    });
    const expired = await tokenOf('fay', { roles: ['admin'], expiresIn: -600 });
    expect(await ask('fay', '/sessions', { token: expired })).toMatchObject({
      status: 401,
      json: { error: { code: 'CHAT_UNAUTHORIZED', details: { reason: 'token_expired' } } },
    });
    expect(await ask('fay', '/sessions', { roles: ['user'] })).toMatchObject({
      status: 403,
      json: { error: { code: 'CHAT_UNAUTHORIZED' } },
    });
    const texts = new Set<string>();
    for (const id of [session, 'assistant-none'])
      for (const [method, path, json] of [
        ['GET', '', undefined],
        ['PUT', '', { context: 'x' }],
        ['DELETE', '', undefined],
        ['POST', '/restore', {}],
        ['GET', '/history', undefined],
        ['GET', '/messages?since=0&wait=5', undefined],
        ['POST', '/messages', { content: 'a' }],
        ['POST', '/regenerate', {}],
        ['POST', '/stop', {}],
      ] as const) {
        const { status, json: got } = await ask('gil', `/sessions/${id}${path}`, { method, json });
        expect([status, got.error.code], `${method} ${path}`).toEqual([404, 'CHAT_SESSION_NOT_FOUND']);
        texts.add(JSON.stringify({ ...got.error, correlation_id: null }));
      }
    expect(texts.size).toBe(1);
  });
});

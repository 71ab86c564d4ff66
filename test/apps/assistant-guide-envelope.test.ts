/** The envelope of guide 004 over WebSocket, the stream of a session, and a chat that changes its way in the middle. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askGuide, beginGuide, CHAT, openGuide } from '../harness/assistant-guide.ts';
import { connectEnvelope, dialEnvelope, openStream, type Envelope, type EnvelopeSocket } from '../harness/envelope.ts';
import type { TestServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

describe('the envelope of guide 004', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await openGuide({ 'security.allowed_origins': 'https://admin.example' });
  }, 60_000);
  afterAll(() => server.stop());

  const ask = (socket: EnvelopeSocket, session: string, content: string, more: object = {}): void =>
    socket.say({ type: 'message', session_id: session, content, timestamp: new Date().toISOString(), ...more });
  const isAnswer = ({ type, metadata }: Envelope): boolean =>
    type === 'message' && metadata.message_type === 'assistant';

  test('L-01: it is let in with ?token= or the header; without the role 403, without a token 401, without an upgrade 426', async () => {
    await connectEnvelope(server, 'ada');
    const other = await connectEnvelope(server, 'ada', { inHeader: true });
    expect(other.inbox.all[0]).toMatchObject({ type: 'status', content: 'connected', metadata: { user_id: 'ada' } });
    expect(await dialEnvelope(server, 'ada', { roles: ['user'] })).toMatchObject({
      status: 403,
      json: { success: false, error: { code: 'CHAT_UNAUTHORIZED' } },
    });
    expect(await dialEnvelope(server, 'ada', { token: 'x' })).toMatchObject({
      status: 401,
      json: { error: { code: 'CHAT_UNAUTHORIZED', details: { reason: 'token_invalid' } } },
    });
    const plain = await fetch(`${server.url}${CHAT}/ws`);
    expect([plain.status, (await plain.json()) as object]).toMatchObject([
      426,
      { success: false, error: { code: 'CHAT_WEBSOCKET_ERROR' } },
    ]);
    expect((await fetch(`${server.url}${CHAT}/ws`, { method: 'HEAD' })).status).toBe(426);
  });

  test('a page, which sees no HTTP answer, is told the refusal inside the socket', async () => {
    const token = await tokenOf('ada', { roles: ['admin'], expiresIn: -600 });
    const socket = await dialEnvelope(server, 'ada', { token, headers: { origin: 'https://admin.example' } });
    if (!('next' in socket)) throw new Error('expected a socket');
    expect((await socket.next('error')).metadata).toMatchObject({
      code: 'CHAT_UNAUTHORIZED',
      details: { reason: 'token_expired' },
    });
    expect(await socket.closed).toBe(4300);
  });

  test('L-02, L-03: a message, its ack, typing, the answer with its tokens, typing ends, in the words of the guide', async () => {
    const session = await beginGuide(server, 'bob');
    const socket = await connectEnvelope(server, 'bob');
    ask(socket, session, 'a short one', { message_id: 'm-1', metadata: { client_name: 'Initech', context: 'costs' } });
    await socket.next('typing', 'false');
    const told = socket.inbox.all.filter(({ type }) => type !== 'presence' && type !== 'status');
    expect(told.map(({ type, content }) => [type, content])).toEqual([
      ['ack', 'delivered'],
      ['typing', 'true'],
      ['message', 'Yes, and the sum is 12 €.'],
      ['typing', 'false'],
    ]);
    expect(told[0]).toEqual({
      type: 'ack',
      session_id: session,
      message_id: `${session}.1`,
      content: 'delivered',
      metadata: { client_message_id: 'm-1', sequence: 1, duplicate: false },
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(told[2]).toMatchObject({
      session_id: session,
      message_id: `${session}.2`,
      metadata: { message_type: 'assistant', tokens_used: expect.any(Number), in_reply_to: `${session}.1` },
    });
    expect((await askGuide(server, 'bob', `/sessions/${session}`)).json.data).toMatchObject({
      client_name: 'Initech',
      context: 'costs',
    });
    socket.say({ type: 'heartbeat' });
    await socket.next('heartbeat');
    socket.say({ type: 'presence', content: 'online' });
    expect((await socket.next('presence', 'online')).metadata).toEqual({ user_id: 'bob' });
  });

  test('L-04: with stream=1 the answer grows, and what was said together is the message; another socket of the user sees all of it', async () => {
    const session = await beginGuide(server, 'cyd');
    const [socket, other] = [
      await connectEnvelope(server, 'cyd', { query: 'stream=1' }),
      await connectEnvelope(server, 'cyd'),
    ];
    ask(socket, session, 'a slow one');
    await socket.next('typing', 'false');
    const deltas = socket.inbox.all.filter(({ type }) => type === 'delta');
    expect(deltas.length).toBeGreaterThan(2);
    expect(deltas.map(({ content }) => content).join('')).toBe('one two three four five six');
    await other.next('typing', 'false');
    expect(other.inbox.all.filter(({ type }) => type === 'message').map(({ content }) => content)).toEqual([
      'a slow one',
      'one two three four five six',
    ]);
    socket.say({ type: 'typing', session_id: session, content: 'true' });
    expect((await other.next('typing', 'true')).metadata).toMatchObject({ user_id: expect.any(String) });
  });

  test('an answer is stopped and asked for again, and the state of a session can be asked for', async () => {
    const session = await beginGuide(server, 'dan');
    const socket = await connectEnvelope(server, 'dan');
    ask(socket, session, 'one that hangs');
    await socket.next('typing', 'true');
    socket.say({ type: 'status', session_id: session });
    expect((await socket.next('status', 'running')).metadata).toEqual({ in_reply_to: `${session}.1`, attempt: 1 });
    socket.say({ type: 'status', session_id: session, content: 'stop' });
    expect((await socket.next('ack', 'stop')).metadata).toEqual({ was_running: true });
    await socket.next('status', 'stopped');
    await socket.next('typing', 'false');
    socket.say({ type: 'status', session_id: session, content: 'regenerate' });
    expect((await socket.next('ack', 'regenerate')).metadata).toEqual({ in_reply_to: `${session}.1`, attempt: 2 });
    socket.say({ type: 'status', session_id: session, content: 'stop' });
    await socket.next('status', 'stopped');
    socket.say({ type: 'status', session_id: session });
    await socket.inbox.take(({ content, metadata }) => content === 'stopped' && metadata.attempt === 2, 'the state');
  });

  test('a stream tells one session: from a place on without a hole, then live, and another user gets 404', async () => {
    const session = await beginGuide(server, 'eve');
    await askGuide(server, 'eve', `/sessions/${session}/messages`, { json: { content: 'a short one' } });
    const first = await openStream(server, 'eve', session, { query: 'since=0' });
    await first.inbox.take(isAnswer, 'the answer');
    first.close();
    await askGuide(server, 'eve', `/sessions/${session}/messages`, { json: { content: 'a slow one' } });
    const second = await openStream(server, 'eve', session, { lastId: first.lastId ?? '' });
    await second.inbox.take(isAnswer, 'the answer');
    expect(first.lastId).toBe('2');
    const sequences = [...first.inbox.all, ...second.inbox.all]
      .filter(({ type }) => type === 'message')
      .map(({ metadata }) => metadata.sequence);
    expect(sequences).toEqual([1, 2, 3, 4]);
    const text = second.inbox.all
      .filter(({ type }) => type === 'delta')
      .reduce((whole, { content, metadata }) => whole.slice(0, metadata.from) + content, '');
    expect(text).toBe('one two three four five six');
    const refused = await askGuide(server, 'fay', `/sessions/${session}/stream`);
    expect([refused.status, refused.json.error.code]).toEqual([404, 'CHAT_SESSION_NOT_FOUND']);
  });

  test('L-15: a chat that goes from the socket to polls to a stream and back, in the middle of answers, loses and doubles nothing', async () => {
    const session = await beginGuide(server, 'gil');
    const seen: string[] = [];
    const socket = await connectEnvelope(server, 'gil');
    ask(socket, session, 'a slow one', { message_id: 'w-1' });
    seen.push((await socket.next('ack')).message_id ?? '');
    await socket.next('typing', 'true');
    await socket.drop();
    let since = '1';
    while (seen.length < 2) {
      const { json } = await askGuide(server, 'gil', `/sessions/${session}/messages?since=${since}&wait=10`);
      ({ since } = json.data.pagination);
      seen.push(...json.data.messages.map((it: { id: string }) => it.id));
    }
    const posted = await askGuide(server, 'gil', `/sessions/${session}/messages`, { json: { content: 'a slow one' } });
    expect(posted.json.data.id).toBe(`${session}.3`);
    const stream = await openStream(server, 'gil', session, { query: `since=${since}` });
    seen.push((await stream.next('message')).message_id ?? '');
    await stream.next('delta');
    stream.close();
    const back = await connectEnvelope(server, 'gil', { query: `session_id=${session}&since=${stream.lastId ?? ''}` });
    seen.push((await back.inbox.take(isAnswer, 'the answer')).message_id ?? '');
    // The first question again, as a client does that never heard its ack.
    ask(back, session, 'a slow one', { message_id: 'w-1' });
    expect((await back.next('ack')).metadata).toMatchObject({ sequence: 1, duplicate: true });
    expect(seen).toEqual([1, 2, 3, 4].map((sequence) => `${session}.${sequence}`));
    const { json } = await askGuide(server, 'gil', `/sessions/${session}/history`);
    expect(json.data.messages.map(({ id }: { id: string }) => id)).toEqual(seen);
  });
});

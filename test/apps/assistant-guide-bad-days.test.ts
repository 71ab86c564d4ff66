/** Bad input and bad providers over every way into the guide: the error object, its line in the log, limits, and figures. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LogDestination } from '../../src/telemetry/log-destination.ts';
import { askGuide, beginGuide, openGuide } from '../harness/assistant-guide.ts';
import { connectEnvelope, openStream } from '../harness/envelope.ts';
import type { TestServer } from '../harness/server.ts';

const ERROR = {
  code: expect.stringMatching(/^CHAT_/),
  message: expect.any(String),
  details: expect.objectContaining({ reason: expect.any(String) }),
  retry_after: null,
  correlation_id: expect.stringMatching(/^[\w.-]{8,}$/),
};

describe('bad input and bad providers over every way into guide 004', () => {
  let server: TestServer;
  const lines: string[] = [];
  beforeAll(async () => {
    vi.spyOn(LogDestination.prototype, 'write').mockImplementation((line) => void lines.push(line));
    server = await openGuide({ 'logging.level': 'info' });
  }, 60_000);
  afterAll(async () => {
    vi.restoreAllMocks();
    await server.stop();
  });

  const isLogged = (correlation: string): boolean => lines.some((line) => line.includes(`"${correlation}"`));

  test('L-18: whatever is wrong over REST gets the error object, whose correlation id is in the log', async () => {
    const session = await beginGuide(server, 'ada');
    const path = `/sessions/${session}/messages`;
    const answers = [
      await askGuide(server, 'ada', path, { json: { content: 'x'.repeat(4_001) } }),
      await askGuide(server, 'ada', path, { json: { content: '' } }),
      await askGuide(server, 'ada', path, { json: {} }),
      await askGuide(server, 'ada', path, { json: { content: 'a', metadata: { context: 7 } } }),
      await askGuide(server, 'ada', path, { json: { content: 'a', message_id: 'x'.repeat(200) } }),
      await askGuide(server, 'ada', path, { body: '{"content": "a' }),
      await askGuide(server, 'ada', path, { body: String.raw`{"content": "\ud800"}` }),
      await askGuide(server, 'ada', path, { body: JSON.stringify({ content: 'x'.repeat(2_000_000) }) }),
      await askGuide(server, 'ada', '/sessions', { json: { client_name: 'a\0b' } }),
      await askGuide(server, 'ada', '/sessions', { json: { model: 'gpt-99' } }),
      await askGuide(server, 'ada', '/sessions?limit=x'),
      await askGuide(server, 'ada', '/sessions?cursor=x'),
    ];
    for (const [at, { status, json, headers }] of answers.entries()) {
      expect([400, 413], String(at)).toContain(status);
      expect(json, String(at)).toEqual({ success: false, error: { ...ERROR, code: 'CHAT_VALIDATION_ERROR' } });
      expect(headers.get('x-correlation-id')).toBe(json.error.correlation_id);
      expect(isLogged(json.error.correlation_id), String(at)).toBe(true);
    }
    const own = await askGuide(server, 'ada', '/sessions/none', { headers: { 'x-correlation-id': 'my-request-17' } });
    expect([own.json.error.correlation_id, isLogged('my-request-17')]).toEqual(['my-request-17', true]);
    expect(lines.join('')).not.toContain('xxxx');
  });

  test('the same over the envelope: each is told with the message that it is about, and the socket goes on', async () => {
    const session = await beginGuide(server, 'bob');
    const foreign = await beginGuide(server, 'ada');
    const socket = await connectEnvelope(server, 'bob');
    for (const [said, code, messageId] of [
      ['{"type": "message', 'CHAT_VALIDATION_ERROR', undefined],
      [[1], 'CHAT_VALIDATION_ERROR', undefined],
      [{ type: 'shout', session_id: session }, 'CHAT_VALIDATION_ERROR', undefined],
      [{ type: 'message', content: 'a' }, 'CHAT_VALIDATION_ERROR', undefined],
      [{ type: 'message', session_id: session, message_id: 'm-1', content: 7 }, 'CHAT_VALIDATION_ERROR', 'm-1'],
      [
        { type: 'message', session_id: session, message_id: 'm-2', content: 'x'.repeat(4_001) },
        'CHAT_VALIDATION_ERROR',
        'm-2',
      ],
      [{ type: 'message', session_id: foreign, message_id: 'm-3', content: 'a' }, 'CHAT_SESSION_NOT_FOUND', 'm-3'],
      [{ type: 'status', session_id: foreign }, 'CHAT_SESSION_NOT_FOUND', undefined],
      [{ type: 'typing', session_id: foreign, content: 'true' }, 'CHAT_SESSION_NOT_FOUND', undefined],
    ] as const) {
      socket.say(said);
      const { metadata, message_id: id } = await socket.next('error');
      expect([metadata.code, id], JSON.stringify(said).slice(0, 100)).toEqual([code, messageId]);
      expect(isLogged(metadata.correlation_id)).toBe(true);
    }
    socket.say({ type: 'heartbeat' });
    await socket.next('heartbeat');
  });

  test.each([
    ['one that fails', 'unauthorized', null],
    ['one that is busy', 'busy', 7],
    ['one that is garbage', 'garbage', null],
    ['one that is too large', 'too_large', null],
    ['one that breaks', 'cut', 1],
  ])(
    'L-05: %s is told over socket, stream and poll with its code and its line in the log, and the chat goes on',
    async (question, reason, retryAfter) => {
      const session = await beginGuide(server, 'cyd');
      const socket = await connectEnvelope(server, 'cyd', { query: `session_id=${session}` });
      const stream = await openStream(server, 'cyd', session);
      await stream.next('status', 'idle');
      socket.say({ type: 'message', session_id: session, content: question });
      const correlation = `${session}.1.1`;
      for (const way of [socket, stream]) {
        const { metadata, message_id: id } = await way.next('error');
        expect(id).toBe(`${session}.1`);
        expect(metadata).toMatchObject({
          code: 'CHAT_AI_SERVICE_ERROR',
          details: { reason },
          correlation_id: correlation,
        });
        expect(metadata.retry_after).toBe(retryAfter);
      }
      const polled = await askGuide(server, 'cyd', `/sessions/${session}/messages?since=0`);
      expect(polled.json.data.answer).toMatchObject({
        status: 'failed',
        error: { code: 'CHAT_AI_SERVICE_ERROR', details: { reason }, correlation_id: correlation },
      });
      expect(isLogged(correlation)).toBe(true);
      socket.say({ type: 'message', session_id: session, content: 'a short one' });
      await socket.next('message', 'Yes, and the sum is 12 €.');
    },
  );

  test('L-24: the figures of the guide are those of Prometheus', async () => {
    const figures = async (path: string) => (await askGuide(server, 'dan', path)).json.data;
    const [ai, errors, connections] = [
      await figures('/metrics/ai'),
      await figures('/metrics/errors'),
      await figures('/metrics/connections'),
    ];
    const text = await (await server.get('/metrics')).text();
    const sample = (name: string): number =>
      Number(new RegExp(`^signalbox_assistant_${name} (\\S+)$`, 'm').exec(text)?.[1]);
    for (const [status, count] of Object.entries(ai.answers))
      expect(sample(`answers_total\\{status="${status}"\\}`)).toBe(count);
    expect(sample('tokens_total\\{direction="output"\\}')).toBe(ai.output_tokens);
    for (const [code, count] of Object.entries(errors.refused))
      expect(sample(`errors_total\\{code="${code}"\\}`)).toBe(count);
    for (const [failure, count] of Object.entries(errors.answers_failed))
      expect(sample(`failures_total\\{failure="${failure}"\\}`)).toBe(count);
    expect([sample('guide_connections'), sample('guide_connections_total')]).toEqual([
      connections.active,
      connections.total,
    ]);
    expect([ai.answers_total > 0, errors.refused_total > 0, errors.answers_failed_total]).toEqual([true, true, 5]);
    expect(await figures('/health')).toMatchObject({
      overall_status: 'healthy',
      components: { websocket_server: 'healthy', database: 'healthy', ai_service: 'healthy' },
    });
  });
});

test('L-17: requests, messages and tokens have limits, each refused with 429, Retry-After and its header', async () => {
  const server = await openGuide({
    'apps.assistant.requests_per_minute': '20',
    'apps.assistant.messages_per_minute': '2',
    'apps.assistant.sessions_per_hour': '2',
    'apps.assistant.tokens_per_day': '1',
  });
  try {
    const first = await askGuide(server, 'ada', '/sessions', { json: {} });
    expect(first.headers.get('x-ratelimit-limit')).toBe('20');
    expect(first.headers.get('x-ratelimit-remaining')).toBe('19');
    const { id } = first.json.data;
    await askGuide(server, 'ada', '/sessions', { json: {} });
    const third = await askGuide(server, 'ada', '/sessions', { json: {} });
    expect([third.status, third.json.error.code, third.headers.get('retry-after')]).toEqual([
      429,
      'CHAT_RATE_LIMITED',
      String(third.json.error.retry_after),
    ]);
    await askGuide(server, 'ada', `/sessions/${id}/messages`, { json: { content: 'a short one' } });
    await askGuide(server, 'ada', `/sessions/${id}/messages?since=1&wait=10`);
    const spent = await askGuide(server, 'ada', `/sessions/${id}/messages`, { json: { content: 'a short one' } });
    expect([spent.status, spent.json.error.code]).toEqual([429, 'CHAT_RATE_LIMITED']);
    expect([spent.headers.get('x-token-budget-limit'), spent.headers.get('x-token-budget-remaining')]).toEqual([
      '1',
      '0',
    ]);
    let last = spent;
    for (let at = 0; at < 20 && last.headers.get('x-ratelimit-remaining') !== '0'; at += 1)
      last = await askGuide(server, 'ada', '/sessions');
    const over = await askGuide(server, 'ada', '/sessions');
    expect([over.status, over.json.error]).toMatchObject([429, { code: 'CHAT_RATE_LIMITED', details: { limit: 20 } }]);
    expect((await askGuide(server, 'bob', '/sessions')).status).toBe(200);
  } finally {
    await server.stop();
  }
}, 60_000);

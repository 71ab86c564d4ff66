/** What a client may do wrong, over each way in: what it is told, what the log has of it, and that the chat goes on. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LogDestination } from '../../src/telemetry/log-destination.ts';
import { askGuide, beginGuide, openGuide } from '../harness/assistant-guide.ts';
import { connect, type Connection } from '../harness/client.ts';
import { connectEnvelope, dialEnvelope, openStream, type EnvelopeSocket } from '../harness/envelope.ts';
import type { TestServer } from '../harness/server.ts';

const TOO_LONG = 'x'.repeat(4_001);
const NOT_FOUND = { code: 'CHAT_SESSION_NOT_FOUND', details: { reason: 'not_found' }, retry_after: null };
const INVALID = { code: 'CHAT_VALIDATION_ERROR', details: { reason: 'invalid_field' }, retry_after: null };

describe('bad input over every way to the assistant', () => {
  let server: TestServer;
  let foreign: string;
  const lines: string[] = [];
  beforeAll(async () => {
    vi.spyOn(LogDestination.prototype, 'write').mockImplementation((line) => void lines.push(line));
    server = await openGuide({ 'logging.level': 'info' });
    foreign = await beginGuide(server, 'somebody-else');
  }, 60_000);
  afterAll(async () => {
    vi.restoreAllMocks();
    await server.stop();
  });

  /** The error object, whose id is that of one line in the log, which has nothing of what was said. */
  const expectError = (error: { readonly correlation_id: string }, expected: object): void => {
    expect(error).toMatchObject(expected);
    const [line = '', ...more] = lines.filter((it) => it.includes(`"${error.correlation_id}"`));
    expect([line.includes('Refused'), more]).toEqual([true, []]);
    expect(line).not.toMatch(/xxxx|gpt-99/);
  };
  const expectGood = async (user: string, session: string): Promise<void> => {
    const { json } = await askGuide(server, user, `/sessions/${session}/messages`, {
      json: { content: 'a short one' },
    });
    expect(json.success).toBe(true);
    const page = await askGuide(server, user, `/sessions/${session}/messages?since=${json.data.sequence}&wait=20`);
    expect(page.json.data.messages).toMatchObject([{ type: 'assistant', status: 'delivered' }]);
  };

  test('L-17, L-18: over REST and long polls', async () => {
    const session = await beginGuide(server, 'ada');
    const ask = (path: string, json?: unknown) => askGuide(server, 'ada', path, json === undefined ? {} : { json });
    for (const [{ status, json }, code, expected] of [
      [await ask(`/sessions/${session}/messages`, { content: TOO_LONG }), 400, INVALID],
      [await ask('/sessions', { model: 'gpt-99' }), 400, INVALID],
      [await ask(`/sessions/${foreign}/messages`, { content: 'a' }), 404, NOT_FOUND],
      [await ask(`/sessions/${foreign}/messages?since=0&wait=5`), 404, NOT_FOUND],
      [await ask(`/sessions/${foreign}/stream`), 404, NOT_FOUND],
    ] as const) {
      expect([status, json.success]).toEqual([code, false]);
      expectError(json.error, expected);
      await expectGood('ada', session);
    }
  });

  test('L-17, L-18: over the envelope, in the handshake and behind it', async () => {
    const session = await beginGuide(server, 'bob');
    const socket: EnvelopeSocket = await connectEnvelope(server, 'bob');
    const say = (given: object): void => socket.say({ type: 'message', message_id: 'm-1', ...given });
    for (const [said, expected] of [
      [{ session_id: session, content: TOO_LONG }, INVALID],
      [{ session_id: foreign, content: 'a' }, NOT_FOUND],
      [{ session_id: foreign, type: 'status', content: 'stop' }, NOT_FOUND],
      [{ session_id: foreign, type: 'status', content: 'regenerate' }, NOT_FOUND],
    ] as const) {
      say(said);
      const { metadata, message_id: id } = await socket.next('error');
      expect(id).toBe('m-1');
      expectError(metadata, expected);
      await expectGood('bob', session);
    }
    const refused = await dialEnvelope(server, 'bob', { query: `session_id=${foreign}` });
    if ('next' in refused) throw new Error('expected a refusal');
    expect(refused.status).toBe(404);
    expectError(refused.json.error, NOT_FOUND);
    say({ session_id: session, message_id: 'm-2', content: 'a short one' });
    await socket.inbox.take(({ type, metadata }) => type === 'ack' && metadata.client_message_id === 'm-2', 'the ack');
  });

  test('L-17: over frames, each refused under the id of its frame', async () => {
    const session = await beginGuide(server, 'cyd');
    const client: Connection = await connect(server.port, { user: 'cyd' });
    for (const [type, data, reason] of [
      ['X-AssistantAsk', { session, content: TOO_LONG }, 'invalid_field'],
      ['X-AssistantAsk', { session: foreign, content: 'a' }, 'not_found'],
      ['X-AssistantCurrent', { session: foreign }, 'not_found'],
      ['X-AssistantBegin', { model: 'gpt-99' }, 'invalid_field'],
      ['X-AssistantAsk', { session, content: 'a', model: 'gpt-99' }, 'invalid_field'],
    ] as const) {
      expect(await client.ask(type, data), type).toMatchObject({
        type: 'Error',
        data: { reason, message: expect.any(String) },
      });
      await expectGood('cyd', session);
    }
  });

  test('L-18: a stream that is read hears nothing of what others do wrong in its session, and the answer that follows', async () => {
    const session = await beginGuide(server, 'dan');
    const stream = await openStream(server, 'dan', session);
    await stream.next('status', 'idle');
    await askGuide(server, 'dan', `/sessions/${session}/messages`, { json: { content: TOO_LONG } });
    await expectGood('dan', session);
    await stream.next('message', 'Yes, and the sum is 12 €.');
    expect(stream.inbox.all.filter(({ type }) => type === 'error')).toEqual([]);
  });
});

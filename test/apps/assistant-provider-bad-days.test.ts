/**
 * A provider on bad days, over HTTP and in either interface: each question is asked over each way in, and each way is told the same,
 * with the right code, the right time to wait and an id that is in the log; the next question of the session is answered.
 */
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { LogDestination } from '../../src/telemetry/log-destination.ts';
import { GOOD_ANSWER, KEY, TroubledModel } from '../fakes/troubled-model.ts';
import { askGuide, beginGuide, openGuide } from '../harness/assistant-guide.ts';
import { connect, type Connection } from '../harness/client.ts';
import { within } from '../harness/deadline.ts';
import { connectEnvelope, openStream, type EnvelopeSocket, type EnvelopeStream } from '../harness/envelope.ts';
import type { TestServer } from '../harness/server.ts';

const MAX_ANSWER = 2_000;

/** What is told, and when one may ask again: as the provider has said, or as the server says of its own. */
const FAILURES = [
  { day: 'status 401', reason: 'unauthorized' },
  { day: 'no such model', reason: 'invalid' },
  { day: 'status 429', reason: 'busy', usualSecs: 10 },
  { day: 'status 429, come back in 7', reason: 'busy', saidSecs: 7 },
  { day: 'status 429, come back in 3600', reason: 'busy', saidSecs: 3_600 },
  { day: 'status 529', reason: 'busy', usualSecs: 10 },
  { day: 'status 529, come back in 3', reason: 'busy', saidSecs: 3 },
  { day: 'a page', reason: 'garbage' },
  { day: 'no JSON', reason: 'garbage', half: 'half ' },
  { day: 'cut in mid-event', reason: 'cut', usualSecs: 1, half: 'half ' },
  { day: 'a connection that breaks', reason: 'cut', usualSecs: 1, half: 'half ' },
  { day: '10 MB in one event', reason: 'too_large', half: 'half ' },
  { day: '10 MB of comments', reason: 'too_large', half: 'half ' },
  { day: '10 MB of a page', reason: 'garbage' },
  { day: '10 MB with status 500', reason: 'unavailable', usualSecs: 10 },
] as const satisfies readonly Failing[];

interface Failing {
  readonly day: string;
  readonly reason: string;
  readonly saidSecs?: number;
  readonly usualSecs?: number;
  /** What was said before it failed, and is kept as half an answer. */
  readonly half?: string;
}

const WAYS = ['frames', 'the envelope', 'REST'] as const;

/** One session, followed over every way there is. */
class Chat {
  readonly session: string;
  readonly user: string;
  readonly frames: Connection;
  readonly socket: EnvelopeSocket;
  readonly stream: EnvelopeStream;
  private readonly server: TestServer;
  private since = '0';

  constructor(server: TestServer, user: string, session: string, ways: Pick<Chat, 'frames' | 'socket' | 'stream'>) {
    this.server = server;
    this.user = user;
    this.session = session;
    this.frames = ways.frames;
    this.socket = ways.socket;
    this.stream = ways.stream;
  }

  static async open(server: TestServer, user: string): Promise<Chat> {
    const session = await beginGuide(server, user);
    const frames = await connect(server.port, { user });
    await frames.status('subscribed');
    const socket = await connectEnvelope(server, user, { query: `session_id=${session}` });
    const stream = await openStream(server, user, session);
    await stream.next('status', 'idle');
    return new Chat(server, user, session, { frames, socket, stream });
  }

  /** @returns the sequence of the question */
  async ask(way: (typeof WAYS)[number], content: string): Promise<number> {
    const { session } = this;
    if (way === 'frames') {
      const { data, type } = await this.frames.ask('X-AssistantAsk', { session, content });
      expect(type).toBe('Status');
      return (data.details as { sequence: number }).sequence;
    }
    if (way === 'the envelope') {
      this.socket.say({ type: 'message', session_id: session, content });
      return (await this.socket.next('ack')).metadata.sequence;
    }
    const { status, json } = await askGuide(this.server, this.user, `/sessions/${session}/messages`, {
      json: { content },
    });
    expect(status).toBe(201);
    return json.data.sequence;
  }

  /** The end of the answer as frames tell it. */
  async end(question: number): Promise<Readonly<Record<string, unknown>>> {
    const { data } = await this.frames.waitFor(({ data: { payload } }) => {
      const { event, question: of } = (payload ?? {}) as { readonly event?: string; readonly question?: number };
      return event === 'answer.end' && of === question;
    }, `the end of the answer to ${question}`);
    return data.payload as Readonly<Record<string, unknown>>;
  }

  /** Long polls until the question has been answered, or was not. */
  async poll(question: number) {
    const messages: { readonly sequence: number; readonly content: string; readonly status: string }[] = [];
    for (;;) {
      const { status, json } = await askGuide(
        this.server,
        this.user,
        `/sessions/${this.session}/messages?since=${this.since}&wait=20`,
      );
      expect(status).toBe(200);
      const { answer, pagination } = json.data;
      messages.push(...json.data.messages);
      this.since = pagination.since;
      if (answer?.in_reply_to === `${this.session}.${question}` && answer.status !== 'running')
        return { answer, messages: messages.filter(({ sequence }) => sequence > question) };
    }
  }
}

describe.each(['anthropic', 'openai'])('a provider on bad days, of the interface %s', (provider) => {
  let server: TestServer;
  let model: TroubledModel;
  const lines: string[] = [];
  let users = 0;
  beforeAll(async () => {
    vi.spyOn(LogDestination.prototype, 'write').mockImplementation((line) => void lines.push(line));
    model = await TroubledModel.open();
    server = await openGuide(
      {
        'logging.level': 'info',
        'apps.assistant.provider': provider,
        'apps.assistant.base_url': model.url,
        'apps.assistant.model': 'm',
        'apps.assistant.key': KEY,
        'apps.assistant.max_answer': String(MAX_ANSWER),
        'apps.assistant.retry_ms': '1',
      },
      { isScripted: false },
    );
  }, 60_000);
  afterEach(() => {
    lines.length = 0;
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await server.stop();
    model.stop();
  });

  const open = (): Promise<Chat> => {
    users += 1;
    return Chat.open(server, `user-${users}`);
  };
  const expectGood = async (chat: Chat, way: (typeof WAYS)[number]): Promise<void> => {
    const question = await chat.ask(way, 'a good question');
    expect(await chat.end(question)).toMatchObject({ status: 'done' });
    await chat.socket.next('message', GOOD_ANSWER);
    await chat.stream.next('message', GOOD_ANSWER);
    expect(await chat.poll(question)).toMatchObject({
      answer: { status: 'done' },
      messages: [{ content: GOOD_ANSWER, status: 'delivered' }],
    });
  };

  test.each(FAILURES.flatMap((failing: Failing) => WAYS.map((way) => ({ ...failing, way }))))(
    'L-05, L-18: $day, asked over $way: told over every way as $reason, with its line in the log, and the chat goes on',
    async ({ day, reason, way, saidSecs, usualSecs, half }) => {
      const chat = await open();
      const { session, socket, stream } = chat;
      const question = await chat.ask(way, day);
      const correlation = `${session}.${question}.1`;
      const retryAfter = saidSecs ?? usualSecs ?? null;
      const error = {
        code: 'CHAT_AI_SERVICE_ERROR',
        details: { reason },
        retry_after: retryAfter,
        correlation_id: correlation,
      };
      for (const heard of [socket, stream]) {
        const told = await heard.next('error');
        expect(told).toMatchObject({ session_id: session, message_id: `${session}.${question}`, metadata: error });
        expect(told.content).not.toBe('');
      }
      const end = await chat.end(question);
      expect(end).toMatchObject({ status: 'failed', failure: reason, correlationId: correlation });
      expect(end['retryAfterMs']).toBe(saidSecs === undefined ? undefined : saidSecs * 1_000);
      const { answer, messages } = await chat.poll(question);
      expect(answer).toMatchObject({ status: 'failed', error: { ...error, message: expect.any(String) } });
      // Half of an answer is kept, and is not called whole.
      expect(messages).toMatchObject(half === undefined ? [] : [{ content: half, status: 'failed' }]);
      // And to those who come later.
      const { last } = (await chat.frames.ask('X-AssistantCurrent', { session })).data.details as {
        last: Readonly<Record<string, unknown>>;
      };
      expect(last).toMatchObject({ status: 'failed', failure: reason, correlationId: correlation });
      expect(last['retryAfterMs'] === undefined).toBe(saidSecs === undefined);
      socket.say({ type: 'status', session_id: session });
      expect((await socket.next('status', 'failed')).metadata).toMatchObject(error);

      const [line = '', ...more] = lines.filter((it) => it.includes(`"${correlation}"`));
      expect(JSON.parse(line)).toMatchObject({ level: 'WARN' });
      expect(line).toContain(reason);
      expect(more).toEqual([]);
      expect(lines.join('')).not.toContain(KEY);
      if (day.startsWith('10 MB')) expect(await within(model.wasLeft, 'the flood to be left')).toBe(true);
      await expectGood(chat, way);
    },
  );

  test.each(WAYS)('L-05: a provider that repeats itself is heard once, asked over %s', async (way) => {
    const chat = await open();
    for (const day of ['all of it twice', 'its end twice']) {
      const question = await chat.ask(way, day);
      expect(await chat.end(question), day).toMatchObject({ status: 'done' });
      const { messages } = await chat.poll(question);
      expect(messages, day).toMatchObject([{ content: GOOD_ANSWER, status: 'delivered' }]);
    }
    await expectGood(chat, way);
  });

  test.each(WAYS)(
    'L-05: an answer of 10 MB, or one word without end, ends where answers do, asked over %s',
    async (way) => {
      const chat = await open();
      for (const day of ['10 MB of answer', 'the same word without end']) {
        const question = await chat.ask(way, day);
        expect(await chat.end(question), day).toMatchObject({ status: 'done' });
        const { messages } = await chat.poll(question);
        expect(messages, day).toHaveLength(1);
        expect(messages[0]?.content.length, day).toBeLessThanOrEqual(MAX_ANSWER);
        expect(messages[0]?.content.length, day).toBeGreaterThan(MAX_ANSWER / 2);
      }
      await expectGood(chat, way);
    },
  );
});

test('L-07: a provider that names a time is asked then and not before, and is not asked again where that is too late', async () => {
  const model = await TroubledModel.open();
  onTestFinished(() => model.stop());
  const server = await openGuide(
    {
      'apps.assistant.provider': 'anthropic',
      'apps.assistant.base_url': model.url,
      'apps.assistant.model': 'm',
      'apps.assistant.key': KEY,
      'apps.assistant.attempts': '3',
      'apps.assistant.retry_ms': '1',
    },
    { isScripted: false },
  );
  onTestFinished(() => server.stop());
  const chat = await Chat.open(server, 'ada');
  model.script.push('status 529, come back in 1');
  expect(await chat.end(await chat.ask('REST', 'a good question'))).toMatchObject({ status: 'done' });
  const [first, second] = model.calls.map(({ at }) => at) as [number, number];
  expect(model.calls).toHaveLength(2);
  expect(second - first).toBeGreaterThanOrEqual(990);
  const late = await chat.end(await chat.ask('REST', 'status 429, come back in 3600'));
  expect(late).toMatchObject({ status: 'failed', failure: 'busy', retryAfterMs: 3_600_000 });
  expect(model.calls).toHaveLength(3);
}, 60_000);

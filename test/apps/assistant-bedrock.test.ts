/** Amazon Bedrock by its SDK, against a server that speaks its event stream, well and badly. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { BedrockProvider } from '../../src/apps/assistant/providers/bedrock.ts';
import { providerOf } from '../../src/apps/assistant/providers/chosen.ts';
import type { End, Provider, Question } from '../../src/apps/assistant/providers/provider.ts';
import { settings } from '../../src/apps/assistant/settings.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { begin, encoded, event, exception, startBedrock, type SpeakBedrock } from '../fakes/bedrock.ts';

const KEY = 'key-that-nobody-may-read';
const QUESTION: Question = {
  model: 'anthropic.claude-model-1:0',
  system: 'Be brief.',
  turns: [
    { by: 'user', text: 'Hello' },
    { by: 'assistant', text: 'Yes?' },
    { by: 'user', text: 'What is it?' },
  ],
  maxTokens: 50,
};

const delta = (text: string): Buffer => event('contentBlockDelta', { contentBlockIndex: 0, delta: { text } });
const ANSWER = [
  event('messageStart', { role: 'assistant' }),
  delta('Half '),
  delta('a € 😀'),
  event('contentBlockStop', { contentBlockIndex: 0 }),
  event('somethingNew', { more: true }),
  event('messageStop', { stopReason: 'max_tokens' }),
  event('metadata', { usage: { inputTokens: 7, outputTokens: 9, totalTokens: 16 }, metrics: { latencyMs: 5 } }),
];

function spoilt(bytes: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, -4), Buffer.alloc(4)]);
}

function providerAt(endpoint: URL): Provider {
  return new BedrockProvider({ region: 'eu-central-1', endpoint, key: KEY });
}

/** Its deltas, and its end. */
async function piecesOf(provider: Provider): Promise<readonly (string | End)[]> {
  const pieces: (string | End)[] = [];
  const end = await provider.answer(QUESTION, (text) => pieces.push(text), new AbortController().signal);
  return [...pieces, end];
}

test.each([1, 3, 50, 10_000])('L-10: its events are read whole, in pieces of %i bytes', async (size) => {
  const bytes = Buffer.concat(ANSWER);
  const { url, asked } = await startBedrock((stream) => {
    begin(stream);
    for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
    stream.end();
  });
  expect(await piecesOf(providerAt(url))).toEqual([
    'Half ',
    'a € 😀',
    { usage: { inputTokens: 7, outputTokens: 9 }, ending: 'length' },
  ]);
  expect(asked[0]?.path).toBe('/model/anthropic.claude-model-1%3A0/converse-stream');
  expect(asked[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(asked[0]?.body).toEqual({
    system: [{ text: 'Be brief.' }],
    inferenceConfig: { maxTokens: 50 },
    messages: [
      { role: 'user', content: [{ text: 'Hello' }] },
      { role: 'assistant', content: [{ text: 'Yes?' }] },
      { role: 'user', content: [{ text: 'What is it?' }] },
    ],
  });
});

describe('on bad days', () => {
  test.each([
    [403, 'AccessDeniedException', 'unauthorized'],
    [403, 'UnrecognizedClientException', 'unauthorized'],
    [400, 'ValidationException', 'invalid'],
    [404, 'ResourceNotFoundException', 'invalid'],
    [429, 'ThrottlingException', 'busy'],
    [408, 'ModelTimeoutException', 'timeout'],
    [503, 'ServiceUnavailableException', 'unavailable'],
    [529, 'SomethingNewException', 'busy'],
    [500, 'InternalServerException', 'unavailable'],
  ])('status %i, %s, is %s, once, with Retry-After and without what it says', async (status, type, failure) => {
    const { url, asked } = await startBedrock((stream) => {
      stream.respond({
        ':status': status,
        'content-type': 'application/json',
        'x-amzn-errortype': type,
        'retry-after': '3',
      });
      stream.end(JSON.stringify({ message: `you said: What is it? ${KEY}` }));
    });
    const error = await piecesOf(providerAt(url)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'ProviderError', failure, retryAfterMs: 3_000 });
    expect(String(error)).toContain(type.replace('SomethingNew', ''));
    expect(String(error)).not.toMatch(/What is it|key-that/);
    expect(asked).toHaveLength(1);
  });

  test.each<readonly [string, string, SpeakBedrock]>([
    ['a stream that ends too early', 'cut', (stream) => begin(stream).end(Buffer.concat(ANSWER.slice(0, 3)))],
    ['a stream that breaks', 'cut', (stream) => begin(stream).write(ANSWER[0], () => stream.session?.destroy())],
    ['an exception in the stream', 'busy', (stream) => begin(stream).end(exception('throttlingException'))],
    [
      'another exception in the stream',
      'unavailable',
      (stream) => begin(stream).end(exception('modelStreamErrorException')),
    ],
    [
      'a page instead of a stream',
      'garbage',
      (stream) => begin(stream).end('<html>no model here, and a good day to you</html>'),
    ],
    [
      'an event whose sum is wrong',
      'garbage',
      (stream) => begin(stream).end(Buffer.concat([ANSWER[0] ?? Buffer.of(), spoilt(delta('x'))])),
    ],
    ['an event that is no JSON', 'garbage', (stream) => begin(stream).end(event('contentBlockDelta', '{"delta":'))],
    [
      'ten megabytes',
      'too_large',
      (stream) => begin(stream).end(Buffer.concat(Array.from({ length: 10_000 }, () => delta('x'.repeat(1_000))))),
    ],
    [
      'ten megabytes of nothing',
      'too_large',
      (stream) =>
        begin(stream).end(
          Buffer.concat(
            Array.from({ length: 80_000 }, () =>
              encoded(
                { ':message-type': 'event', ':event-type': 'messageStart', ':content-type': 'application/json' },
                {},
              ),
            ),
          ),
        ),
    ],
  ])('%s is %s', async (_, failure, speak) => {
    const { url } = await startBedrock(speak);
    const error = await piecesOf(providerAt(url)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'ProviderError', failure });
    expect(String(error)).not.toContain('you said');
  });

  test('a server that is not there is unavailable', async () => {
    await expect(piecesOf(providerAt(new URL('http://127.0.0.1:2/')))).rejects.toMatchObject({
      failure: 'unavailable',
    });
  });

  test('a reader may stop, and the server notices', async () => {
    const left = Promise.withResolvers<void>();
    const { url } = await startBedrock((stream) => {
      stream.on('close', left.resolve);
      begin(stream).write(Buffer.concat(ANSWER.slice(0, 2)));
    });
    const cut = new AbortController();
    const heard = Promise.withResolvers<string>();
    const end = providerAt(url).answer(QUESTION, heard.resolve, cut.signal);
    expect(await heard.promise).toBe('Half ');
    cut.abort(new Error('enough'));
    await expect(end).rejects.toThrow('enough');
    await left.promise;
  });
});

test('L-10: the configuration names provider, region and model, and what cannot be stops the start', () => {
  const read = (given: object): unknown => {
    const { success, data, error } = settings(z).safeParse(given);
    return success ? providerOf(data, systemScheduler).name : error.issues.map(({ path }) => path.join('.'));
  };
  expect(read({})).toBe('local');
  expect(read({ provider: 'bedrock', region: 'eu-central-1', model: 'm' })).toBe('bedrock');
  expect(read({ provider: 'anthropic', key: 'k', model: 'm' })).toBe('anthropic');
  expect(read({ provider: 'openai', model: 'm' })).toBe('openai');
  expect(read({ provider: 'bedrock', model: 'm' })).toEqual(['region']);
  expect(read({ provider: 'bedrock', region: 'Frankfurt', model: 'm' })).toEqual(['region']);
  expect(read({ provider: 'openai' })).toEqual(['model']);
  expect(read({ provider: 'oracle' })).toEqual(['provider']);
});

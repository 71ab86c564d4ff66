/** Providers over HTTP against a server that speaks their interfaces, well and badly. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AnthropicProvider } from '../../src/apps/assistant/providers/anthropic.ts';
import { OpenAiProvider } from '../../src/apps/assistant/providers/openai.ts';
import type { End, Provider, Question } from '../../src/apps/assistant/providers/provider.ts';

const QUESTION: Question = {
  model: 'm',
  system: 'Be brief.',
  turns: [{ by: 'user', text: 'What is it?' }],
  maxTokens: 50,
};
const KEY = 'key-that-nobody-may-read';

interface Asked {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Readonly<Record<string, unknown>>;
}

type Speak = (response: ServerResponse, asked: Asked) => void;

async function serverThat(speak: Speak): Promise<{ readonly url: URL; readonly asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as Asked['body'];
      const one = { path: request.url ?? '', headers: request.headers, body };
      asked.push(one);
      speak(response, one);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/base`), asked };
}

/** Its deltas, and its end. */
async function piecesOf(provider: Provider): Promise<readonly (string | End)[]> {
  const pieces: (string | End)[] = [];
  const end = await provider.answer(QUESTION, (text) => pieces.push(text), new AbortController().signal);
  return [...pieces, end];
}

function stream(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
}

const event = (data: object | string): string =>
  `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\r\n\r\n`;

const ANTHROPIC = [
  { type: 'message_start', message: { usage: { input_tokens: 7 } } },
  { type: 'ping' },
  { type: 'content_block_delta', delta: { type: 'text_delta', text: 'Half ' } },
  { type: 'content_block_delta', delta: { type: 'text_delta', text: 'a € 😀' } },
  { type: 'message_delta', delta: { stop_reason: 'max_tokens' }, usage: { output_tokens: 9 } },
  { type: 'message_stop' },
]
  .map((data) => `event: ${data.type}\n${event(data)}`)
  .join('');
const OPENAI = [
  event({ choices: [{ delta: { role: 'assistant' } }] }),
  event({ choices: [{ delta: { content: 'Half ' } }] }),
  event({ choices: [{ delta: { content: 'a € 😀' }, finish_reason: 'length' }] }),
  event({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 9 } }),
  event('[DONE]'),
].join('');
const WHOLE = ['Half ', 'a € 😀', { usage: { inputTokens: 7, outputTokens: 9 }, ending: 'length' }];

describe.each([
  { name: 'anthropic', text: ANTHROPIC, of: (baseUrl: URL) => new AnthropicProvider({ baseUrl, key: KEY }) },
  { name: 'openai', text: OPENAI, of: (baseUrl: URL) => new OpenAiProvider({ baseUrl, key: KEY }) },
])('$name', ({ name, text, of }) => {
  test('its stream is read whole, also when it comes byte by byte', async () => {
    const bytes = Buffer.from(text);
    const { url, asked } = await serverThat((response) => {
      stream(response);
      for (const byte of bytes) response.write(Buffer.from([byte]));
      response.end();
    });
    expect(await piecesOf(of(url))).toEqual(WHOLE);
    expect(asked[0]?.path).toBe(name === 'anthropic' ? '/base/v1/messages' : '/base/chat/completions');
    expect(asked[0]?.body).toMatchObject({ model: 'm', stream: true });
    expect(JSON.stringify(asked[0]?.body)).toContain('Be brief.');
    expect(asked[0]?.headers[name === 'anthropic' ? 'x-api-key' : 'authorization']).toContain(KEY);
  });

  test.each([
    [401, 'unauthorized'],
    [400, 'invalid'],
    [429, 'busy'],
    [529, 'busy'],
    [500, 'unavailable'],
    [504, 'timeout'],
    [302, 'invalid'],
  ])('status %i is %s, with Retry-After, and without what the body says', async (status, failure) => {
    const { url } = await serverThat((response) => {
      response.writeHead(status, { 'retry-after': '3', location: 'http://127.0.0.1:9/' });
      response.end(JSON.stringify({ error: { type: 'some_kind', message: `you said: What is it? ${KEY}` } }));
    });
    const error = await piecesOf(of(url)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'ProviderError', failure, retryAfterMs: 3_000 });
    expect(String(error)).toContain('some_kind');
    expect(String(error)).not.toMatch(/What is it|key-that/);
  });

  test.each<readonly [string, string, Speak]>([
    [
      'a page instead of a stream',
      'garbage',
      (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    ],
    ['an event that is no JSON', 'garbage', (response) => stream(response).end(event('{"type":'))],
    [
      'a stream that ends too early',
      'cut',
      (response) => stream(response).end(text.slice(0, text.indexOf('Half') + 30)),
    ],
    [
      'a connection that breaks',
      'cut',
      (response) => stream(response).write(event({ type: 'ping' }), () => response.destroy()),
    ],
    ['a line without an end', 'too_large', (response) => stream(response).end(`data: ${'x'.repeat(1_100_000)}`)],
    ['ten megabytes', 'too_large', (response) => stream(response).end(`: ${'x'.repeat(1_000)}\n`.repeat(10_000))],
  ])('%s is %s', async (_, failure, speak) => {
    const { url } = await serverThat(speak);
    await expect(piecesOf(of(url))).rejects.toMatchObject({ name: 'ProviderError', failure });
  });

  test('a server that is not there is unavailable', async () => {
    await expect(piecesOf(of(new URL('http://127.0.0.1:2/')))).rejects.toMatchObject({ failure: 'unavailable' });
  });

  test('the connection of an answer that has come whole is kept; one that the server has closed meanwhile costs nobody an answer', async () => {
    const sockets = new Set<Socket>();
    const { url } = await serverThat((response) => {
      sockets.add(response.socket as Socket);
      stream(response).end(text);
    });
    const provider = of(url);
    await piecesOf(provider);
    await piecesOf(provider);
    expect(sockets.size).toBe(1);
    // It is reset at the next thing that comes in.
    for (const socket of sockets) socket.once('data', () => socket.resetAndDestroy());
    expect(await piecesOf(provider)).toEqual(WHOLE);
    expect(sockets.size).toBe(2);
  });

  test('an answer is whole with its last event, also of a server that does not end its stream', async () => {
    const left = Promise.withResolvers<void>();
    const { url } = await serverThat((response) => {
      response.on('close', left.resolve);
      stream(response).write(text);
    });
    expect(await piecesOf(of(url))).toEqual(WHOLE);
    await left.promise;
  });

  test('a reader may stop, and the server notices', async () => {
    const left = Promise.withResolvers<void>();
    const { url } = await serverThat((response) => {
      response.on('close', left.resolve);
      stream(response).write(text.slice(0, text.indexOf('€')));
    });
    const cut = new AbortController();
    const heard = Promise.withResolvers<string>();
    const end = of(url).answer(QUESTION, heard.resolve, cut.signal);
    expect(await heard.promise).toBe('Half ');
    cut.abort(new Error('enough'));
    await expect(end).rejects.toThrow('enough');
    await left.promise;
  });
});

test('an error in the stream of Anthropic has its kind', async () => {
  const { url } = await serverThat((response) =>
    stream(response).end(event({ type: 'error', error: { type: 'overloaded_error', message: 'x' } })),
  );
  await expect(piecesOf(new AnthropicProvider({ baseUrl: url, key: KEY }))).rejects.toMatchObject({ failure: 'busy' });
});

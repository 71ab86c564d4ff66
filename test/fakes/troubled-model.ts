/** A model behind either interface whose bad day is what the question says; any other question is answered well. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const GOOD_ANSWER = 'Yes, and the sum is 12 €.';
/** What bodies of errors repeat, as some servers do. */
export const KEY = 'key-that-nobody-may-read';

const LINE = 'x'.repeat(1_000);
const LINES_OF_10_MB = 10_486;

interface Call {
  readonly day: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** How one interface says things. */
interface Dialect {
  readonly begin: string;
  readonly text: (text: string) => string;
  readonly end: string;
}

const anthropicEvent = (data: { readonly type: string } & object): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const openAiEvent = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;

const DIALECTS: Readonly<Record<string, Dialect>> = {
  '/v1/messages': {
    begin: anthropicEvent({ type: 'message_start', message: { usage: { input_tokens: 7 } } } as never),
    text: (text) => anthropicEvent({ type: 'content_block_delta', delta: { type: 'text_delta', text } } as never),
    end:
      anthropicEvent({
        type: 'message_delta',
        delta: { stop_reason: 'end_turn' },
        usage: { output_tokens: 9 },
      } as never) + anthropicEvent({ type: 'message_stop' }),
  },
  '/chat/completions': {
    begin: openAiEvent({ choices: [{ delta: { role: 'assistant' } }] }),
    text: (content) => openAiEvent({ choices: [{ delta: { content } }] }),
    end: `${openAiEvent({ choices: [{ delta: {}, finish_reason: 'stop' }] })}${openAiEvent({
      choices: [],
      usage: { prompt_tokens: 7, completion_tokens: 9 },
    })}data: [DONE]\n\n`,
  },
};

/** @returns of a flood, whether it was left */
type Day = (response: ServerResponse, speech: Dialect) => Promise<boolean> | void;

const refusing =
  (status: number, headers: Readonly<Record<string, string>> = {}): Day =>
  (response) =>
    void response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify({ error: { type: 'some_kind', message: `you asked with ${KEY}` } }));

const DAYS: Readonly<Record<string, Day>> = {
  'status 401': refusing(401),
  'no such model': refusing(404),
  'status 429': refusing(429),
  'status 429, come back in 7': refusing(429, { 'retry-after': '7' }),
  'status 429, come back in 3600': refusing(429, { 'retry-after': '3600' }),
  'status 529': refusing(529),
  'status 529, come back in 3': refusing(529, { 'retry-after': '3' }),
  'status 529, come back in 1': refusing(529, { 'retry-after': '1' }),
  'a page': (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Hello</p>'),
  'no JSON': (response, { begin, text }) => void opened(response).end(`${begin}${text('half ')}data: {"typ\n\n`),
  'cut in mid-event': (response, { begin, text }) =>
    void opened(response).end(`${begin}${text('half ')}${text('of it').slice(0, -9)}`),
  'a connection that breaks': (response, { begin, text }) =>
    void opened(response).write(`${begin}${text('half ')}${text('of it').slice(0, -9)}`, () => response.destroy()),
  '10 MB in one event': (response, { begin, text }) => flood(opened(response), [begin, text('half '), 'data: '], LINE),
  '10 MB of comments': (response, { begin, text }) => flood(opened(response), [begin, text('half ')], `: ${LINE}\n`),
  '10 MB of a page': (response) => flood(response.writeHead(200, { 'content-type': 'text/html' }), [], LINE),
  '10 MB with status 500': (response) =>
    flood(response.writeHead(500, { 'content-type': 'application/json' }), ['{"error": "'], LINE),
  '10 MB of answer': (response, { begin, text }) => flood(opened(response), [begin], text(`${LINE.slice(1)} `)),
  'the same word without end': (response, { begin, text }) => flood(opened(response), [begin], text('again '), 100_000),
  'all of it twice': (response, { begin, text, end }) =>
    void opened(response).end(`${begin}${text(GOOD_ANSWER)}${end}`.repeat(2)),
  'its end twice': (response, { begin, text, end }) =>
    void opened(response).end(`${begin}${text(GOOD_ANSWER)}${end}${end}`),
};

function opened(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { 'content-type': 'text/event-stream' });
}

export class TroubledModel {
  readonly calls: Call[] = [];
  /** Whether the last flood was left by its reader before its end. */
  wasLeft: Promise<boolean> = Promise.resolve(false);
  /** Its next answers are these, whatever was asked. */
  readonly script: string[] = [];
  private readonly server = createServer((request, response) => void this.answer(request, response));

  static async open(): Promise<TroubledModel> {
    const model = new TroubledModel();
    await new Promise<void>((resolve) => model.server.listen(0, '127.0.0.1', resolve));
    return model;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const { messages } = JSON.parse(Buffer.concat(parts).toString()) as { messages: { content: string }[] };
    // A question without an answer stands before the next one.
    const asked = messages.at(-1)?.content.split('\n\n').at(-1) ?? '';
    const day = this.script.shift() ?? asked;
    this.calls.push({ day, at: Date.now() });
    const speech = DIALECTS[request.url ?? ''];
    if (speech === undefined) return void response.writeHead(404).end();
    const { begin, text, end } = speech;
    const speak = DAYS[day] ?? (() => void opened(response).end(`${begin}${text(GOOD_ANSWER)}${end}`));
    this.wasLeft = Promise.resolve(speak(response, speech)).then((wasLeft) => wasLeft === true);
  }
}

/** As fast as it is read, until nobody reads any more. @returns whether nobody did */
async function flood(
  response: ServerResponse,
  beginning: readonly string[],
  line: string,
  times = LINES_OF_10_MB,
): Promise<boolean> {
  for (const text of beginning) response.write(text);
  const left = new Promise<void>((resolve) => {
    response.on('close', resolve);
  });
  for (let at = 0; at < times && !response.destroyed; at += 1)
    if (!response.write(line)) await Promise.race([left, new Promise((resolve) => response.once('drain', resolve))]);
  const wasLeft = response.destroyed;
  if (!wasLeft) response.end();
  return wasLeft;
}

/** A model behind the chat completions API, which says what its test tells it to, when it tells it to. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { within } from '../harness/deadline.ts';

/** One answer that the server wants. */
export class Asked {
  /** The text of the last message. */
  readonly question: string;
  /** Resolves when nobody reads any more. */
  readonly left: Promise<void>;
  private readonly response: ServerResponse;

  constructor(question: string, response: ServerResponse) {
    this.question = question;
    this.response = response;
    this.left = new Promise((resolve) => {
      response.on('close', resolve);
    });
  }

  say(...words: readonly string[]): void {
    for (const content of words) this.event({ choices: [{ delta: { content } }] });
  }

  /** @param tokens of the question and of the answer */
  end(tokens: readonly [number, number] = [7, 9]): void {
    this.event({ choices: [{ delta: {}, finish_reason: 'stop' }] });
    this.event({ choices: [], usage: { prompt_tokens: tokens[0], completion_tokens: tokens[1] } });
    this.response.end('data: [DONE]\n\n');
  }

  private event(data: object): void {
    this.response.write(`data: ${JSON.stringify(data)}\n\n`);
  }
}

export class ChatModel {
  readonly url: string;
  /** How often it was asked. */
  count = 0;
  private readonly waiting: Asked[] = [];
  private readonly readers: ((asked: Asked) => void)[] = [];
  private readonly close: () => void;

  constructor(url: string, close: () => void) {
    this.url = url;
    this.close = close;
  }

  /** The next one that it is asked. */
  asked(): Promise<Asked> {
    const there = this.waiting.shift();
    if (there !== undefined) return Promise.resolve(there);
    const coming = new Promise<Asked>((resolve) => {
      this.readers.push(resolve);
    });
    return within(coming, 'a question to the model');
  }

  take(asked: Asked): void {
    this.count += 1;
    const reader = this.readers.shift();
    if (reader === undefined) this.waiting.push(asked);
    else reader(asked);
  }

  stop(): void {
    this.close();
  }
}

export async function startChatModel(): Promise<ChatModel> {
  const server = createServer((request, response) => {
    void questionOf(request).then((question) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      model.take(new Asked(question, response));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const model = new ChatModel(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, () => {
    server.closeAllConnections();
    server.close();
  });
  return model;
}

async function questionOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  const { messages } = JSON.parse(Buffer.concat(parts).toString()) as { messages: { content: string }[] };
  return messages.at(-1)?.content ?? '';
}

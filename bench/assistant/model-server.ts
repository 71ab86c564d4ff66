/**
 * A server of the chat completions API that answers at a pace: `now` is answered at once, `hang` never, `stream <deltas>` with 50 deltas
 * a second. Every delta says when it was written, by the clock of this process, which reads the frames of the users as well.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const WRITTEN_AT = 'at ';
/** Between two deltas of an answer. */
const PACE_MS = 20;

interface Stream {
  readonly response: ServerResponse;
  left: number;
}

export class ModelServer {
  /** Deltas that were written. */
  written = 0;
  /** Answers that hang now. */
  hanging = 0;
  private readonly server: Server;
  /** One for each millisecond of the pace, so that answers are spread over it. */
  private readonly lanes: Stream[][] = Array.from({ length: PACE_MS }, () => []);
  private readonly timer: NodeJS.Timeout;
  private next = Math.ceil(performance.now());
  private begun = 0;

  private constructor() {
    this.server = createServer((request, response) => this.asked(request, response));
    this.server.keepAliveTimeout = 60_000;
    this.timer = setInterval(() => this.turn(), 1);
  }

  static async open(): Promise<ModelServer> {
    const made = new ModelServer();
    await new Promise<void>((resolve) => {
      made.server.listen(0, '127.0.0.1', 4_096, resolve);
    });
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  close(): void {
    clearInterval(this.timer);
    this.server.close();
    this.server.closeAllConnections();
  }

  private asked(request: IncomingMessage, response: ServerResponse): void {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => this.answer(body, response));
  }

  private answer(body: string, response: ServerResponse): void {
    const { messages } = JSON.parse(body) as { readonly messages: readonly { readonly content: string }[] };
    const [what, count] = (messages.at(-1)?.content.split('\n\n').at(-1) ?? '').split(' ');
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.socket?.setNoDelay(true);
    if (what === 'hang') {
      response.flushHeaders();
      this.hanging += 1;
      response.on('close', () => {
        this.hanging -= 1;
      });
    } else if (what === 'stream') {
      const lane = this.lanes[this.begun % PACE_MS];
      this.begun += 1;
      lane?.push({ response, left: Number(count) });
    } else {
      this.write(response);
      end(response);
    }
  }

  private turn(): void {
    for (const now = performance.now(); this.next <= now; this.next += 1) {
      const lane = this.next % PACE_MS;
      const streams = this.lanes[lane] ?? [];
      for (const stream of streams) {
        this.write(stream.response);
        stream.left -= 1;
        if (stream.left === 0) end(stream.response);
      }
      if (streams.some(({ left }) => left === 0)) this.lanes[lane] = streams.filter(({ left }) => left > 0);
    }
  }

  private write(response: ServerResponse): void {
    this.written += 1;
    response.write(`data: {"choices":[{"delta":{"content":"${WRITTEN_AT}${performance.now().toFixed(3)} "}}]}\n\n`);
  }
}

function end(response: ServerResponse): void {
  response.end(
    'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":9}}\n\ndata: [DONE]\n\n',
  );
}

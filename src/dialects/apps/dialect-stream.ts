/** A client of an application's dialect that reads a stream of server-sent events. */
import type { Connection } from '../../connection/connection.ts';
import type { Transport } from '../../connection/transport.ts';
import type { Accepted } from '../../node/admission.ts';
import type { DialectClient, DialectMessage } from '../../node/app-dialect.ts';
import { Feed, type FeedSink } from '../../node/route.ts';
import { CLOSE_CODES, type CloseReason } from '../../protocol/close-codes.ts';
import type { Payload } from '../../protocol/codec.ts';
import type { Random } from '../../telemetry/clock.ts';
import { farewell, messagesOf, sendFirst } from './dialect-transport.ts';

/** Before the client opens the next stream: a time of its own, as browsers draw none. */
const RETRY_MS = { from: 1_000, to: 5_000 };
const COMMENT = Buffer.from(':\n\n');

export class DialectStream extends Feed implements Transport {
  private readonly client: DialectClient;
  private readonly random: Random;
  /** Let go of when it begins. */
  private admission: Accepted | null;
  private connection: Connection | null = null;
  private sink: FeedSink | null = null;
  /** Bytes that the network has not taken, as far as that is known. */
  private held = 0;
  /** What is written together, while something is. */
  private text: string | null = null;

  constructor(client: DialectClient, admission: Accepted, random: Random) {
    super();
    this.client = client;
    this.admission = admission;
    this.random = random;
  }

  // From the answer

  opened(sink: FeedSink): void {
    const { admission, client, random } = this;
    if (admission === null) return;
    this.admission = null;
    this.sink = sink;
    const retryMs = Math.round(RETRY_MS.from + random.fraction() * (RETRY_MS.to - RETRY_MS.from));
    sink.write(Buffer.from(`retry: ${retryMs}\n\n`));
    const connection = client.isGiven === true ? admission.open(this) : admission.open(this, null);
    this.connection = connection;
    sendFirst(connection, client);
  }

  /** The library sends what it holds with the next write only. */
  writable(): void {
    const { sink, connection } = this;
    if (sink === null || connection === null) return;
    const wasHeld = this.held > 0;
    this.held = sink.write(COMMENT) ? 0 : Math.max(1, this.held - 1);
    if (wasHeld) connection.drained();
  }

  closed(): void {
    const { admission } = this;
    this.admission = null;
    this.sink = null;
    if (admission === null) this.over(1006);
    else admission.abandon();
  }

  // From the connection

  send(payload: Payload): void {
    this.say(messagesOf(this.client, payload));
  }

  cork(work: () => void): void {
    this.text = '';
    try {
      work();
    } finally {
      const { text } = this;
      this.text = null;
      if (text !== '') this.write(Buffer.from(text));
    }
  }

  buffered(): number {
    return this.held;
  }

  ping(): void {
    this.write(COMMENT);
  }

  close(reason: CloseReason, text: string): void {
    const { sink } = this;
    if (sink === null) return;
    this.say(farewell(this.client, reason, text));
    this.sink = null;
    sink.end();
    this.over(CLOSE_CODES[reason].code);
  }

  terminate(): void {
    this.sink?.close();
  }

  private say(messages: readonly DialectMessage[]): void {
    const text = messages.map(eventText).join('');
    if (text === '') return;
    if (this.text === null) this.write(Buffer.from(text));
    else this.text += text;
  }

  private write(bytes: Uint8Array): void {
    const { sink } = this;
    if (sink === null) return;
    if (sink.write(bytes)) this.held = 0;
    else this.held += bytes.length;
  }

  private over(code: number): void {
    const { connection } = this;
    if (connection === null) return;
    this.connection = null;
    connection.closed(code);
    this.client.ended?.(code);
  }
}

/** JSON has no line ends of its own, and names and ids are those of the application. */
function eventText({ json, event, id }: DialectMessage): string {
  return `${event === undefined ? '' : `event: ${event}\n`}${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(json)}\n\n`;
}

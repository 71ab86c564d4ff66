/**
 * Reads server-sent events of a server that is not ours (https://html.spec.whatwg.org/#event-stream-interpretation): any of the
 * three line endings, any cut, and no more bytes than an answer may have. Linear in the bytes, however small their pieces are.
 */
import { ProviderError } from './provider.ts';

export interface StreamEvent {
  /** `message` where the stream names none. */
  readonly type: string;
  readonly data: string;
}

export interface StreamLimits {
  /** Of one line, in characters. */
  readonly maxLine: number;
  /** Of the whole stream. */
  readonly maxBytes: number;
}

export class EventStream {
  private readonly maxBytes: number;
  private readonly take: (event: StreamEvent) => void;
  /** Holds back the first bytes of a character that the next chunk ends. */
  private readonly decoder = new TextDecoder();
  private readonly lines: Lines;
  private readonly event = new EventFields();
  private bytes = 0;

  /** @param take is given every event once its last line has come */
  constructor({ maxLine, maxBytes }: StreamLimits, take: (event: StreamEvent) => void) {
    this.maxBytes = maxBytes;
    this.take = take;
    this.lines = new Lines(maxLine);
  }

  /** @throws ProviderError `too_large`, and what `take` throws */
  push(chunk: Uint8Array): void {
    this.bytes += chunk.byteLength;
    if (this.bytes > this.maxBytes) throw new ProviderError('too_large', `more than ${this.maxBytes} bytes of answer`);
    for (const line of this.lines.push(this.decoder.decode(chunk, STREAM))) {
      const done = this.event.read(line);
      if (done !== null) this.take(done);
    }
  }
}

const STREAM = { stream: true } as const;

/** Cuts text into lines; the pieces of a line that has no end yet are joined once. */
class Lines {
  private readonly maxLine: number;
  private parts: string[] = [];
  private length = 0;
  /** A carriage return ended the last piece: the line feed behind it is no line of its own. */
  private endedByReturn = false;

  constructor(maxLine: number) {
    this.maxLine = maxLine;
  }

  push(given: string): string[] {
    const text = this.endedByReturn && given.startsWith('\n') ? given.slice(1) : given;
    if (given !== '') this.endedByReturn = given.endsWith('\r');
    const pieces = text.split(/\r\n|\r|\n/);
    const last = pieces.pop() ?? '';
    const lines = pieces.map((piece, at) => (at === 0 ? this.joined(piece) : piece));
    this.keep(last);
    return lines;
  }

  private joined(end: string): string {
    const line = this.parts.join('') + end;
    this.parts = [];
    this.length = 0;
    return line;
  }

  private keep(part: string): void {
    if (part === '') return;
    this.length += part.length;
    if (this.length > this.maxLine)
      throw new ProviderError('too_large', `a line of more than ${this.maxLine} characters`);
    this.parts.push(part);
  }
}

class EventFields {
  private type = '';
  private data: string[] = [];

  /** @returns the event that this line ends */
  read(line: string): StreamEvent | null {
    if (line === '') return this.take();
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') this.type = value;
    else if (field === 'data') this.data.push(value);
    return null;
  }

  private take(): StreamEvent | null {
    const { type, data } = this;
    this.type = '';
    this.data = [];
    return data.length === 0 ? null : { type: type === '' ? 'message' : type, data: data.join('\n') };
  }
}

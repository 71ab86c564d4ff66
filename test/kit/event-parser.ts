/** Reads a stream of server-sent events as https://html.spec.whatwg.org/#event-stream-interpretation says, however it is cut. */

export interface StreamEvent {
  /** `message` where the stream named none. */
  readonly event: string;
  readonly data: string;
  /** The last id so far, this event's included. */
  readonly lastId: string;
}

export class EventParser {
  retryMs: number | null = null;
  lastId = '';
  comments = 0;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true });
  private readonly found: (event: StreamEvent) => void;
  private text = '';
  private name = '';
  private data: string[] = [];
  private id: string | null = null;

  constructor(found: (event: StreamEvent) => void) {
    this.found = found;
  }

  push(bytes: Uint8Array): void {
    this.text += this.decoder.decode(bytes, { stream: true });
    for (;;) {
      const end = /\r\n|\n|\r(?=[^\n])/.exec(this.text);
      if (end === null) return;
      const line = this.text.slice(0, end.index);
      this.text = this.text.slice(end.index + end[0].length);
      this.line(line);
    }
  }

  private line(line: string): void {
    if (line === '') return this.dispatch();
    if (line.startsWith(':')) {
      this.comments += 1;
      return;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.name = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'id') this.id = value;
    else if (field === 'retry') this.retryMs = Number(value);
    else throw new Error(`a field that there is not: ${JSON.stringify(line.slice(0, 80))}`);
  }

  private dispatch(): void {
    if (this.id !== null) this.lastId = this.id;
    const { name, data } = this;
    this.id = null;
    this.name = '';
    this.data = [];
    if (data.length > 0)
      this.found({ event: name === '' ? 'message' : name, data: data.join('\n'), lastId: this.lastId });
  }
}

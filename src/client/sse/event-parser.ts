/** Reads server-sent events (https://html.spec.whatwg.org/#event-stream-interpretation), however the stream is cut. */

export class EventParser {
  #rest = '';
  #data: string[] = [];
  readonly #found: (data: string) => void;

  /** @param found is told the data of every event: its frame says the rest */
  constructor(found: (data: string) => void) {
    this.#found = found;
  }

  push(text: string): void {
    // The server ends its lines with a line feed, and data holds none.
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data: ')) this.#data.push(line.slice(6));
      else if (line === '' && this.#data.length > 0) this.#found(this.#data.splice(0).join('\n'));
    }
  }
}

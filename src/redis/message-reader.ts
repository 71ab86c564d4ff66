/**
 * Finds messages in what comes by the connection that subscribes; everything else, answers to subscriptions above all, is the
 * client library's. Messages come as arrays, or as pushes where the server was told `HELLO 3`.
 */

export interface MessageListener {
  message(channel: string, bytes: Buffer): void;
  /** A reply that is no message. */
  other(bytes: Buffer): void;
}

const CR = 13;
const ZERO = 48;
const MINUS = 45;
const NOTHING = Buffer.alloc(0);
/** What stands between the first byte of a message and the length of its channel's name, or of the pattern. */
const MESSAGE = Buffer.from('3\r\n$7\r\nmessage\r\n$');
const PATTERN_MESSAGE = Buffer.from('4\r\n$8\r\npmessage\r\n$');
/** The first byte of a reply, and what ends a line of it. */
const KIND = 1;
const LINE_END = 2;

export class MessageReader {
  private bytes: Buffer = NOTHING;
  private at = 0;
  /** Where the line of the number ends that was read last. */
  private end = 0;
  private readonly listener: MessageListener;

  constructor(listener: MessageListener) {
    this.listener = listener;
  }

  received(bytes: Buffer): void {
    this.bytes = this.at === this.bytes.length ? bytes : Buffer.concat([this.bytes.subarray(this.at), bytes]);
    this.at = 0;
    this.readAll();
  }

  private readAll(): void {
    for (let at = this.at, isWhole = true; isWhole && at < this.bytes.length; at = this.at) {
      let isRead = false;
      try {
        isWhole = this.readOne(at);
        isRead = true;
      } finally {
        // Messages behind one that failed are read all the same.
        if (!isRead && this.at > at) this.readAll();
      }
    }
  }

  /** @returns whether all of it is there */
  private readOne(at: number): boolean {
    const { bytes } = this;
    if (isAt(bytes, at + KIND, MESSAGE)) return this.readMessage(at + KIND + MESSAGE.length);
    if (isAt(bytes, at + KIND, PATTERN_MESSAGE)) {
      const length = this.number(at + KIND + PATTERN_MESSAGE.length);
      return length !== undefined && this.readMessage(this.end + length + LINE_END + KIND);
    }
    const end = this.endOf(at);
    if (end === undefined || end > bytes.length) return false;
    this.at = end;
    this.listener.other(bytes.subarray(at, end));
    return true;
  }

  /** @param at where the length of the channel's name stands */
  private readMessage(at: number): boolean {
    const { bytes } = this;
    const nameLength = this.number(at);
    if (nameLength === undefined) return false;
    const nameAt = this.end;
    const length = this.number(nameAt + nameLength + LINE_END + KIND);
    if (length === undefined) return false;
    const contentAt = this.end;
    const end = contentAt + length;
    if (end + LINE_END > bytes.length) return false;
    this.at = end + LINE_END;
    this.listener.message(bytes.toString('latin1', nameAt, nameAt + nameLength), bytes.subarray(contentAt, end));
    return true;
  }

  /** Where the reply at a place ends; `undefined` when that is not known yet. */
  private endOf(at: number): number | undefined {
    const kind = String.fromCharCode(this.bytes[at] ?? 0);
    if (!'$=!*~>%'.includes(kind)) {
      const end = this.bytes.indexOf('\r\n', at);
      return end === -1 ? undefined : end + LINE_END;
    }
    const count = this.number(at + KIND);
    if (count === undefined || count < 0) return count === undefined ? undefined : this.end;
    if ('$=!'.includes(kind)) return this.end + count + LINE_END;
    let end: number | undefined = this.end;
    for (let left = kind === '%' ? count * 2 : count; left > 0 && end !== undefined; left -= 1) end = this.endOf(end);
    return end;
  }

  /** The number at a place; `undefined` when its line is not there yet. */
  private number(at: number): number | undefined {
    const { bytes } = this;
    let number = 0;
    const isNegative = bytes[at] === MINUS;
    for (let digitAt = isNegative ? at + 1 : at; digitAt + 1 < bytes.length; digitAt += 1) {
      const byte = bytes[digitAt] as number;
      if (byte === CR) {
        this.end = digitAt + LINE_END;
        return isNegative ? -number : number;
      }
      number = number * 10 + byte - ZERO;
    }
    return undefined;
  }
}

function isAt(bytes: Buffer, at: number, text: Buffer): boolean {
  // From behind: a length or a letter there tells most replies apart at once.
  for (let index = text.length - 1; index >= 0; index -= 1) if (bytes[at + index] !== text[index]) return false;
  return true;
}

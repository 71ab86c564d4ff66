/**
 * Frames as server-sent events (https://html.spec.whatwg.org/#event-stream-interpretation): joined in one buffer until they are
 * written together. An event stays open until the next one begins, so that the last one can be given an id.
 */
import type { Payload } from '../protocol/codec.ts';

const FIRST_BYTES = 65_536;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const DATA = Buffer.from('data: ');
/** What a frame's type becomes; those without an entry are events of status. */
const NAMES: Readonly<Record<string, string>> = { Gap: 'gap', Error: 'error', DirectMessage: 'direct' };
/** Where the type stands in a frame: `{"type":"`. */
const TYPE_AT = 9;
const D = 0x44;

/** The type of a control frame. */
export function typeOf(frame: string): string {
  return frame.slice(TYPE_AT, frame.indexOf('"', TYPE_AT));
}

/**
 * What is written together, as bytes. Those who hear the same are sent the same: what was put together last is kept, and
 * with a topic of many subscribers nearly every write is that.
 */
export class EventText {
  private bytes = Buffer.allocUnsafe(FIRST_BYTES);
  private length = 0;
  private isOpen = false;
  private frames: readonly Payload[] = [];
  private cursor: string | null = null;

  /**
   * @param cursor the id of the last event; `null` for none
   * @returns bytes that are valid until the next call
   */
  of(frames: readonly Payload[], cursor: string | null): Uint8Array {
    if (!this.isSame(frames, cursor)) this.build(frames, cursor);
    return this.bytes.subarray(0, this.length);
  }

  private isSame(frames: readonly Payload[], cursor: string | null): boolean {
    if (cursor !== this.cursor || frames.length !== this.frames.length) return false;
    for (let at = 0; at < frames.length; at += 1) if (frames[at] !== this.frames[at]) return false;
    return true;
  }

  private build(frames: readonly Payload[], cursor: string | null): void {
    this.frames = frames.slice();
    this.cursor = cursor;
    this.length = 0;
    for (const frame of frames) {
      if (typeof frame === 'string') this.control(frame);
      else this.publication(frame);
    }
    if (cursor !== null) this.text(`id: ${cursor}\n`);
    this.finish();
  }

  /** A frame for one client. */
  private control(frame: string): void {
    const type = typeOf(frame);
    this.begin(type === 'Broadcast' ? '' : (NAMES[type] ?? 'status'));
    // A page of history may hold line ends of its publishers, between the parts of a payload.
    if (/[\r\n]/.test(frame)) this.lines(Buffer.from(frame));
    else this.text(`data: ${frame}\n`);
  }

  /** The frame of a publication. */
  private publication(bytes: Uint8Array): void {
    this.begin(bytes[TYPE_AT] === D ? 'direct' : '');
    if (bytes.includes(LINE_FEED) || bytes.includes(CARRIAGE_RETURN)) return this.lines(bytes);
    this.copy(DATA);
    this.copy(bytes);
    this.byte(LINE_FEED);
  }

  private begin(name: string): void {
    this.finish();
    this.isOpen = true;
    if (name !== '') this.text(`event: ${name}\n`);
  }

  private finish(): void {
    if (this.isOpen) this.byte(LINE_FEED);
    this.isOpen = false;
  }

  /** Line ends in JSON are white space between its parts, and every line of an event has its own field. */
  private lines(bytes: Uint8Array): void {
    let start = 0;
    for (let at = 0; at <= bytes.length; at += 1) {
      if (at < bytes.length && bytes[at] !== LINE_FEED && bytes[at] !== CARRIAGE_RETURN) continue;
      this.copy(DATA);
      this.copy(bytes.subarray(start, at));
      this.byte(LINE_FEED);
      if (bytes[at] === CARRIAGE_RETURN && bytes[at + 1] === LINE_FEED) at += 1;
      start = at + 1;
    }
  }

  private text(text: string): void {
    this.reserve(text.length * 3);
    this.length += this.bytes.write(text, this.length);
  }

  private copy(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  private byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length] = value;
    this.length += 1;
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.length + more, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
}

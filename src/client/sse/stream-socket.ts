/**
 * A connection over streams of events. A stream has its topics and its token for good, so another list or another token
 * is another stream at the same positions, which is there before the old one is let go.
 */
import type { ServerFrame, SubscribedDetails, WireError } from '../../protocol/wire.ts';
import { HttpSocket, nameOf, refusalOf, UNUSABLE } from './http-socket.ts';
import { StreamPresence, type Said } from './stream-presence.ts';
import { Stream, type StreamEvents } from './stream.ts';

/** The messages to one's own user: what a stream is opened with before the client has asked for a topic. */
const ME = '@me';
const ROTATED = 4200;

export class StreamSocket extends HttpSocket implements StreamEvents {
  readonly transport = 'sse';
  readonly #presence = new StreamPresence();
  #current: Stream | null = null;
  #next: Stream | null = null;
  /** Of the first stream; `null` before it has greeted. */
  #user: string | undefined | null = null;
  /** A token that is to be used by the next stream, in the answer to which frame. */
  #renewal: { readonly id: string; readonly before: string | undefined; isTried: boolean } | null = null;

  start(): void {
    this.#next = this.#open();
  }

  protected get isReady(): boolean {
    return this.#current !== null && this.#next === null;
  }

  protected changed(): void {
    this.#next = this.#open();
  }

  protected renewed(id: string, token: string): void {
    this.#renewal = { id, before: this.place.token, isTried: false };
    this.place.token = token;
    this.soon();
  }

  protected override present(id: string, said: Said): boolean {
    const refused = this.#presence.say(id, said);
    const { topic, action } = said;
    if (refused === null)
      this.answer({ type: 'Status', reply_to: id, data: { status: 'presence', details: { topic, action } } });
    else if (refused !== undefined) this.answer({ type: 'Error', reply_to: id, data: refused });
    if (!refused) this.soon();
    return true;
  }

  protected cancel(): void {
    this.#current?.cancel();
    this.#next?.cancel();
  }

  // From the streams

  connected(stream: Stream, text: string): void {
    if (stream !== this.#next) return;
    if (this.#user !== null) {
      if (this.#user !== stream.greeting?.user) this.refuse(403, OTHER_USER, 0);
      return;
    }
    this.#user = stream.greeting?.user;
    this.uplink.maxSize = stream.greeting?.max_message_size ?? this.uplink.maxSize;
    this.onopen?.();
    this.onmessage?.({ data: text });
  }

  subscribed(stream: Stream, details: SubscribedDetails): void {
    if (stream !== this.#next) return;
    const names = new Set(stream.asked.flatMap((asked) => asked.names));
    const dropped = details.rejected.filter(({ topic }) => !names.has(topic) && this.wanted.has(topic));
    const later = dropped.find(({ temporary }) => temporary === true);
    // The old one still has what this one may not have at the moment.
    if (later !== undefined) return this.#current === null ? this.end(1006) : this.#giveUp(stream, later);
    this.#current?.cancel();
    this.#current = stream;
    this.#next = null;
    const renewal = this.#takeRenewal();
    for (const asked of stream.asked) this.reply(asked, details);
    this.dropped(dropped);
    if (renewal !== null) {
      const expiresAt = stream.greeting?.token_expires_at;
      const answer = { status: 'authenticated', details: { expires_at: expiresAt, unsubscribed: [] } };
      this.deliver({ type: 'Status', reply_to: renewal.id, data: answer });
    }
    stream.begin();
    this.settled();
  }

  frame(stream: Stream, text: string, frame: ServerFrame): void {
    const { type, data } = frame;
    const ids = this.#presence.answered(stream.presences, frame.reply_to, type === 'Error');
    if (ids !== null) return ids.forEach((id) => this.deliver({ ...frame, reply_to: id }));
    // Its end and the next stream are not the client's concern.
    if (stream === this.#current && !(type === 'Error' && data.code === ROTATED)) this.onmessage?.({ data: text });
  }

  alive(): void {
    // A batch of none: something has come.
    this.onmessage?.({ data: '[]' });
  }

  ended(stream: Stream, status: number, text: string, retryAfterMs: number): void {
    if (stream === this.#current) {
      if (stream.closeCode !== ROTATED) return this.end(stream.closeCode);
      // The one that is being opened has begun where this one was.
      this.#next ??= this.#open();
      this.#current = null;
    } else if (stream === this.#next) {
      if (this.#current === null || status === 0) return this.#failed(stream, status, text, retryAfterMs);
      const error = refusalOf(text, retryAfterMs);
      if (error === null || (error.code === 401 && this.#renewal?.isTried !== true))
        return this.refuse(status, text, retryAfterMs);
      this.#giveUp(stream, error);
    }
  }

  /** There is none that serves meanwhile. */
  #failed({ greeting, closeCode }: Stream, status: number, text: string, retryAfterMs: number): void {
    if (status !== 200) return this.refuse(status, text, retryAfterMs);
    this.end(closeCode, greeting === null ? UNUSABLE : '');
  }

  /** The next stream is not to be had as it was asked for; the old one goes on. */
  #giveUp(stream: Stream, error: WireError): void {
    stream.cancel();
    this.#next = null;
    for (const { id, names } of stream.asked) {
      for (const name of names) this.wanted.delete(name);
      this.deliver({ type: 'Error', reply_to: id, data: error });
    }
    for (const id of this.#presence.givenUp(stream.presences))
      this.deliver({ type: 'Error', reply_to: id, data: error });
    const renewal = this.#takeRenewal();
    if (renewal !== null) {
      this.place.token = renewal.before;
      this.deliver({ type: 'Error', reply_to: renewal.id, data: error });
    }
    this.settled();
  }

  /** The one that was answered: a stream may have begun before the new token was there. */
  #takeRenewal(): { readonly id: string; readonly before: string | undefined } | null {
    const renewal = this.#renewal;
    if (renewal?.isTried !== true) return null;
    this.#renewal = null;
    return renewal;
  }

  #open(): Stream {
    if (this.#renewal !== null) this.#renewal.isTried = true;
    const asked = this.asked.splice(0);
    const names = new Set(asked.flatMap((each) => each.names));
    const positions = new Map(this.#current?.positions);
    for (const name of positions.keys()) if (!this.wanted.has(name) || names.has(name)) positions.delete(name);
    const topics = [...this.wanted.values()].map((entry) => {
      const topic = nameOf(entry);
      const position = positions.get(topic);
      return position === undefined ? entry : { topic, ...position };
    });
    return new Stream(this.place, topics.length === 0 ? [ME] : topics, positions, asked, this.#presence.take(), this);
  }
}

/** As a WebSocket answers an `Authenticate` with such a token. */
const OTHER_USER =
  '{"error":{"code":403,"reason":"not_allowed","message":"expected a token of the same user as before"}}';

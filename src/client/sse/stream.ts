/** One request to `POST /sse`: what it brings until it ends, and where its client then stands. */
import type { Position } from '../../protocol/position.ts';
import type { ConnectedDetails, ServerFrame, SubscribedDetails } from '../../protocol/wire.ts';
import { EventParser } from './event-parser.ts';
import type { Asked } from './http-socket.ts';
import type { Place } from './place.ts';
import type { Presences } from './stream-presence.ts';

export interface StreamEvents {
  connected(stream: Stream, text: string): void;
  /** Its topics are answered for; what it brings from now on comes to `frames`. */
  subscribed(stream: Stream, details: SubscribedDetails): void;
  /** @param text one frame */
  frame(stream: Stream, text: string, frame: ServerFrame): void;
  /** It says nothing, but it is there. */
  alive(): void;
  /** @param status 200 for one that had begun */
  ended(stream: Stream, status: number, text: string, retryAfterMs: number): void;
}

export class Stream {
  greeting: ConnectedDetails | null = null;
  /** Where it stands, by topic. */
  readonly positions: Map<string, Position>;
  /** Whose answer is in its beginning. */
  readonly asked: readonly Asked[];
  readonly presences: Presences;
  /** Code of its last error, when that was one that ends it. */
  closeCode = 1006;
  readonly #place: Place;
  readonly #events: StreamEvents;
  readonly #cancel: () => void;
  /** What came before the answer for its topics. */
  #early: (() => void)[] | null = [];
  #refusal = '';

  /** @param topics as in a `Subscribe` */
  constructor(
    place: Place,
    topics: readonly unknown[],
    positions: ReadonlyMap<string, Position>,
    asked: readonly Asked[],
    presences: Presences,
    events: StreamEvents,
  ) {
    this.#place = place;
    this.#events = events;
    this.positions = new Map(positions);
    this.asked = asked;
    this.presences = presences;
    const presence = presences.list;
    let status = 0;
    let retryAfterMs = 0;
    const parser = new EventParser((data) => this.#arrived(data));
    const { http, token } = this.#place;
    this.#cancel = http(place.url('sse'), token, JSON.stringify({ topics, presence, pad: true }), {
      answered: (code, after) => {
        status = code;
        retryAfterMs = after;
      },
      text: (part) => {
        if (status !== 200) this.#refusal += part;
        else {
          parser.push(part);
          events.alive();
        }
      },
      ended: () => events.ended(this, status, this.#refusal, retryAfterMs),
    });
  }

  cancel(): void {
    this.#cancel();
  }

  /** It takes the place of the one before. */
  begin(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const tell of early) tell();
  }

  #arrived(text: string): void {
    const frame = JSON.parse(text) as ServerFrame;
    const { data, type, reply_to: replyTo } = frame;
    if (data.status === 'connected') {
      this.greeting = data.details as unknown as ConnectedDetails;
      return this.#events.connected(this, text);
    }
    if (data.status === 'subscribed' && replyTo !== undefined) {
      const details = data.details as unknown as SubscribedDetails;
      // Behind a loss it stands once that is announced: the next stream must hear of it too.
      for (const [name, position] of Object.entries(details.positions))
        if (details.recovery[name]?.recovered !== false) this.positions.set(name, position);
      return this.#events.subscribed(this, details);
    }
    if (type === 'Error' && data.code >= 4_000) this.closeCode = data.code;
    const tell = (): void => {
      const place = type === 'Gap' ? (data.to ?? data.sequence) : data.sequence;
      if (data.epoch !== undefined && place !== undefined)
        this.positions.set(type === 'DirectMessage' ? '@me' : data.topic, { epoch: data.epoch, sequence: place });
      this.#events.frame(this, text, frame);
    };
    if (this.#early === null) tell();
    else this.#early.push(tell);
  }
}

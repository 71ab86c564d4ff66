/** What a topic brings, in its order. */
import type { Position } from '../protocol/position.ts';
import type { ServerFrame } from '../protocol/wire.ts';

export interface Message<P = unknown> {
  readonly kind: 'message';
  readonly topic: string;
  readonly payload: P;
  /** Empty in ephemeral topics, like the position. */
  readonly id: string;
  readonly sequence: number;
  readonly epoch: string;
  /** The user who published it. */
  readonly from: string;
  /** When it was published, in milliseconds since 1970 by the server's clock. */
  readonly time: number;
  /** It was read from the log, because this client was away or slow. */
  readonly replayed: boolean;
  /** The key under which it was published; everybody sees it. */
  readonly key: string | undefined;
  /** This client published it. */
  readonly mine: boolean;
}

/** Messages are missing here, and cannot be had any more: load your own state anew. */
export interface Gap {
  readonly kind: 'gap';
  readonly topic: string;
  readonly cause: 'overflow' | 'trimmed' | 'no_history' | 'history_lost';
  /** First and last of what is missing; `history_lost` does not know, `no_history` knows only how many. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly count: number | undefined;
  /** Where it goes on; `undefined` in ephemeral topics. */
  readonly position: Position | undefined;
}

/** Everything that was published before the subscription was confirmed has been delivered. */
export interface Live {
  readonly kind: 'live';
  readonly topic: string;
  /** `undefined` in ephemeral topics. */
  readonly position: Position | undefined;
}

export type Item<P = unknown> = Message<P> | Gap | Live;

/** @param topic as the client calls it */
export function messageOf(topic: string, frame: ServerFrame, isMine: (key: string) => boolean): Message {
  const { data } = frame;
  const key = data.client_id;
  return {
    kind: 'message',
    topic,
    payload: data.payload,
    id: frame.id ?? '',
    sequence: data.sequence ?? 0,
    epoch: data.epoch ?? '',
    from: data.from_user ?? String(data.from),
    time: frame.timestamp ?? 0,
    replayed: data.replayed === true,
    key,
    mine: key !== undefined && isMine(key),
  };
}

/** Messages that the log had and has no more, or will never have had. */
export function lostHistory(topic: string, position: Position): Gap {
  return gapOf(topic, 'history_lost', position);
}

/** Of a topic without positions. */
export function missing(topic: string, count: number): Gap {
  return gapOf(topic, 'no_history', undefined, undefined, undefined, count);
}

export function hole(topic: string, cause: Gap['cause'], from: number, to: number, epoch: string): Gap {
  return gapOf(topic, cause, { epoch, sequence: to }, from, to, to - from + 1);
}

function gapOf(
  topic: string,
  cause: Gap['cause'],
  position: Gap['position'],
  from?: number,
  to?: number,
  count?: number,
): Gap {
  return { kind: 'gap', topic, cause, from, to, count, position };
}

/** Where a reader stands behind an item. */
export function placeBehind(item: Item, before: Position | null): Position | null {
  if (item.kind === 'live') return before ?? item.position ?? null;
  if (item.kind === 'gap') return item.position ?? before;
  return item.epoch === '' ? before : { epoch: item.epoch, sequence: item.sequence };
}

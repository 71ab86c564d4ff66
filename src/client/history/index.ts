/** `signalbox/client/history`: the log of a topic, read page by page, as it is asked for. docs/client.md. */
import type { Position } from '../../protocol/position.ts';
import type { HistoryDetails } from '../../protocol/wire.ts';
import { SignalboxError } from '../errors.ts';
import { messageOf, type Message } from '../items.ts';
import type { Topic } from '../topic.ts';

export interface HistoryOptions {
  /** After it; without one, from the first that there is. */
  readonly since?: Position;
  readonly before?: Position;
  /** In all; without one, to the end. */
  readonly limit?: number;
  /** Newest first. */
  readonly reverse?: boolean;
  readonly signal?: AbortSignal;
}

const PAGE = 100;

export async function* historyOf<P>(topic: Topic<P>, options: HistoryOptions = {}): AsyncGenerator<Message<P>> {
  const { client, name } = topic;
  const { reverse, limit = Infinity, signal } = options;
  let { since, before } = options;
  let left = limit;
  while (left > 0) {
    const request = { topic: name, since, before, limit: Math.min(left, PAGE), reverse };
    const { messages, next } = (await client.request('History', request)) as HistoryDetails;
    for (const frame of messages) {
      if (signal?.aborted === true) throw new SignalboxError('aborted', 'reading history was aborted');
      yield messageOf(name, frame, client.isMine) as Message<P>;
      left -= 1;
    }
    if (next === undefined) return;
    if (reverse === true) before = next;
    else since = next;
  }
}

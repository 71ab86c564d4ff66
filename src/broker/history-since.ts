/**
 * Where a request that begins at a time begins, when the log begins later than that: the owner's times say it, and they
 * ascend as those of the log do. A few single messages are asked for, first near the log and then in halves.
 */
import { isRefusal } from '../protocol/errors.ts';
import type { Topic } from '../protocol/topic.ts';
import type { History, HistorySource, ReadRequest, Reply } from './broker.ts';

/** The first step back is to the message before the log; each further one is so many times as long. */
const STRIDE = 8;

/** Whether the log cannot say what came after that time: all that it has did, and it has lost or given up what was before. */
export function beginsBefore({ after }: ReadRequest, { first, after: start, lost }: History): boolean {
  return typeof after === 'object' && 'since' in after && lost === null && first > 1 && start + 1 <= first;
}

/** @param reply gets the sequence after which the request begins */
export function startSince(
  source: HistorySource,
  topic: Topic,
  since: number,
  first: number,
  reply: Reply<{ readonly after: number }>,
): void {
  // Up to `older` everything is older, or gone; from `younger` on nothing is.
  const look = (older: number, younger: number, step: number): void => {
    if (older + 1 >= younger) return reply({ after: younger - 1 });
    const isNear = step < younger - older;
    const at = isNear ? younger - step : Math.ceil((older + younger) / 2);
    source.read(topic, at - 1, younger, 1, (answer) => {
      if (isRefusal(answer)) return reply(answer);
      const [message] = answer.publications;
      const kept = Math.max(older, Math.min(answer.first, younger) - 1);
      if (message === undefined || message.timestamp >= since) look(kept, at, isNear ? step * STRIDE : step);
      else look(Math.max(kept, message.position?.sequence ?? at), younger, Infinity);
    });
  };
  look(0, first, 1);
}

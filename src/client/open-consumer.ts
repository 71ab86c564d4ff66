/** A reader as its topic begins it: what its handlers throw is told, and what it cannot begin at is refused. */
import type { Position } from '../protocol/position.ts';
import { Consumer, type BufferBounds } from './consumer.ts';
import { faultOf, SignalboxError } from './errors.ts';
import type { Since } from './subscription-ports.ts';
import type { Reader } from './topic.ts';

/**
 * @param call runs what belongs to the application
 * @returns `null` when it is refused at once
 */
export function openConsumer(
  topic: string,
  since: Since,
  { handler, refused, threw }: Reader,
  bounds: BufferBounds,
  keep: (topic: string, position: Position) => void,
  drained: (topic: string, consumer: Consumer) => void,
  failed: (error: SignalboxError) => void,
  call: (work: () => void) => void,
): Consumer | null {
  const events = {
    committed: ({ isStored, done }: Consumer): void => {
      if (isStored && done !== null) keep(topic, done);
    },
    drained: (which: Consumer): void => drained(topic, which),
    threw: (cause: unknown): void => {
      const error = faultOf('handler_failed', `a handler of ${topic} threw`, cause);
      if (threw === undefined) failed(error);
      else call(() => threw(error));
    },
    refused: (error: SignalboxError | null): void => call(() => refused(error)),
  };
  if (typeof since === 'object' && !('last' in since) && !(typeof since.epoch === 'string' && since.sequence >= 0)) {
    events.refused(new SignalboxError('invalid_field', 'expected epoch and sequence'));
    return null;
  }
  return new Consumer(handler, since === 'stored', bounds, events);
}

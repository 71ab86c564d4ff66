/** Tells the news of connections: a listener that throws harms nobody, because what it is told of has happened already. */
import type { DeadLetter } from '../actor/dead-letters.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { ConnectionEvents } from './connection-events.ts';
import type { ServiceContext } from './context.ts';

/** @param news is called only when somebody listens */
export function tellEvents(
  { events, deadLetters, clock }: Pick<ServiceContext, 'events' | 'deadLetters' | 'clock'>,
  news: (events: ConnectionEvents) => void,
): void {
  if (events === null) return;
  try {
    news(events);
  } catch (error) {
    deadLetters.add(failedEvent(clock, error));
  }
}

export function failedEvent(clock: Clock, error: unknown): DeadLetter {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { at: clock.now(), actor: 'connection-events', error: text, message: null };
}

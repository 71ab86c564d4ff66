/** `signalbox/client/debug`: what the library does, as one function is told. docs/client-recipes.md. */
import type { Client } from '../client.ts';
import type { ClientEvents } from '../client-options.ts';

/** Facts hold no tokens and no payloads. */
export type Log = (event: keyof ClientEvents, facts: Readonly<Record<string, unknown>>) => void;

const EVENTS: readonly (keyof ClientEvents)[] = ['state', 'error', 'notification', 'violation'];

/** @returns what ends it */
export function logEvents(client: Client, log: Log): () => void {
  const ends = EVENTS.map((event) => client.on(event, (value) => log(event, { value })));
  return () => {
    for (const end of ends) end();
  };
}

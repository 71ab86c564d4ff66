/** The server's own events: the frames of docs/protocol.md under the names that clients of Socket.IO would choose. */
import type { ClientEvent, EventTable } from '../../node/event-table.ts';
import type { JsonValue } from '../../protocol/frames.ts';

const topics: ClientEvent['data'] = ([given = null]) => {
  if (typeof given === 'string') return { topics: [given] };
  return Array.isArray(given) ? { topics: given as JsonValue[] } : given;
};

const OWN_EVENTS: Readonly<Record<string, ClientEvent>> = {
  subscribe: { type: 'Subscribe', data: topics },
  unsubscribe: { type: 'Unsubscribe', data: topics },
  publish: { type: 'Broadcast' },
  direct: { type: 'DirectMessage' },
  history: { type: 'History' },
  presence: { type: 'Presence' },
  presence_get: { type: 'PresenceGet' },
  authenticate: {
    type: 'Authenticate',
    data: ([given = null]) => (typeof given === 'string' ? { token: given } : given),
  },
};

export const OWN_TABLE: EventTable = { namespace: '/', events: {}, withServerEvents: true };

/** The event of a table, or one of the server's own. Frames of applications are events of their own names. */
export function eventOf({ events, withServerEvents = false }: EventTable, name: string): ClientEvent | undefined {
  if (Object.hasOwn(events, name)) return events[name];
  if (!withServerEvents) return undefined;
  if (name.startsWith('X-')) return { type: name };
  return Object.hasOwn(OWN_EVENTS, name) ? OWN_EVENTS[name] : undefined;
}

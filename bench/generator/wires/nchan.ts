/** nginx with nchan: one channel per URL; publishing is a connection to another location, answered message by message. */
import type { Client } from '../client.ts';
import type { Wire } from '../wire.ts';

export const nchan: Wire = {
  name: 'nchan',
  binary: false,
  path: (topic, role) => (role === 'subscriber' ? `/sub/${topic}` : `/pub/${topic}`),
  // A subscription is its connection: there is nothing to ask for and nothing that confirms it.
  subscribe: (client) => client.subscribed(),
  publish: (_topic, payload) => `"${payload}"`,
  request: (_topic, payload) => `"${payload}"`,
  // A subscriber cannot publish on its own connection.
  acknowledged: (_client, _topic, payload) => `"${payload}"`,
  read(client: Client, bytes: Buffer, start: number): void {
    // The publisher is told `queued messages: …`.
    if (bytes[start] === 0x22) client.delivered(bytes, start + 1);
    else client.answered();
  },
};

/** The smallest wire: `S<topic>`, `P<topic> <payload>`, `Q<topic> <payload>` (answered), `E<payload>` (echo) up; `s`, `q` and payloads down. */
import type { Client } from '../client.ts';
import type { Wire } from '../wire.ts';

const SUBSCRIBED = 0x73;
const ECHO = 0x45;
const ANSWER = 0x71;

export const rawWire: Wire = {
  name: 'raw',
  binary: false,
  path: () => '/',
  subscribe(client: Client, topic: string): void {
    client.send(`S${topic}`);
  },
  publish: (topic, payload) => `P${topic} "${payload}"`,
  request: (_topic, payload) => `E"${payload}"`,
  acknowledged: (_client, topic, payload) => `Q${topic} "${payload}"`,
  read(client: Client, bytes: Buffer, start: number): void {
    const kind = bytes[start];
    if (kind === SUBSCRIBED) client.subscribed();
    else if (kind === ECHO || kind === ANSWER) client.answered();
    else client.delivered(bytes, start + 1);
  },
};

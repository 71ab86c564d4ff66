/** As whom a client is connected: it is kept as the place of a topic that nobody can have (../same-user.ts). */
import type { Client } from '../client.ts';

export function userOf(client: Client): string {
  const place = client.positions.get('@user')?.epoch ?? '/';
  return place.slice(place.indexOf('/') + 1);
}

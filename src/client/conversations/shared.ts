/** One store for a thing, however many ask. */
import type { Client } from '../client.ts';
import { OpenConversation } from './conversation.ts';

export function shared<T>(client: Client, key: string, make: () => T): T {
  const known = client.shared.get(key) as T | undefined;
  if (known !== undefined) return known;
  const made = make();
  client.shared.set(key, made);
  return made;
}

export function openConversation(client: Client, id: string): OpenConversation {
  return shared(client, `conversation ${id}`, () => new OpenConversation(client, id));
}

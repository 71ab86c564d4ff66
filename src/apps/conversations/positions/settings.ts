/** Keys about positions, lists and what is joined at connect. */
import type { Zod } from '../../vocabulary.ts';

export function positionKeys(z: Zod) {
  const count = (fallback: number, min: number, max: number) => z.int().min(min).max(max).default(fallback);
  return {
    joined_conversations: count(90, 0, 1_000).describe(
      'conversations of a user that a new connection follows, those with the newest messages; each takes two of websocket.max_subscriptions',
    ),
    max_list: count(50, 1, 200).describe('conversations in one page of a list'),
    list_members: count(5, 0, 20).describe('other members that a list names of each conversation'),
    preview_characters: count(100, 0, 1_000).describe('characters of the last message in a list'),
    online: z.boolean().default(true).describe('whether members are told which of the others come online and go'),
    typing_secs: count(6, 2, 60).describe('seconds after which somebody who said that they type does no longer'),
  };
}

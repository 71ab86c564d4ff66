/** `./signalbox conversations recount`. */
import type { Verb } from '../../verb.ts';
import type { Settings } from '../settings.ts';
import type { Recounted } from './recount.ts';
import { RECOUNT_PATH } from './recount-route.ts';

export const recountVerb: Verb<Settings> = {
  name: 'recount',
  summary: 'holds what is unread against the messages, and mends what differs; the answer is no if anything did',
  run: async ({ request, print }) => {
    const sums = { conversations: 0, members: 0, messages: 0, corrections: 0 };
    let after: string | null = null;
    do {
      const { status, body } = await request('POST', RECOUNT_PATH, after === null ? {} : { after });
      if (status !== 200) {
        const message = (body as { readonly error?: { readonly message?: string } } | null)?.error?.message;
        print(`the server answered ${status}: ${message ?? JSON.stringify(body)}`);
        return 1;
      }
      const part: Recounted = body as Recounted;
      sums.conversations += part.conversations;
      sums.members += part.members;
      sums.messages += part.messages;
      sums.corrections += part.corrections;
      after = part.next;
    } while (after !== null);
    print(`conversations: ${sums.conversations}`);
    print(`members: ${sums.members}`);
    print(`messages: ${sums.messages}`);
    print(`corrections: ${sums.corrections}`);
    return sums.corrections === 0 ? 0 : 1;
  },
};

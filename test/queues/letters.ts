/** An application that sends letters by a queue: docs/queues.md leads through it. */
import type { App, QueueMessage } from 'signalbox';

export interface Post {
  /** @throws when the letter has to be sent again; a number says after how many milliseconds */
  deliver(to: string, text: string, signal: AbortSignal): Promise<'sent' | 'unknown address' | number>;
}

/** @param options of its consumer, where the tests are in a hurry */
export function lettersApp(post: Post, options: { readonly retryMs?: number } = {}): App {
  return {
    name: 'letters',
    queues: { names: ['letters'] },
    start: (host) => {
      const letters = host.queue('letters');
      letters.consume({ prefetch: 16, attempts: 3, ...options }, async (message, signal) => {
        const { to, text } = letterOf(message);
        const answer = await post.deliver(to, text, signal);
        if (typeof answer === 'number') return { retryAfterMs: answer };
        return answer === 'sent' ? undefined : { dead: answer };
      });
      const route = host.route({
        method: 'POST',
        path: '/api/letters',
        access: 'public',
        summary: 'Sends a letter.',
        body: (z) => z.strictObject({ to: z.string().min(1).max(64), text: z.string() }),
        handle: async ({ body: { to, text } }) => {
          await letters.put({ key: to, tenant: '', body: { to, text } });
          return { status: 202, body: { queued: true } };
        },
      });
      return { routes: [route] };
    },
  };
}

function letterOf({ body }: QueueMessage): { readonly to: string; readonly text: string } {
  return body as { readonly to: string; readonly text: string };
}

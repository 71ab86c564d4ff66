/** `./signalbox webhooks dead` and `./signalbox webhooks replay`: what operators do about events that were not delivered. */
import type { Shell, Verb } from '../verb.ts';
import type { Settings } from './settings.ts';

interface Letters {
  readonly total: number;
  readonly dead_letters: readonly {
    readonly id: string;
    readonly reason: string;
    readonly at: string;
    readonly event: { readonly type: string };
  }[];
}

export const verbs: readonly Verb<Settings>[] = [
  {
    name: 'dead',
    summary: 'lists events that could not be delivered, with the reason',
    usage: '[limit]',
    run: async (shell) => {
      const limit = shell.words[0] ?? '100';
      const { status, body } = await shell.request(
        'GET',
        `/apps/webhooks/dead-letters?limit=${encodeURIComponent(limit)}`,
      );
      if (status !== 200) return failed(shell, status, body);
      const { total, dead_letters: letters } = body as Letters;
      for (const { id, at, event, reason } of letters) shell.print(`${id}  ${at}  ${event.type}  ${reason}`);
      shell.print(`${letters.length} of ${total} dead letters`);
      return 0;
    },
  },
  {
    name: 'replay',
    summary: 'delivers dead letters again: those with these ids, or all',
    usage: '<id> ... | all',
    run: async (shell) => {
      const [first] = shell.words;
      if (first === undefined) {
        shell.print('expected ids of dead letters (webhooks dead lists them), or all');
        return 1;
      }
      const ids = first === 'all' ? {} : { ids: shell.words };
      const { status, body } = await shell.request('POST', '/apps/webhooks/dead-letters/replay', ids);
      if (status !== 200) return failed(shell, status, body);
      shell.print(`${(body as { readonly replayed: number }).replayed} events are in the queue again`);
      return 0;
    },
  },
];

function failed(shell: Shell<Settings>, status: number, body: unknown): number {
  const message = (body as { readonly error?: { readonly message?: string } } | null)?.error?.message;
  shell.print(`the server answered ${status}: ${message ?? JSON.stringify(body)}`);
  return 1;
}

/** `./signalbox assistant recover` and `./signalbox assistant verify`. */
import type { Shell, Verb } from '../../verb.ts';
import type { Settings } from '../settings.ts';
import { RECOVER_PATH, VERIFY_PATH } from './routes.ts';
import type { Verified } from './verifying.ts';

export const verbs: readonly Verb<Settings>[] = [
  {
    name: 'recover',
    summary: 'brings back sessions that were deleted within so many hours, of a user or of all',
    usage: 'HOURS [user]',
    run: async (shell) => {
      const [text = '', user] = shell.words;
      const hours = Number(text);
      if (!Number.isInteger(hours) || hours < 1) {
        shell.print(`expected hours from 1 on, got ${text === '' ? 'nothing' : JSON.stringify(text)}`);
        return 1;
      }
      const { status, body } = await shell.request('POST', RECOVER_PATH, {
        hours,
        ...(user !== undefined && { user }),
      });
      if (status !== 200) return failed(shell, status, body);
      shell.print(`${(body as { readonly restored: number }).restored} sessions are back`);
      return 0;
    },
  },
  {
    name: 'verify',
    summary: 'looks for holes in the messages of sessions; the answer is no if there is one',
    run: async (shell) => {
      let sessions = 0;
      let faults = 0;
      let after: string | null = null;
      do {
        const { status, body } = await shell.request('POST', VERIFY_PATH, after === null ? {} : { after });
        if (status !== 200) return failed(shell, status, body);
        const part: Verified = body as Verified;
        for (const { session, missing } of part.faults)
          shell.print(`${session}  ${missing === null ? 'has no conversation' : `lacks ${missing} messages`}`);
        sessions += part.sessions;
        faults += part.faults.length;
        after = part.next;
      } while (after !== null);
      shell.print(`${sessions} sessions, ${faults} with a fault`);
      return faults === 0 ? 0 : 1;
    },
  },
];

function failed({ print }: Shell<Settings>, status: number, body: unknown): number {
  const message = (body as { readonly error?: { readonly message?: string } } | null)?.error?.message;
  print(`the server answered ${status}: ${message ?? JSON.stringify(body)}`);
  return 1;
}

/** `./signalbox accounts …`: accounts made and ended by operators. Passwords come from standard input, where nobody else reads them. */
import type { Shell, Verb } from '../verb.ts';
import type { Settings } from './settings.ts';

interface Account {
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly roles: readonly string[];
  readonly isActive: boolean;
}

const USERS = '/apps/accounts/users';
const IMPORT_AT_ONCE = 100;
const PAGE = 1_000;

export const verbs: readonly Verb<Settings>[] = [
  {
    name: 'add',
    summary: 'makes an account; the password is the first line of standard input',
    usage: '<e-mail> [role,role] [name]',
    run: async (shell) => {
      const [email = '', roles, ...name] = shell.words;
      const password = firstLine(await shell.input());
      return tell(shell, 'POST', USERS, {
        email,
        ...(roles !== undefined && { roles: roles.split(',') }),
        ...(name.length > 0 && { displayName: name.join(' ') }),
        ...(password !== '' && { password }),
      });
    },
  },
  { name: 'list', summary: 'lists the accounts', run: list },
  measure('deactivate', 'deactivates an account: its tokens get 403, its sockets are closed'),
  measure('activate', 'activates an account again'),
  measure('revoke', 'ends all sessions of an account: its tokens get 401, its sockets are closed'),
  {
    name: 'password',
    summary: 'sets a password (the first line of standard input), and ends all sessions',
    usage: '<e-mail or id>',
    run: async (shell) =>
      tell(shell, 'POST', `${pathOf(shell)}/password`, { password: firstLine(await shell.input()) }),
  },
  {
    name: 'import',
    summary:
      'makes accounts: each line of standard input is JSON, {"email": …, "displayName", "roles", "passwordHash", "id"}',
    run: importLines,
  },
];

function measure(name: string, summary: string): Verb<Settings> {
  return {
    name,
    summary,
    usage: '<e-mail or id>',
    run: (shell) => tell(shell, 'POST', `${pathOf(shell)}/${name}`),
  };
}

async function list(shell: Shell<Settings>): Promise<number> {
  for (let after: string | null = ''; after !== null;) {
    const { status, body } = await shell.request('GET', `${USERS}?limit=${PAGE}&after=${encodeURIComponent(after)}`);
    if (status !== 200) return failed(shell, status, body);
    const page = body as { readonly users: readonly Account[]; readonly next: string | null };
    for (const user of page.users) shell.print(lineOf(user));
    after = page.next;
  }
  return 0;
}

async function importLines(shell: Shell<Settings>): Promise<number> {
  const lines = (await shell.input()).split('\n').filter((line) => line.trim() !== '');
  let isWhole = true;
  let created = 0;
  for (let at = 0; at < lines.length; at += IMPORT_AT_ONCE) {
    const users: unknown[] = [];
    for (const [offset, line] of lines.slice(at, at + IMPORT_AT_ONCE).entries()) {
      const user = readLine(line);
      if (user === undefined) {
        shell.print(`line ${at + offset + 1}: expected JSON`);
        return 1;
      }
      users.push(user);
    }
    const { status, body } = await shell.request('POST', '/apps/accounts/import', { users });
    if (status !== 200) return failed(shell, status, body);
    const answer = body as { created: number; refused: readonly { readonly email: string; readonly reason: string }[] };
    created += answer.created;
    for (const { email, reason } of answer.refused) shell.print(`${email}: ${reason}`);
    isWhole &&= answer.refused.length === 0;
  }
  shell.print(`${created} of ${lines.length} accounts were made`);
  return isWhole ? 0 : 1;
}

function readLine(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

async function tell(shell: Shell<Settings>, method: string, path: string, given?: object): Promise<number> {
  const { status, body } = await shell.request(method, path, given);
  if (status !== 200) return failed(shell, status, body);
  shell.print(lineOf((body as { readonly user: Account }).user));
  return 0;
}

function lineOf({ id, email, displayName, roles, isActive }: Account): string {
  return `${id}  ${email}  ${roles.join(',')}  ${isActive ? 'active' : 'inactive'}  ${displayName}`;
}

function pathOf({ words }: Shell<Settings>): string {
  return `${USERS}/${encodeURIComponent(words[0] ?? '-')}`;
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? '';
}

function failed(shell: Shell<Settings>, status: number, body: unknown): number {
  const message = (body as { readonly error?: { readonly message?: string } } | null)?.error?.message;
  shell.print(`the server answered ${status}: ${message ?? JSON.stringify(body)}`);
  return 1;
}

/** `./signalbox tenants …`: what operators do from a shell. Secrets come from standard input, where nobody else reads them. */
import type { Shell, Verb } from '../verb.ts';
import type { ApiKey } from './api-keys.ts';
import type { Settings } from './settings.ts';
import type { ShownTenant } from './shapes.ts';

const TENANTS = '/tenants';
const PAGE = 1_000;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A verb that makes one request. @param told what it prints of a good answer, of whose form it is sure */
function asking(
  name: string,
  usage: string,
  summary: string,
  request: (shell: Shell<Settings>) => Promise<Answer>,
  told: (body: never) => readonly string[],
): Verb<Settings> {
  const needed = usage.split(' ').filter((word) => word.startsWith('<')).length;
  return {
    name,
    usage,
    summary,
    run: async (shell) => {
      if (shell.words.length < needed) {
        shell.print(`expected ${name} ${usage}`);
        return 1;
      }
      const { status, body } = await request(shell);
      if (status >= 300) return failed(shell, status, body);
      for (const line of told(body as never)) shell.print(line);
      return 0;
    },
  };
}

const tenantLine = (tenant: ShownTenant): string[] => [lineOf(tenant)];

export const verbs: readonly Verb<Settings>[] = [
  asking(
    'create',
    '<id> <name>',
    'makes a tenant',
    ({ words, request }) => request('POST', TENANTS, { tenantId: words[0], name: words.slice(1).join(' ') }),
    tenantLine,
  ),
  { name: 'list', summary: 'lists the tenants', run: list },
  asking(
    'show',
    '<id>',
    'shows the record of a tenant',
    (shell) => shell.request('GET', pathOf(shell)),
    (tenant: ShownTenant) => [JSON.stringify(tenant, null, 2)],
  ),
  asking(
    'set',
    '<id> <json>',
    'changes a tenant: {"rateLimit": 200}',
    async (shell) => {
      const change = readJson(shell.words[1] ?? '');
      return change === undefined ? notJson() : shell.request('PATCH', pathOf(shell), change);
    },
    tenantLine,
  ),
  status('suspend', 'suspended', 'suspends a tenant: its users get 403, its sockets are closed'),
  status('resume', 'active', 'serves a suspended tenant again'),
  asking(
    'delete',
    '<id> <id>',
    'deletes a tenant for good; its id twice, so that it is no slip',
    async (shell) =>
      shell.words[0] === shell.words[1]
        ? shell.request('DELETE', pathOf(shell))
        : { status: 400, body: { error: { message: 'expected the id twice' } } },
    tenantLine,
  ),
  asking(
    'usage',
    '<id>',
    'the requests of this minute, and the limit',
    (shell) => shell.request('GET', `${pathOf(shell)}/usage`),
    ({ minute, used, rateLimit }: { readonly minute: string; readonly used: number; readonly rateLimit: number }) => [
      `${minute}  ${used} of ${rateLimit}`,
    ],
  ),
  asking(
    'key-create',
    '<id> <name> [role,role]',
    'makes an API key and prints it, once',
    (shell) =>
      shell.request('POST', `${pathOf(shell)}/api-keys`, {
        name: shell.words[1],
        ...(shell.words[2] !== undefined && { roles: shell.words[2].split(',') }),
      }),
    ({ secret }: ApiKey & { readonly secret: string }) => [secret],
  ),
  asking(
    'keys',
    '<id>',
    'lists the API keys of a tenant, masked',
    (shell) => shell.request('GET', `${pathOf(shell)}/api-keys`),
    ({ keys }: { readonly keys: readonly ApiKey[] }) => keys.map(keyLine),
  ),
  asking(
    'key-revoke',
    '<id> <key id>',
    'ends an API key, on every node',
    (shell) => shell.request('DELETE', `${pathOf(shell)}/api-keys/${encodeURIComponent(shell.words[1] ?? '')}`),
    (key: ApiKey) => [keyLine(key)],
  ),
  asking(
    'of-key',
    '',
    'says whose API key it is: the first line of standard input',
    async (shell) => shell.request('POST', '/apps/tenants/of-key', { key: firstLine(await shell.input()) }),
    ({
      tenantId,
      id,
      name,
      ended,
    }: {
      readonly tenantId: string;
      readonly id: string;
      readonly name: string;
      readonly ended: string | null;
    }) => [`${tenantId}  ${id}  ${ended ?? 'good'}  ${name}`],
  ),
  asking(
    'credentials',
    '<id> <whatsapp|genesys>',
    'seals credentials: JSON on standard input; shows them, masked, when there is none',
    async (shell) => {
      const path = `${pathOf(shell)}/credentials/${encodeURIComponent(shell.words[1] ?? '')}`;
      const text = (await shell.input()).trim();
      if (text === '') return shell.request('GET', path);
      const given = readJson(text);
      return given === undefined ? notJson() : shell.request('PUT', path, given);
    },
    ({ credentials }: { readonly credentials: Readonly<Record<string, string>> }) =>
      Object.entries(credentials).map(([name, value]) => `${name}  ${value}`),
  ),
  asking(
    'reseal',
    '',
    'seals all credentials with the first key of seal_keys',
    (shell) => shell.request('POST', '/apps/tenants/reseal'),
    ({
      resealed,
      failed: left,
      sealedBy,
    }: {
      readonly resealed: number;
      readonly failed: number;
      readonly sealedBy: Readonly<Record<string, number>>;
    }) => [
      `${resealed} sealed anew, ${left} could not be opened`,
      ...Object.entries(sealedBy).map(([key, rows]) => `${key}  ${rows}`),
    ],
  ),
  asking(
    'cache-clear',
    '<id>',
    'forgets what is remembered of one tenant, on every node and in the shared store; there is no such verb for all',
    ({ words, request }) => request('POST', '/apps/tenants/cache/clear', { tenantId: words[0] }),
    ({ removed }: { readonly removed: number }) => [`${removed} keys removed`],
  ),
  asking(
    'audit',
    '<id>',
    'changes of a tenant, the newest first',
    (shell) => shell.request('GET', `${pathOf(shell)}/audit`),
    ({
      entries,
    }: {
      readonly entries: readonly { readonly at: string; readonly action: string; readonly actor: string }[];
    }) => entries.map(({ at, action, actor }) => `${at}  ${action}  ${actor}`),
  ),
];

function status(name: string, wanted: ShownTenant['status'], summary: string): Verb<Settings> {
  return asking(
    name,
    '<id>',
    summary,
    (shell) => shell.request('PATCH', pathOf(shell), { status: wanted }),
    tenantLine,
  );
}

async function list(shell: Shell<Settings>): Promise<number> {
  for (let after: string | null = ''; after !== null;) {
    const answer = await shell.request('GET', `${TENANTS}?limit=${PAGE}&after=${encodeURIComponent(after)}`);
    if (answer.status !== 200) return failed(shell, answer.status, answer.body);
    const page = answer.body as { readonly tenants: readonly ShownTenant[]; readonly next: string | null };
    for (const tenant of page.tenants) shell.print(lineOf(tenant));
    after = page.next;
  }
  return 0;
}

function lineOf({ tenantId, status: state, plan, rateLimit, name }: ShownTenant): string {
  return `${tenantId}  ${state}  ${plan}  ${rateLimit}/min  ${name}`;
}

function keyLine({ id, key, name, roles, revokedAt, expiresAt }: ApiKey): string {
  const state = revokedAt === null ? (expiresAt === null ? 'good' : `until ${expiresAt}`) : `revoked ${revokedAt}`;
  return `${id}  ${key}  ${roles.join(',')}  ${state}  ${name}`;
}

function pathOf({ words }: Shell<Settings>): string {
  return `${TENANTS}/${encodeURIComponent(words[0] ?? '-')}`;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function notJson(): Answer {
  return { status: 400, body: { error: { message: 'expected JSON' } } };
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? '';
}

function failed(shell: Shell<Settings>, code: number, body: unknown): number {
  const message = (body as { readonly error?: { readonly message?: string } } | null)?.error?.message;
  shell.print(`the server answered ${code}: ${message ?? JSON.stringify(body)}`);
  return 1;
}

/** A server with the assistant, whose provider does what the question says; its REST as clients of guide 004 use it. */
import { assistant } from '../../src/apps/assistant/app.ts';
import { LocalProvider, type Script } from '../../src/apps/assistant/providers/local.ts';
import { conversations } from '../../src/apps/conversations/app.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { within } from './deadline.ts';
import { pgliteFolder } from './pglite-folder.ts';
import { openServer, type TestServer } from './server.ts';
import { tokenOf } from './tokens.ts';

export const CHAT = '/api/v1/admin/chat';

/** By the text of the question. */
const SCRIPTS: Readonly<Record<string, Script>> = {
  'a short one': { answer: 'Yes, and the sum is 12 €.', paceMs: 2 },
  'a slow one': { answer: 'one two three four five six', paceMs: 60 },
  'one that hangs': { answer: 'it begins', hangs: true },
  'one that fails': { failure: 'unauthorized' },
  'one that is busy': { failure: 'busy', retryAfterMs: 7_000 },
  'one that is garbage': { failure: 'garbage' },
  'one that is too large': { failure: 'too_large' },
  'one that breaks': { answer: 'half of it', failsAfter: 2, failure: 'cut' },
};

const LIMITS = {
  'database.migrate': 'true',
  'apps.assistant.sessions_per_hour': '1000',
  'apps.assistant.active_sessions': '1000',
  'apps.assistant.requests_per_minute': '100000',
  'apps.assistant.messages_per_minute': '100000',
  'apps.assistant.attempts': '1',
  'apps.assistant.breaker_failures': '1000',
};

export interface GuideAnswer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- answers of all routes
  readonly json: any;
}

export interface GuideAsked {
  readonly method?: string;
  readonly json?: unknown;
  readonly body?: string;
  readonly roles?: readonly string[];
  /** Instead of one made for the user; `null` sends none. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @param isScripted without, the provider is the one that the settings name */
export async function openGuide(
  settings: Readonly<Record<string, string>> = {},
  { isScripted = true }: { readonly isScripted?: boolean } = {},
): Promise<TestServer> {
  const script = ({ turns }: { readonly turns: readonly { readonly text: string }[] }) =>
    // A question without an answer stands before the next one.
    SCRIPTS[turns.at(-1)?.text.split('\n\n').at(-1) ?? ''];
  const provider = new LocalProvider({ paceMs: 1, script }, systemScheduler);
  return openServer(
    { 'database.folder': await pgliteFolder(), 'rate_limiting.enabled': 'false', ...LIMITS, ...settings },
    [conversations(), assistant(isScripted ? { provider } : {})],
  );
}

/** @param path below {@link CHAT} */
export async function askGuide(
  server: Pick<TestServer, 'url'>,
  user: string,
  path: string,
  { json, body, roles = ['admin'], token, headers = {}, ...asked }: GuideAsked = {},
): Promise<GuideAnswer> {
  const given = body ?? (json === undefined ? undefined : JSON.stringify(json));
  const { method = given === undefined ? 'GET' : 'POST' } = asked;
  const bearer = token === undefined ? await tokenOf(user, { roles }) : token;
  const response = await within(
    fetch(`${server.url}${CHAT}${path}`, {
      method,
      headers: { ...(bearer !== null && { authorization: `Bearer ${bearer}` }), ...headers },
      ...(given !== undefined && { body: given }),
    }),
    `${method} ${path}`,
  );
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: text === '' ? null : JSON.parse(text) };
}

/** @returns the id of a session of this user */
export async function beginGuide(server: Pick<TestServer, 'url'>, user: string): Promise<string> {
  const { json } = await askGuide(server, user, '/sessions', { json: { client_name: 'Acme' } });
  return json.data.id;
}

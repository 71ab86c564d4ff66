/** `signalbox <app> <verb> …`: verbs of applications, in a process of their own beside the server. */
import { text } from 'node:stream/consumers';
import type { Verb } from '../apps/app.ts';
import { loadApps } from '../apps/load.ts';
import type { LoadedApp } from '../apps/loaded.ts';
import type { Loaded } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { secretBytes } from '../config/secrets.ts';
import { readArguments, UsageError, type Arguments, type Command, type ExitCode } from './command.ts';
import { BUILT_IN } from './built-in-apps.ts';
import { CONFIG_OPTIONS } from './config-flags.ts';
import { isOnlySecretMissing, loadFromArguments, loadWithoutSecret } from './config-options.ts';
import { configuredAddress, readUrl } from './node-address.ts';

const TIMEOUT_MS = 30_000;
const MAX_WORDS = 100;

const OPTIONS: Command['options'] = {
  url: { type: 'string', value: 'URL', help: 'the server (default: this machine, where the configuration says)' },
  token: {
    type: 'string',
    value: 'TOKEN',
    help: 'for its routes (default: one with the roles service and admin, signed with the secret of the configuration)',
  },
  ...CONFIG_OPTIONS,
};

/** `null` when no application of the configuration has this name, or it has no verbs. @throws ConfigError, UsageError */
export async function appCommand(name: string, argv: readonly string[]): Promise<Command | null> {
  const args = wordsOf(name, argv);
  if (args === null) return null;
  const { found, hasSecret } = load(args);
  const { config, apps } = await loadApps(found, BUILT_IN);
  const loaded = apps.find(({ app }) => app.name === name);
  if (loaded?.app.verbs === undefined) return null;
  return commandOf(name, { config, loaded, hasSecret, verbs: loaded.app.verbs });
}

/** `null` for flags that no verb of an application has: then the word was another verb, misspelt. */
function wordsOf(name: string, argv: readonly string[]): Arguments | null {
  try {
    return readArguments(commandOf(name, null), argv);
  } catch (error) {
    if (error instanceof UsageError) return null;
    throw error;
  }
}

/** A verb that asks nobody, or is given a token, runs where the secret is not. */
function load(args: Arguments): { readonly found: Loaded; readonly hasSecret: boolean } {
  try {
    return { found: loadFromArguments(args), hasSecret: true };
  } catch (error) {
    if (!isOnlySecretMissing(error)) throw error;
    return { found: loadWithoutSecret(args), hasSecret: false };
  }
}

interface Known {
  readonly config: Config;
  readonly hasSecret: boolean;
  readonly loaded: LoadedApp;
  readonly verbs: readonly Verb[];
}

function commandOf(name: string, known: Known | null): Command {
  const verbs = known?.verbs ?? [];
  return {
    name,
    summary: `Verbs of the application ${name}.`,
    usage: `${verbs.map((verb) => verb.name).join('|')} [words]`,
    positionals: MAX_WORDS,
    options: OPTIONS,
    notes: verbs.map((verb) => `  ${`${verb.name} ${verb.usage ?? ''}`.padEnd(30)} ${verb.summary}`),
    run: (args): Promise<ExitCode> => (known === null ? Promise.resolve(2) : run(known, args)),
  };
}

async function run({ config, hasSecret, loaded, verbs }: Known, args: Arguments): Promise<ExitCode> {
  const [wanted = '', ...words] = args.positionals;
  const verb = verbs.find(({ name }) => name === wanted);
  if (verb === undefined)
    throw new UsageError(
      `expected one of ${verbs.map(({ name }) => name).join(', ')} after ${loaded.app.name}, got ${JSON.stringify(wanted)}`,
    );
  const code = await verb.run({
    settings: loaded.settings,
    words,
    print: (line) => void process.stdout.write(`${line}\n`),
    input: () => text(process.stdin),
    request: async (method, path, body) => {
      const token = args.text('token') ?? (await sign(config, hasSecret));
      return ask(args, token, method, path, body);
    },
  });
  return code === 0 ? 0 : 1;
}

async function ask(
  args: Arguments,
  token: string,
  method: string,
  path: string,
  body: unknown,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const given = args.text('url');
  const url = given === undefined ? await configuredAddress(args, 'clients') : readUrl(given);
  const response = await fetch(new URL(path, url), {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new Error(`expected a server at ${url.origin}, got: ${cause} (--url says where it is)`, { cause: error });
  });
  return { status: response.status, body: textOrJson(await response.text()) };
}

async function sign({ auth }: Config, hasSecret: boolean): Promise<string> {
  const algorithm = auth.algorithms.find((name) => name.startsWith('HS'));
  if (!hasSecret || auth.jwt_secret === undefined || algorithm === undefined)
    throw new UsageError('expected --token: the configuration has no secret to sign one with');
  const { SignJWT } = await import('jose');
  const jwt = new SignJWT({ roles: ['service', 'admin'] })
    .setProtectedHeader({ alg: algorithm })
    .setSubject('operator');
  if (auth.issuer !== undefined) jwt.setIssuer(auth.issuer);
  if (auth.audience !== undefined) jwt.setAudience(auth.audience);
  return jwt.setIssuedAt().setExpirationTime('5m').sign(secretBytes(auth.jwt_secret));
}

function textOrJson(answer: string): unknown {
  try {
    return JSON.parse(answer) as unknown;
  } catch {
    return answer;
  }
}

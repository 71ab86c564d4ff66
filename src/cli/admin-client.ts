/** How the verbs for operators reach a running server: its URL, who asks, and what comes back. */
import { readFileSync } from 'node:fs';
import { secretText } from '../config/secrets.ts';
import { UsageError, type Arguments, type ExitCode, type Option } from './command.ts';
import { WHERE_OPTIONS } from './config-flags.ts';
import { developmentSecret, hasDevelopmentSecret } from './development-secret.ts';
import { configuredAddress, readUrl } from './node-address.ts';

const TIMEOUT_MS = 30_000;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

export const ADMIN_OPTIONS: Readonly<Record<string, Option>> = {
  url: {
    type: 'string',
    value: 'URL',
    help: 'the server (default: ADMIN_URL, else this machine, where the configuration says)',
  },
  token: {
    type: 'string',
    value: 'TOKEN',
    help: 'the admin token or a JWT with role admin (default: ADMIN_TOKEN or ADMIN_TOKEN_FILE; for a development server here, its own)',
  },
  json: { type: 'boolean', help: 'print the answer as JSON' },
  ...WHERE_OPTIONS,
};

export const NODE_OPTION: Option = {
  type: 'string',
  value: 'NAME',
  help: 'of this node of the service, as ./signalbox nodes lists it (default: the one that is asked)',
};

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** @throws UsageError when the server cannot be reached or there is no token */
export async function ask(args: Arguments, method: string, path: string, body?: unknown): Promise<Answer> {
  const given = args.text('url') ?? process.env['ADMIN_URL'];
  const url = given === undefined ? await configuredAddress(args, 'admin') : readUrl(given);
  const headers = { authorization: `Bearer ${await findToken(args.text('token'), url)}` };
  const payload = body === undefined ? {} : { body: JSON.stringify(body) };
  const request = { method, headers, ...payload, signal: AbortSignal.timeout(TIMEOUT_MS) };
  let response: Response;
  try {
    response = await fetch(new URL(path, url), request);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new Error(`expected a server at ${given ?? url.origin}, got: ${cause} (--url says where it is)`, {
      cause: error,
    });
  }
  const text = await response.text();
  return { status: response.status, body: readAnswer(text, response.status) };
}

/** For verbs that ask every node. */
export const NODES_OPTION: Option = { ...NODE_OPTION, help: 'only of this node (default: all nodes are asked)' };

/** The query of a view, for the node of `--node`, else for all. */
export function ofNodes(args: Arguments): URLSearchParams {
  return new URLSearchParams({ node: args.text('node') ?? '*' });
}

/** The nodes of an answer that did not answer in their turn, a line each. */
function problemsOf(body: Readonly<Record<string, unknown>>): readonly string[] {
  const nodes = (body['nodes'] ?? []) as readonly { readonly node: string; readonly problem?: string | null }[];
  return nodes.flatMap(({ node, problem }) => (typeof problem === 'string' ? [`${node} ${problem}`] : []));
}

/** What is printed of several nodes, and a line for each that is missing in it. */
export function withProblems(text: string, body: Readonly<Record<string, unknown>>): string {
  return [text, ...problemsOf(body).map((problem) => `not all: ${problem}`)].join('\n');
}

/** Whether a node did not answer: then what is printed is not all. */
export function isIncomplete(body: Readonly<Record<string, unknown>>): boolean {
  return problemsOf(body).length > 0;
}

/** Of which nodes a list is: the one that was named, or all that answered. */
export function nodesOf(body: Readonly<Record<string, unknown>>): string {
  const nodes = body['nodes'] as readonly { readonly node: string; readonly problem?: string | null }[] | undefined;
  if (nodes === undefined) return String(body['node']);
  return nodes.flatMap(({ node, problem }) => (typeof problem === 'string' ? [] : [node])).join(', ');
}

/** The query of a view, for the node of `--node`. */
export function ofNode(args: Arguments): URLSearchParams {
  const node = args.text('node');
  return new URLSearchParams(node === undefined ? {} : { node });
}

/** Prints the answer: as JSON, as what `render` makes of it, or the error. */
export function show(
  args: Arguments,
  { status, body }: Answer,
  render: (body: Readonly<Record<string, unknown>>) => string,
  isIncomplete: (body: Readonly<Record<string, unknown>>) => boolean = () => false,
): ExitCode {
  if (args.flag('json')) process.stdout.write(`${JSON.stringify(body, null, 2)}\n`);
  else if (status < 400) process.stdout.write(`${render(body)}\n`);
  else {
    const { reason, message } = (body['error'] ?? {}) as { reason?: string; message?: string };
    process.stderr.write(`refused (${status} ${reason ?? ''}): ${message ?? JSON.stringify(body)}\n`);
  }
  return status < 400 && !isIncomplete(body) ? 0 : 1;
}

/** `30s`, `15m`, `1h`, `7d` in seconds. @throws UsageError */
export function readDuration(text: string, flag: string): number {
  const [, amount, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (amount === undefined)
    throw new UsageError(`expected ${flag} like 30s, 15m, 1h or 7d, got ${JSON.stringify(text)}`);
  const seconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
  return Number(amount) * (seconds[unit] ?? 1);
}

/** Rows with a title each, in columns as wide as they need. */
export function table(titles: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const texts = [titles, ...rows.map((row) => row.map(textOf))];
  const widths = titles.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  return texts
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function textOf(cell: unknown): string {
  if (cell === null || cell === undefined) return '-';
  return typeof cell === 'string' ? cell : JSON.stringify(cell);
}

/**
 * @param flag what the command line says
 * @throws UsageError when there is none
 */
export async function findToken(flag: string | undefined, url: URL): Promise<string> {
  const given = flag ?? process.env['ADMIN_TOKEN'] ?? tokenInFile();
  if (given !== undefined) return given;
  // Signed with the secret that `make start` generated; it is worth nothing anywhere else.
  if (LOOPBACK.has(url.hostname) && hasDevelopmentSecret()) {
    const { SignJWT } = await import('jose');
    const jwt = new SignJWT({ roles: ['admin'] }).setProtectedHeader({ alg: 'HS256' }).setSubject('operator');
    return jwt.setIssuedAt().setExpirationTime('5m').sign(new TextEncoder().encode(developmentSecret()));
  }
  throw new UsageError('expected --token, ADMIN_TOKEN or ADMIN_TOKEN_FILE');
}

/** As the server itself reads it: in a container the token is only there. */
function tokenInFile(): string | undefined {
  const file = process.env['ADMIN_TOKEN_FILE'];
  if (file === undefined) return undefined;
  try {
    return secretText(readFileSync(file));
  } catch (error) {
    throw new UsageError(`expected ADMIN_TOKEN_FILE to name a file that can be read, got: ${String(error)}`);
  }
}

function readAnswer(text: string, status: number): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return { error: { reason: 'unexpected', message: `expected JSON, got status ${status}: ${text.slice(0, 200)}` } };
  }
}

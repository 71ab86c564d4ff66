/** `signalbox health`: asks a node whether it is well. For health checks of containers, and for scripts. */
import { UsageError, type Arguments, type Command, type ExitCode } from './command.ts';
import { CONFIG_OPTIONS } from './config-flags.ts';
import { configuredAddress, readUrl } from './node-address.ts';

const DEFAULT_TIMEOUT_SECS = 3;

interface Report {
  readonly healthy: boolean;
  readonly url: string;
  /** HTTP status; `null` when there was no answer. */
  readonly status: number | null;
  /** What the node said, or why there is no answer. */
  readonly answer: unknown;
}

export const health: Command = {
  name: 'health',
  summary: 'Asks a node whether it takes connections (/health/ready): exit code 0 when it says 200, else 1.',
  usage: '[--url URL] [--live] [--json]',
  positionals: 0,
  options: {
    url: { type: 'string', value: 'URL', help: 'the node; default: this machine, where the configuration says' },
    live: { type: 'boolean', help: 'ask only whether the process lives (/health/live)' },
    timeout: { type: 'string', value: 'SECS', help: `how long to wait, default ${DEFAULT_TIMEOUT_SECS}` },
    json: { type: 'boolean', help: 'print the answer as JSON' },
    ...CONFIG_OPTIONS,
  },
  async run(args): Promise<ExitCode> {
    const path = args.flag('live') ? '/health/live' : '/health/ready';
    const report = await ask(path, await addressOf(args), timeoutOf(args));
    process.stdout.write(args.flag('json') ? `${JSON.stringify(report)}\n` : sentence(report));
    return report.healthy ? 0 : 1;
  },
};

/** @throws UsageError, ConfigError */
function addressOf(args: Arguments): URL | Promise<URL> {
  const text = args.text('url');
  return text === undefined ? configuredAddress(args, 'server') : readUrl(text);
}

function timeoutOf(args: Arguments): number {
  const text = args.text('timeout') ?? String(DEFAULT_TIMEOUT_SECS);
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 3_600))
    throw new UsageError(`expected --timeout in seconds, above 0 and at most 3600, got ${JSON.stringify(text)}`);
  return seconds;
}

/** A path in the address is kept: a proxy may serve the node below one. */
async function ask(path: string, address: URL, timeoutSecs: number): Promise<Report> {
  const url = `${address.origin}${address.pathname.replace(/\/$/, '')}${path}`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutSecs * 1_000), redirect: 'manual' });
    const text = await response.text();
    return { healthy: response.status === 200, url, status: response.status, answer: parsed(text) };
  } catch (error) {
    return { healthy: false, url, status: null, answer: problem(error, timeoutSecs) };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Something else listens there, a proxy's error page for example: its beginning tells which.
    return text.slice(0, 200);
  }
}

function problem(error: unknown, timeoutSecs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${timeoutSecs} s`;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message || String(cause) : String(cause);
}

function sentence({ healthy, url, status, answer }: Report): string {
  const said = typeof answer === 'string' ? answer : JSON.stringify(answer);
  return `${healthy ? 'healthy' : 'not healthy'}: ${url} ${status === null ? 'did not answer' : `answered ${status}`}: ${said}\n`;
}

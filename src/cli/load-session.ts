/** What `signalbox load` does: the plan, the question, the run, the reports. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { secretText } from '../config/secrets.ts';
import { describeHttpPlan, httpTable, type HttpReport } from '../load/http-report.ts';
import { HttpRun } from '../load/http-run.ts';
import { describePlan } from '../load/plan-text.ts';
import type { Credentials, Target } from '../load/plan.ts';
import { progressText, showProgress } from '../load/progress.ts';
import { reportHtml } from '../load/report-html.ts';
import { reportTable } from '../load/report-table.ts';
import { buildReport, exitCodeOf, type LoadReport, type ReportContext } from '../load/report.ts';
import { LoadRun } from '../load/run.ts';
import { findTarget, parseTarget, reachTarget, TargetError, type Candidates } from '../load/target.ts';
import { mintTokens } from '../load/tokens.ts';
import { missingPackage } from '../telemetry/optional-package.ts';
import { UsageError, type Arguments, type ExitCode } from './command.ts';
import { developmentSecret, hasDevelopmentSecret } from './development-secret.ts';
import { expectDescriptors, expectWritable } from './load-files.ts';
import { readHttpPlan, readPlan } from './load-options.ts';
import { version } from './version.ts';

/** @throws UsageError, TargetError */
export async function runLoad(args: Arguments): Promise<ExitCode> {
  const text = args.text('url');
  if (text === undefined)
    throw new UsageError('expected --url, such as --url ws://localhost:8081/ws: there is no default target');
  const url = usage(() => parseTarget(text));
  expectWritable([args.text('json'), args.text('html')]);
  const found = await findTarget(url);
  const context: ReportContext = { version, startedAt: new Date(), command: shownCommand(process.argv.slice(2)) };
  return args.text('http') === undefined ? loadSockets(args, found, context) : loadHttp(args, url, found, context);
}

async function loadSockets(args: Arguments, found: Candidates, context: ReportContext): Promise<ExitCode> {
  const { target } = found;
  const intended = readPlan(args, target);
  const connections = intended.connections + intended.publishers;
  const credentials = readCredentials(args, target, connections, 'user');
  if (credentials.kind === 'none' && !target.path.includes('token='))
    throw new UsageError(
      'expected --token, --secret, JWT_SECRET or JWT_SECRET_FILE, or a development server that ran here before (make start)',
    );
  expectDescriptors(connections);
  announce(describePlan(intended));
  if (!(await mayLoad(args, target))) return 1;
  const plan = { ...intended, target: await reachTarget(found) };
  const run = new LoadRun(plan, credentials);
  const endProgress = showProgress(
    () => progressText(run, connections, plan.durationMs / 1_000),
    process.stderr,
    plan.durationMs,
  );
  const release = onInterrupt(() => run.stop());
  try {
    const outcome = await run.run();
    endProgress();
    const report = buildReport(plan, outcome, context);
    process.stdout.write(`${reportTable(report)}\n`);
    return finish(args, report);
  } finally {
    endProgress();
    release();
  }
}

async function loadHttp(args: Arguments, url: URL, found: Candidates, context: ReportContext): Promise<ExitCode> {
  const { target } = found;
  const missing = missingPackage('autocannon', 'load --http');
  if (missing !== null) throw new Error(missing);
  const credentials = readCredentials(args, target, 1, 'service');
  const [token = null] = await mintTokens(credentials, { runId: 'http' }, [0]);
  const plan = readHttpPlan(args, url, token);
  announce(describeHttpPlan(plan));
  if (!(await mayLoad(args, target))) return 1;
  await reachTarget(found);
  const run = new HttpRun(plan);
  const endProgress = showProgress(
    () =>
      `measuring ${run.series.length}/${plan.durationMs / 1_000} s · ${run.series.at(-1)?.requests ?? 0} requests/s`,
    process.stderr,
    plan.durationMs,
  );
  const release = onInterrupt(() => run.stop());
  try {
    const report = await run.run(context);
    endProgress();
    process.stdout.write(`${httpTable(report)}\n`);
    return finish(args, report);
  } finally {
    endProgress();
    release();
  }
}

function finish(args: Arguments, report: LoadReport | HttpReport): ExitCode {
  const json = args.text('json');
  const html = args.text('html');
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  if (html !== undefined) writeFileSync(html, reportHtml(report));
  for (const file of [json, html]) if (file !== undefined) process.stdout.write(`written: ${file}\n`);
  return exitCodeOf(report);
}

function announce(plan: string): void {
  process.stdout.write(`signalbox load is going to do this:\n${plan}\n\n`);
}

/** Load on somebody else's machine is an attack unless it was meant. */
async function mayLoad(args: Arguments, { isLoopback, authority, address }: Target): Promise<boolean> {
  if (isLoopback || args.flag('yes')) return true;
  if (!process.stdin.isTTY)
    throw new UsageError(`expected --yes for a target that is not this machine, got ${authority} (${address})`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${authority} (${address}) is not this machine. Put this load on it? [y/N] `);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

function readCredentials(args: Arguments, target: Target, connections: number, role: string): Credentials {
  const token = args.text('token');
  if (token !== undefined) return { kind: 'token', token };
  const secret = findSecret(args, target);
  if (secret === undefined) return { kind: 'none' };
  const users = args.text('users') ?? String(connections);
  if (!/^[1-9]\d{0,6}$/.test(users))
    throw new UsageError(`expected --users as a number from 1, got ${JSON.stringify(users)}`);
  return { kind: 'secret', secret, users: Number(users), roles: (args.text('roles') ?? role).split(',') };
}

function findSecret(args: Arguments, { isLoopback }: Target): string | undefined {
  const { JWT_SECRET: fromEnvironment, JWT_SECRET_FILE: file } = process.env;
  const given = args.text('secret') ?? (fromEnvironment === '' ? undefined : fromEnvironment);
  if (given !== undefined) return given;
  if (file !== undefined && file !== '') return secretText(readFileSync(file));
  // It belongs to servers of this machine and to no other.
  return isLoopback && hasDevelopmentSecret() ? developmentSecret() : undefined;
}

/** The first Ctrl-C ends the run with the report so far, the second one at once. */
function onInterrupt(stop: () => void): () => void {
  let wasAsked = false;
  const interrupted = (): void => {
    if (wasAsked) process.exit(1);
    wasAsked = true;
    process.stderr.write('\nstopping: waiting for what is under way (Ctrl-C again ends at once)\n');
    stop();
  };
  process.on('SIGINT', interrupted);
  process.on('SIGTERM', interrupted);
  return () => {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  };
}

/** The command line without what nobody else may know. */
export function shownCommand(argv: readonly string[]): string {
  const shown = argv.map((word, at) => {
    if (argv[at - 1] === '--token' || argv[at - 1] === '--secret') return '…';
    return word.replace(/^(--(?:token|secret)=).*/s, '$1…').replace(/([?&]token=)[^&]*/, '$1…');
  });
  return ['signalbox', ...shown.map((word) => (/^[\w./:=@%,…-]+$/.test(word) ? word : JSON.stringify(word)))].join(' ');
}

function usage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof TargetError ? new UsageError(error.message) : error;
  }
}

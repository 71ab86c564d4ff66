/** `signalbox doctor`: names cause and cure of what is wrong with a configuration and with what runs. */
import { ConfigError } from '../config/config-error.ts';
import type { Check } from '../doctor/check.ts';
import { examine, type Report } from '../doctor/examine.ts';
import type { Authentication, Configuration, Patient } from '../doctor/patient.ts';
import { originOf } from '../doctor/origins.ts';
import { silentLog } from '../telemetry/log.ts';
import { systemClock, systemScheduler } from '../telemetry/system-clock.ts';
import { UsageError, type Arguments, type Command, type ExitCode } from './command.ts';
import { WHERE_OPTIONS } from './config-flags.ts';
import { nodeAt, nodeHere } from './doctor-node.ts';
import { printable } from './printable.ts';

export const doctor: Command = {
  name: 'doctor',
  summary: 'Examines a configuration and what runs: a line for each check, with cause and cure.',
  usage: '[bundle] [--url URL]… [--token JWT]… [--only CHECK]… [--json]',
  positionals: 1,
  options: {
    url: {
      type: 'string',
      multiple: true,
      value: 'URL',
      help: 'http(s)://… is the administration of a node (default: ADMIN_URL); ws(s)://… the way that clients take',
    },
    'admin-token': {
      type: 'string',
      value: 'TOKEN',
      help: 'the admin token or a JWT with role admin (default: ADMIN_TOKEN; for a development server here, its own)',
    },
    token: { type: 'string', multiple: true, value: 'JWT', help: 'a token of a user that is asked about' },
    page: { type: 'string', value: 'ORIGIN', help: 'the origin of a page that connects, like https://example.com' },
    idle: { type: 'string', value: 'SECS', help: 'hold a silent connection so long, to see what ends it on the way' },
    manifests: { type: 'string', value: 'DIR', help: 'Kubernetes manifests to be held against the configuration' },
    nodes: { type: 'string', value: 'N', help: 'how many nodes there should be (default: replicas of --manifests)' },
    only: { type: 'string', multiple: true, value: 'CHECK', help: 'a check, or a group of them (docs/doctor.md)' },
    json: { type: 'boolean', help: 'print the report as JSON' },
    out: {
      type: 'string',
      value: 'FILE',
      help: 'of bundle: where the archive goes (default: a name with the time, here)',
    },
    log: { type: 'string', value: 'FILE', help: 'of bundle: a log in JSON, whose last lines go with it' },
    ...WHERE_OPTIONS,
  },
  notes: [
    '  bundle     writes an archive for the report of a fault: report, facts, figures, configuration; no secrets, no messages',
    '',
    'Nothing that it does changes anything. The checks are listed in docs/doctor.md.',
  ],
  async run(args): Promise<ExitCode> {
    const isBundle = isBundleWanted(args);
    const { CHECKS } = await import('../doctor/checks/all.ts');
    const patient = await patientOf(args);
    const report = await examine(withNode(chosen(CHECKS, args.list('only')), CHECKS), patient, systemScheduler);
    if (isBundle) {
      const { writeBundle } = await import('./doctor-bundle.ts');
      process.stdout.write(`${await writeBundle(args, patient, report, textOf(report))}\n`);
      return 0;
    }
    process.stdout.write(args.flag('json') ? `${JSON.stringify(report, null, 2)}\n` : `${textOf(report)}\n`);
    return report.summary.fail === 0 ? 0 : 1;
  },
};

/** @throws UsageError */
function isBundleWanted({ positionals: [word] }: Arguments): boolean {
  if (word === undefined || word === 'bundle') return word !== undefined;
  throw new UsageError(`expected bundle or nothing after doctor, got ${JSON.stringify(word)}`);
}

/** @throws UsageError for a name that is of no check and of no group */
function chosen(checks: readonly Check[], only: readonly string[]): readonly Check[] {
  const isNamed = (check: Check, name: string): boolean => check.name === name || check.name.startsWith(`${name}.`);
  const unknown = only.find((name) => !checks.some((check) => isNamed(check, name)));
  if (unknown !== undefined) {
    const groups = [...new Set(checks.map(({ name }) => name.split('.')[0]))].join(', ');
    throw new UsageError(`expected --only with a check or one of the groups ${groups}, got ${JSON.stringify(unknown)}`);
  }
  return only.length === 0 ? checks : checks.filter((check) => only.some((name) => isNamed(check, name)));
}

/** A check that needs a node finds nothing where none answers, which is no good news: then the check that knows it says so. */
function withNode(checks: readonly Check[], all: readonly Check[]): readonly Check[] {
  if (!checks.some(({ needs }) => needs.includes('admin'))) return checks;
  const missing = all.filter((check) => ASKS_NODE.has(check.name) && !checks.includes(check));
  const onlyFailures = missing.map((check) => ({
    ...check,
    run: async (patient: Patient) => (await check.run(patient)).filter(({ level }) => level === 'fail'),
  }));
  return [...onlyFailures, ...checks];
}

const ASKS_NODE: ReadonlySet<string> = new Set(['nodes.reached', 'nodes.present']);

/** @throws UsageError */
async function patientOf(args: Arguments): Promise<Patient & { readonly token?: string }> {
  const urls = args.list('url').map(readWay);
  const admin = urls.find(({ protocol }) => protocol.startsWith('http')) ?? adminOfEnvironment();
  const configuration = await configurationOf(args);
  return {
    clock: systemClock,
    binding: async () => (await import('../transport/uws.ts')).uwsVersion,
    configuration,
    authentication: await authenticationOf(configuration),
    secretFiles: await secretFilesOf(),
    ...(admin === null ? await nodeHere(args, configuration.config) : await nodeAt(args, admin)),
    urls: urls.filter(({ protocol }) => protocol.startsWith('ws')),
    tokens: args.list('token'),
    page: pageOf(args),
    ...expectedNodesOf(args),
    manifests: args.text('manifests') ?? null,
    idleMs: idleOf(args),
  };
}

function readWay(text: string): URL {
  if (/^(https?|wss?):\/\//.test(text) && URL.canParse(text)) return new URL(text);
  throw new UsageError(
    `expected --url like http://127.0.0.1:8081 or wss://example.com/ws, got ${JSON.stringify(text)}`,
  );
}

function adminOfEnvironment(): URL | null {
  const text = process.env['ADMIN_URL'];
  return text === undefined ? null : readWay(text);
}

/** Named by the variables that `serve` reads. */
async function secretFilesOf(): Promise<ReadonlyMap<string, string>> {
  const { KEYS } = await import('../config/keys.ts');
  return new Map(
    KEYS.filter(({ isSecret }) => isSecret).flatMap(({ path, variables }) => {
      const file = variables
        .map((name) => process.env[`${name}_FILE`])
        .find((text) => text !== undefined && text !== '');
      return file === undefined ? [] : [[path, file] as const];
    }),
  );
}

async function authenticationOf({ config }: Configuration): Promise<Authentication | undefined> {
  if (config === null) return undefined;
  const { buildAuthentication } = await import('./authentication.ts');
  return buildAuthentication(config, silentLog);
}

/** Its problems are findings and do not end the examination. */
async function configurationOf(args: Arguments): Promise<Configuration> {
  const [{ loadWithApps }, { databaseProblems }] = await Promise.all([
    import('./config-options.ts'),
    import('./database-problems.ts'),
  ]);
  try {
    const { config, apps } = await loadWithApps(args);
    return { config, apps, problems: databaseProblems(config, apps) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { config: null, apps: [], problems: error.problems };
  }
}

/** @throws UsageError */
function pageOf(args: Arguments): string | null {
  const page = args.text('page') ?? null;
  if (page === null || originOf(page) !== null) return page;
  throw new UsageError(`expected --page like https://example.com, got ${JSON.stringify(page)}`);
}

/** @throws UsageError */
function expectedNodesOf(args: Arguments): Pick<Patient, 'expectedNodes'> {
  const text = args.text('nodes');
  if (text === undefined) return {};
  if (/^[1-9]\d{0,3}$/.test(text)) return { expectedNodes: Number(text) };
  throw new UsageError(`expected --nodes with a number of nodes, 1 to 9999, got ${JSON.stringify(text)}`);
}

function idleOf(args: Arguments): number {
  const text = args.text('idle') ?? '0';
  const seconds = Number(text);
  if (seconds >= 0 && seconds <= 3_600) return seconds * 1_000;
  throw new UsageError(`expected --idle in seconds, at most 3600, got ${JSON.stringify(text)}`);
}

function textOf({ findings, skipped, summary }: Report): string {
  const width = Math.max(0, ...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ level, check, says, cure }) => [
    `${level.padEnd(4)}  ${check.padEnd(width)}  ${printable(says)}`,
    ...(cure === null ? [] : [`      ${''.padEnd(width)}  → ${printable(cure)}`]),
  ]);
  const needs = [...new Set(skipped.map((skip) => skip.needs))];
  return [
    ...lines,
    `${summary.ok} ok, ${summary.warn} warn, ${summary.fail} fail`,
    ...needs.map((need) => `${skipped.filter((skip) => skip.needs === need).length} not looked at without ${need}`),
  ].join('\n');
}

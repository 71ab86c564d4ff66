/** What a report of a fault needs: what was found, what the nodes know of themselves, figures, configuration, versions. */
import { KEYS } from '../../config/keys.ts';
import { shown, valueOf } from '../../node/shown.ts';
import { glibcVersion, processFacts } from '../../telemetry/process-facts.ts';
import type { Report } from '../examine.ts';
import type { Configuration, Patient, Views } from '../patient.ts';
import type { Entry } from './archive.ts';
import { lastLines } from './log-lines.ts';
import { scrubber } from './scrub.ts';

interface Given {
  readonly patient: Patient;
  readonly report: Report;
  /** As it is printed. */
  readonly text: string;
  /** Of a log; `null` when none is known. */
  readonly log: string | null;
  /** Secrets that the configuration here does not have. */
  readonly secrets: readonly string[];
}

const ABOUT = `What ./signalbox doctor bundle collected. Secrets, tokens and passwords are taken out, and what messages say is never in it.
Names of users and topics, addresses of clients and hosts are: read it before you give it to somebody.
`;
const FOLDER = 'signalbox-doctor';

export async function bundleOf({ patient, report, text, log, secrets }: Given): Promise<readonly Entry[]> {
  const { views, configuration } = patient;
  const scrub = scrubber([...secrets, ...secretsOf(configuration), ...patient.tokens]);
  const entries: Entry[] = [
    { name: 'ABOUT.txt', text: ABOUT },
    { name: 'report.txt', text },
    { name: 'report.json', text: json(report) },
    { name: 'versions.json', text: json({ ...process.versions, glibc: glibcVersion(), here: processFacts() }) },
    { name: 'configuration.json', text: json(redacted(configuration)) },
    ...(log === null ? [] : [{ name: 'log.ndjson', text: lastLines(log) }]),
    ...(views === null ? [] : await ofNodes(views)),
  ];
  return entries.map((entry) => ({ name: `${FOLDER}/${entry.name}`, text: scrub(entry.text) }));
}

const VIEWS: Readonly<Record<string, string>> = {
  'facts.json': '/admin/facts?node=*',
  'nodes.json': '/admin/nodes',
  'orders.json': '/admin/emergency-status?node=*',
  'metrics.json': '/metrics.json',
  'health.json': '/health',
};

async function ofNodes(views: Views): Promise<readonly Entry[]> {
  return Promise.all(
    Object.entries(VIEWS).map(async ([name, path]): Promise<Entry> => {
      try {
        const { status, body } = await views.get(path);
        return { name, text: json(body ?? { status }) };
      } catch (error) {
        return { name, text: json({ problem: error instanceof Error ? error.message : String(error) }) };
      }
    }),
  );
}

/** Of every application too: their keys say which are secrets. */
function secretsOf(configuration: Configuration | null): readonly string[] {
  const { config = null, apps = [] } = configuration ?? {};
  const own = config === null ? [] : KEYS.filter(({ isSecret }) => isSecret).map(({ path }) => valueOf(config, path));
  const ofApps = apps.flatMap(({ keys, settings }) =>
    keys
      .filter(({ isSecret }) => isSecret)
      .map(({ path }) => (settings as Readonly<Record<string, unknown>>)[path.split('.').at(-1) ?? '']),
  );
  return [...own, ...ofApps].flatMap((value) => (typeof value === 'string' ? [value] : []));
}

function redacted(configuration: Configuration | null): object {
  const { config = null, apps = [], problems = [] } = configuration ?? {};
  if (config === null) return { problems: problems.map(({ key, expected }) => ({ key, expected })) };
  const own = KEYS.map((key) => [key.path, shown(key, valueOf(config, key.path))]);
  const ofApps = apps.flatMap(({ keys, settings }) =>
    keys.map((key) => [
      key.path,
      shown(key, (settings as Readonly<Record<string, unknown>>)[key.path.split('.').at(-1) ?? '']),
    ]),
  );
  return Object.fromEntries([...own, ...ofApps].filter(([, value]) => value !== undefined)) as object;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

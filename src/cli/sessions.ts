/** `signalbox sessions backup FILE | restore FILE`: all sessions of Redis in a file, one JSON object a line. */
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { pipeline } from 'node:stream/promises';
import type { Config } from '../config/schema.ts';
import type { RedisLink } from '../redis/link.ts';
import { RedisSessionArchive } from '../session/redis-archive.ts';
import { readSession } from '../session/session-json.ts';
import type { Session } from '../session/session-store.ts';
import { LogFactory, parseLevels } from '../telemetry/pino-log.ts';
import { UsageError, type Command, type ExitCode } from './command.ts';
import { CONFIG_OPTIONS } from './config-flags.ts';
import { loadFromArguments } from './config-options.ts';
import { buildLink } from './storage/redis.ts';

const BATCH = 500;
const REPORT_EVERY = 10_000;
/** Invalid entries that are shown; the others are counted. */
const SHOWN_PROBLEMS = 10;

export const sessions: Command = {
  name: 'sessions',
  summary: 'Backs up all sessions of Redis to a file, or restores them.',
  usage: 'backup FILE | restore FILE',
  positionals: 2,
  options: CONFIG_OPTIONS,
  async run(args): Promise<ExitCode> {
    const [action, file] = args.positionals;
    if ((action !== 'backup' && action !== 'restore') || file === undefined)
      throw new UsageError(`expected backup FILE or restore FILE, got ${args.positionals.join(' ') || 'nothing'}`);
    const { config } = loadFromArguments(args);
    const link = linkOf(config);
    const archive = new RedisSessionArchive(link);
    try {
      await link.start();
      if (!link.isAvailable) throw new Error('expected Redis to answer at redis.url, and it does not');
      return action === 'backup' ? await backUp(archive, file) : await restore(archive, file, config);
    } finally {
      link.stop();
    }
  },
};

function linkOf(config: Config): RedisLink {
  const { url } = config.redis;
  if (url === undefined) throw new UsageError('expected redis.url (REDIS_URL): without it sessions live in the node');
  const logs = new LogFactory(parseLevels('error'), 'json', {});
  return buildLink(config, url, 'sessions', logs);
}

/** Written beside the file first, so that a backup that breaks off leaves the earlier one. */
async function backUp(archive: RedisSessionArchive, file: string): Promise<ExitCode> {
  const partial = `${file}.partial`;
  const written = { seen: new Set<string>(), broken: new Set<string>() };
  try {
    await pipeline(linesOf(archive, written), createWriteStream(partial, { mode: 0o600 }));
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    if (isOfFile(error))
      throw new Error(`expected ${file} to be written, got ${error.message}: make room, or name another disk`, {
        cause: error,
      });
    throw error;
  }
  const { seen, broken } = written;
  const rest = broken.size === 0 ? '' : `, ${broken.size} that are none left out`;
  process.stdout.write(`${seen.size} sessions written to ${file}${rest}\n`);
  return broken.size === 0 ? 0 : 1;
}

/** A page of sessions at a time. */
async function* linesOf(
  archive: RedisSessionArchive,
  { seen, broken }: { readonly seen: Set<string>; readonly broken: Set<string> },
): AsyncGenerator<string> {
  const unreadable = (key: string, problem: string): void => {
    broken.add(key);
    if (broken.size <= SHOWN_PROBLEMS) report(`${key}: ${problem}`);
  };
  for await (const page of archive.all(unreadable)) {
    // A scan may give a key twice.
    const fresh = page.filter(({ id }) => !seen.has(id));
    for (const session of fresh) seen.add(session.id);
    if (fresh.length > 0) yield fresh.map((session) => `${JSON.stringify(session)}\n`).join('');
    if (crosses(seen.size - fresh.length, seen.size)) report(`${seen.size} sessions written`);
  }
}

/** Of the file system, and not of Redis. */
function isOfFile(error: unknown): error is NodeJS.ErrnoException {
  return (
    error instanceof Error && 'syscall' in error && ['open', 'write', 'rename', 'close'].includes(String(error.syscall))
  );
}

async function restore(archive: RedisSessionArchive, file: string, config: Config): Promise<ExitCode> {
  const ttlMs = config.session.ttl_secs * 1_000;
  const totals = { read: 0, restored: 0, kept: 0, invalid: 0 };
  let batch: Session[] = [];
  const flush = async (): Promise<void> => {
    const restored = await archive.restore(batch, ttlMs);
    totals.restored += restored;
    totals.kept += batch.length - restored;
    batch = [];
  };
  for await (const { where, text } of entries(file)) {
    totals.read += 1;
    try {
      batch.push(readSession(typeof text === 'string' ? JSON.parse(text) : text));
    } catch (error) {
      totals.invalid += 1;
      if (totals.invalid <= SHOWN_PROBLEMS)
        report(`${where}: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (batch.length >= BATCH) await flush();
    if (totals.read % REPORT_EVERY === 0) report(`${totals.read} sessions read`);
  }
  if (batch.length > 0) await flush();
  process.stdout.write(
    `${totals.restored} sessions restored, ${totals.kept} left alone because Redis has a newer one, ${totals.invalid} invalid\n`,
  );
  return totals.invalid === 0 ? 0 : 1;
}

/** One JSON object a line, or one JSON array. */
async function* entries(file: string): AsyncGenerator<{ readonly where: string; readonly text: unknown }> {
  if (await beginsWithBracket(file)) {
    const list = JSON.parse(await readFile(file, 'utf8')) as unknown[];
    for (const [at, text] of list.entries()) yield { where: `entry ${at + 1}`, text: text ?? 'null' };
    return;
  }
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity })) {
    line += 1;
    if (text.trim() !== '') yield { where: `line ${line}`, text };
  }
}

async function beginsWithBracket(file: string): Promise<boolean> {
  for await (const chunk of createReadStream(file, { encoding: 'utf8', end: 4_095 })) {
    const start = String(chunk).trimStart();
    if (start !== '') return start.startsWith('[');
  }
  return false;
}

function crosses(before: number, after: number): boolean {
  return Math.floor(before / REPORT_EVERY) !== Math.floor(after / REPORT_EVERY);
}

function report(text: string): void {
  process.stderr.write(`${text}\n`);
}

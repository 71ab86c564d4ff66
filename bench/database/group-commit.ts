/**
 * What the port of the database costs: messages that come in turns are stored by a group commit, and the same batches by the
 * client library alone. `node bench/database/group-commit.ts postgresql://user@host/database`, in slices that alternate.
 */
import { Pool } from 'pg';
import { parsePostgresqlUrl } from '../../src/config/postgresql-url.ts';
import { ApplicationDatabase } from '../../src/database/database.ts';
import type { GroupCommit } from '../../src/database/group-commit.ts';
import { DatabaseLink } from '../../src/database/link.ts';
import { PostgresqlDriver } from '../../src/database/postgresql-driver.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../src/telemetry/system-clock.ts';

interface Message {
  readonly conversation: string;
  readonly sender: string;
  readonly clientId: string;
  readonly payload: string;
}

const SLICES = 12;
const TURNS = 60;
const PER_TURN = Number(process.argv[3] ?? 100);
const [, , url = ''] = process.argv;

const TABLE =
  'create table if not exists bench_messages (conversation text, sender text, client_id text, payload text, primary key (conversation, sender, client_id))';
const INSERT =
  'insert into public.bench_messages select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]) on conflict do nothing returning client_id';

let made = 0;
function turn(): Message[] {
  return Array.from({ length: PER_TURN }, () => {
    made += 1;
    const payload = JSON.stringify({ text: `message ${made} `.padEnd(120, '.') });
    return { conversation: `c-${made % 20}`, sender: `u-${made % 100}`, clientId: String(made), payload };
  });
}

function columns(messages: readonly Message[]): string[][] {
  return [
    messages.map((it) => it.conversation),
    messages.map((it) => it.sender),
    messages.map((it) => it.clientId),
    messages.map((it) => it.payload),
  ];
}

async function bare(pool: Pool): Promise<void> {
  for (let at = 0; at < TURNS; at += 1) await pool.query(INSERT, columns(turn()));
}

async function grouped(group: GroupCommit<Message, string>): Promise<void> {
  for (let at = 0; at < TURNS; at += 1) await Promise.all(turn().map((message) => group.put(message)));
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const started = clock.elapsed();
  await work();
  return (clock.elapsed() - started) / 1_000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

const address = parsePostgresqlUrl(url);
const pool = new Pool({
  host: address.host,
  port: address.port,
  user: address.user,
  database: address.database,
  password: address.password ?? '',
});
await pool.query(`drop table if exists bench_messages; ${TABLE}`);
const limits = { max: 20, idleMs: 30_000, connectTimeoutMs: 2_000, statementTimeoutMs: 10_000, maxWaiting: 1_000 };
const driver = new PostgresqlDriver({ address, applicationName: 'bench', ...limits });
const link = new DatabaseLink(driver, { clock, scheduler, log: silentLog, prepare: async () => [] });
await link.start();
const database = new ApplicationDatabase('bench', link, scheduler);
const group = database.groupCommit<Message, string>({
  write: async (messages) => {
    const [conversations = [], senders = [], ids = [], payloads = []] = columns(messages);
    const { rows } = await database.sql<{ client_id: string }>`
      insert into public.bench_messages
      select * from unnest(${conversations}::text[], ${senders}::text[], ${ids}::text[], ${payloads}::text[])
      on conflict do nothing returning client_id`.execute(database.tables());
    return rows.map((row) => row.client_id);
  },
});
const times = { bare: [] as number[], grouped: [] as number[] };
for (let at = 0; at < SLICES; at += 1) {
  times.bare.push(await seconds(() => bare(pool)));
  times.grouped.push(await seconds(() => grouped(group)));
}
await pool.query('drop table bench_messages');
await pool.end();
await link.stop();
const rate = (spent: number): number => Math.round((TURNS * PER_TURN) / spent);
const ratio = median(times.bare.slice(1).map((spent, at) => spent / (times.grouped[at + 1] ?? spent)));
process.stdout.write(
  `${PER_TURN} messages a turn: pg alone ${rate(median(times.bare))}/s, group commit ${rate(median(times.grouped))}/s, ratio ${ratio.toFixed(2)}\n`,
);

/**
 * What the sending transaction costs: messages that come in turns are stored by it, and the same batches by the client library
 * alone into a table of the same width. `node bench/conversations/sending.ts postgresql://user@host/database 100`, in slices
 * that alternate. The database is one for trying out: its schema `conversations` is dropped.
 */
import { Pool } from 'pg';
import { senderOf, type Sender } from '../../src/apps/conversations/sending.ts';
import { parsePostgresqlUrl } from '../../src/config/postgresql-url.ts';
import { ApplicationDatabase } from '../../src/database/database.ts';
import { DatabaseLink } from '../../src/database/link.ts';
import { migrate } from '../../src/database/migrate.ts';
import { readMigrations } from '../../src/database/migration.ts';
import { PostgresqlDriver } from '../../src/database/postgresql-driver.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../src/telemetry/system-clock.ts';

interface Message {
  readonly conversation: string;
  readonly sender: string;
  readonly clientId: string;
  readonly payload: string;
}

const [, , url = '', given = '100'] = process.argv;
const PER_TURN = Number(given);
const SLICES = 12;
const TURNS = 60;
const CONVERSATIONS = 20;
const MEMBERS = 5;
const INSERT =
  'insert into public.bench_messages select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]) on conflict do nothing returning client_id';

let made = 0;
function turn(): Message[] {
  return Array.from({ length: PER_TURN }, () => {
    made += 1;
    const content = `message ${made} `.padEnd(120, '.');
    return {
      conversation: `c-${made % CONVERSATIONS}`,
      sender: `u-${Math.floor(made / CONVERSATIONS) % MEMBERS}`,
      clientId: String(made),
      payload: JSON.stringify({ event: 'message', type: 'text', content }),
    };
  });
}

async function bare(pool: Pool): Promise<void> {
  for (let at = 0; at < TURNS; at += 1) {
    const messages = turn();
    await pool.query(INSERT, [
      messages.map((it) => it.conversation),
      messages.map((it) => it.sender),
      messages.map((it) => it.clientId),
      messages.map((it) => it.payload),
    ]);
  }
}

async function sent(sender: Sender): Promise<void> {
  for (let at = 0; at < TURNS; at += 1)
    for (const answer of await Promise.all(turn().map((message) => sender.put({ tenant: '', ...message }))))
      if (typeof answer === 'string') throw new Error(`expected it to be stored, got ${answer}`);
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
const { host, port, user, database: name } = address;
const pool = new Pool({ host, port, user, database: name, password: address.password ?? '' });
await pool.query(`drop schema if exists conversations cascade; drop schema if exists signalbox cascade;
  drop table if exists bench_messages; create table bench_messages (conversation text, sender text, client_id text, payload text,
  primary key (conversation, sender, client_id))`);
const limits = { max: 20, idleMs: 30_000, connectTimeoutMs: 2_000, statementTimeoutMs: 10_000, maxWaiting: 1_000 };
const driver = new PostgresqlDriver({ address, applicationName: 'bench', ...limits });
const set = readMigrations('conversations', new URL('../../src/apps/conversations/migrations/', import.meta.url));
const link = new DatabaseLink(driver, {
  clock,
  scheduler,
  log: silentLog,
  prepare: async (session) => {
    await migrate(session, [set]);
    return [];
  },
});
await link.start();
await pool.query(`insert into conversations.conversations (tenant, id, kind, epoch, created_by)
  select '', 'c-' || n, 'group', 'e', 'u-0' from generate_series(0, ${CONVERSATIONS - 1}) as n`);
await pool.query(`insert into conversations.members (tenant, conversation, user_id)
  select '', 'c-' || n, 'u-' || m from generate_series(0, ${CONVERSATIONS - 1}) as n, generate_series(0, ${MEMBERS - 1}) as m`);
const sender = senderOf(new ApplicationDatabase('conversations', link, scheduler));
const times = { bare: [] as number[], sent: [] as number[] };
for (let at = 0; at < SLICES; at += 1) {
  times.bare.push(await seconds(() => bare(pool)));
  times.sent.push(await seconds(() => sent(sender)));
}
await pool.query('drop table bench_messages; drop schema conversations cascade; drop schema signalbox cascade');
await pool.end();
await link.stop();
const rate = (spent: number): number => Math.round((TURNS * PER_TURN) / spent);
const ratio = median(times.bare.slice(1).map((spent, at) => spent / (times.sent[at + 1] ?? spent)));
process.stdout.write(
  `${PER_TURN} messages a turn: pg alone ${rate(median(times.bare))}/s, sending ${rate(median(times.sent))}/s, ratio ${ratio.toFixed(2)}\n`,
);

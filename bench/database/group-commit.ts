/**
 * What the port of the database costs: messages that come in turns are stored by a group commit, and the same batches by the
 * client library alone. `node bench/database/group-commit.ts postgresql://user@host/database`, in slices that alternate.
 */
import { Pool } from 'pg';
import { parsePostgresqlUrl } from '../../src/config/postgresql-url.ts';
import { ApplicationDatabase } from '../../src/database/database.ts';
import { DatabaseLink } from '../../src/database/link.ts';
import { PostgresqlDriver } from '../../src/database/postgresql-driver.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../src/telemetry/system-clock.ts';
import { againstBare, columns, makeBareTable, type Message } from './bare.ts';

const PER_TURN = Number(process.argv[3] ?? 100);
const [, , url = ''] = process.argv;

let made = 0;
function turn(): Message[] {
  return Array.from({ length: PER_TURN }, () => {
    made += 1;
    const payload = JSON.stringify({ text: `message ${made} `.padEnd(120, '.') });
    return { conversation: `c-${made % 20}`, sender: `u-${made % 100}`, clientId: String(made), payload };
  });
}

const address = parsePostgresqlUrl(url);
const pool = new Pool({
  host: address.host,
  port: address.port,
  user: address.user,
  database: address.database,
  password: address.password ?? '',
});
const bare = { name: 'pg', query: (text: string, values?: unknown[]) => pool.query(text, values) };
await makeBareTable(bare);
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
const line = await againstBare(bare, 'group commit', turn, (messages) =>
  Promise.all(messages.map((message) => group.put(message))),
);
await pool.query('drop table bench_messages');
await pool.end();
await link.stop();
process.stdout.write(`${line}\n`);

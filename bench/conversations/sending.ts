/**
 * What the sending transaction costs: messages that come in turns are stored by it, and the same batches by the client library
 * alone into a table of the same width. `node bench/conversations/sending.ts postgresql://user@host/database 100`, in slices
 * that alternate. The database is one for trying out: its schema `conversations` is dropped.
 */
import { Pool } from 'pg';
import { senderOf } from '../../src/apps/conversations/sending.ts';
import { parsePostgresqlUrl } from '../../src/config/postgresql-url.ts';
import { ApplicationDatabase } from '../../src/database/database.ts';
import { DatabaseLink } from '../../src/database/link.ts';
import { migrate } from '../../src/database/migrate.ts';
import { readMigrations } from '../../src/database/migration.ts';
import { PostgresqlDriver } from '../../src/database/postgresql-driver.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../src/telemetry/system-clock.ts';
import { againstBare, makeBareTable, type Message } from '../database/bare.ts';

const [, , url = '', given = '100'] = process.argv;
const PER_TURN = Number(given);
const CONVERSATIONS = 20;
const MEMBERS = 5;

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

const address = parsePostgresqlUrl(url);
const { host, port, user, database: name } = address;
const pool = new Pool({ host, port, user, database: name, password: address.password ?? '' });
await pool.query('drop schema if exists conversations cascade; drop schema if exists signalbox cascade');
await makeBareTable(pool);
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
const line = await againstBare(pool, 'sending', turn, async (messages) => {
  for (const answer of await Promise.all(messages.map((message) => sender.put({ tenant: '', ...message }))))
    if (typeof answer === 'string') throw new Error(`expected it to be stored, got ${answer}`);
});
await pool.query('drop table bench_messages; drop schema conversations cascade; drop schema signalbox cascade');
await pool.end();
await link.stop();
process.stdout.write(`${line}\n`);

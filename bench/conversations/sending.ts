/**
 * What the sending transaction costs: messages that come in turns are stored by it, and the same batches by the library of the
 * database alone into a table of the same width. `node bench/conversations/sending.ts postgresql://user@host/database 100`, in
 * slices that alternate. The database is one for trying out: its schema `conversations` is dropped. `memory` and `folder`
 * in place of the URL: the database in the process.
 */
import { senderOf } from '../../src/apps/conversations/sending.ts';
import { ApplicationDatabase } from '../../src/database/database.ts';
import { DatabaseLink } from '../../src/database/link.ts';
import { migrate } from '../../src/database/migrate.ts';
import { readMigrations } from '../../src/database/migration.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../src/telemetry/system-clock.ts';
import { againstBare, makeBareTable, type Message } from '../database/bare.ts';
import { openBoth } from './databases.ts';

const [, , place = '', given = '100'] = process.argv;
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

const { bare, driver, close } = await openBoth(place);
for (const schema of ['conversations', 'signalbox']) await bare.query(`drop schema if exists ${schema} cascade`);
await makeBareTable(bare);
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
await bare.query(`insert into conversations.conversations (tenant, id, kind, epoch, created_by)
  select '', 'c-' || n, 'group', 'e', 'u-0' from generate_series(0, ${CONVERSATIONS - 1}) as n`);
await bare.query(`insert into conversations.members (tenant, conversation, user_id)
  select '', 'c-' || n, 'u-' || m from generate_series(0, ${CONVERSATIONS - 1}) as n, generate_series(0, ${MEMBERS - 1}) as m`);
const sender = senderOf(new ApplicationDatabase('conversations', link, scheduler));
const line = await againstBare(bare, 'sending', turn, async (messages) => {
  for (const answer of await Promise.all(messages.map((message) => sender.put({ tenant: '', ...message }))))
    if (typeof answer === 'string') throw new Error(`expected it to be stored, got ${answer}`);
});
await bare.query('drop table bench_messages');
for (const schema of ['conversations', 'signalbox']) await bare.query(`drop schema ${schema} cascade`);
await link.stop();
await close();
process.stdout.write(`${line}\n`);

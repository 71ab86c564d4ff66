/** The assistant on two nodes that are processes: both see the same, and one of them is killed in the middle of an answer. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startChatModel, type ChatModel } from '../fakes/chat-model.ts';
import { connect, type Connection } from '../harness/client.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { startProcess, type ServerProcess } from '../harness/process.ts';
import { startRedis, type RedisServer } from '../harness/redis-server.ts';

const TEST_MS = 90_000;

interface Live {
  readonly event: string;
  readonly attempt?: number;
  readonly from?: number;
  readonly text?: string;
  readonly status?: string;
  readonly content?: string;
}

describe.skipIf(POSTGRESQL === null)('the assistant on two nodes', () => {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-assistant-'));
  let model: ChatModel;
  let postgresql: PostgresqlServer;
  let redis: RedisServer;
  let database: string;
  let one: ServerProcess;
  let two: ServerProcess;
  beforeAll(async () => {
    [model, postgresql, redis] = await Promise.all([startChatModel(), startPostgresql(), startRedis()]);
    const file = join(directory, 'signalbox.toml');
    const url = await postgresql.database();
    database = new URL(url).pathname.slice(1);
    const lines = [
      `[database]\nurl = "${url}"\nmigrate = true`,
      `[redis]\nurl = "${redis.url}"`,
      '[apps.conversations]\nonline = false',
      `[apps.assistant]\nprovider = "openai"\nbase_url = "${model.url}"\nmodel = "m"`,
      'first_delta_ms = 60000\nsilence_ms = 60000',
    ];
    writeFileSync(file, lines.join('\n'));
    const start = (name: string, ...more: string[]): Promise<ServerProcess> =>
      startProcess(['--config', file, '--set', `server.node_name=${name}`, ...more]);
    [one, two] = await Promise.all([start('n1'), start('n2')]);
  }, TEST_MS);
  afterAll(() => {
    for (const server of [one, two]) server.signal('SIGKILL');
    model.stop();
    postgresql.end();
    redis.end();
    rmSync(directory, { recursive: true });
  });

  const begin = async (client: Connection): Promise<string> => {
    const { data } = await client.ask('X-AssistantBegin', {});
    return (data.details as { id: string }).id;
  };
  const rows = (text: string): ReturnType<PostgresqlServer['query']> => postgresql.query(text, database);
  /** What a reader has of an answer when it has ended, or when it has this much of it. */
  const follow = async (
    client: Connection,
    isEnough: (text: string) => boolean = () => false,
  ): Promise<{ text: string; end: Live | null; stored: string[] }> => {
    let text = '';
    const stored: string[] = [];
    for (;;) {
      const [frame] = await client.take(1);
      const payload = frame?.data.payload as Live;
      if (frame?.data.sequence !== undefined) stored.push(payload.content ?? '');
      else if (payload.event === 'answer.delta') text = text.slice(0, payload.from) + (payload.text ?? '');
      else if (payload.event === 'answer.end') return { text, end: payload, stored };
      if (isEnough(text)) return { text, end: null, stored };
    }
  };

  test(
    'L-36: two connections of a user on two nodes see the same answer while it grows, and either of them stops it',
    { timeout: TEST_MS },
    async () => {
      const [here, there] = await Promise.all([one, two].map(({ port }) => connect(port, { user: 'ada' })));
      if (here === undefined || there === undefined) throw new Error('expected two connections');
      const session = await begin(here);
      await Promise.all([here, there].map((client) => client.status('subscribed')));
      await here.ask('X-AssistantAsk', { session, content: 'Are you there?' });
      const asked = await model.asked();
      asked.say('Yes, ', 'on both ');
      const half = (text: string): boolean => text === 'Yes, on both ';
      expect(await Promise.all([here, there].map((client) => follow(client, half)))).toMatchObject([
        { text: 'Yes, on both ' },
        { text: 'Yes, on both ' },
      ]);
      asked.say('nodes.');
      asked.end();
      for (const client of [here, there])
        expect(await follow(client)).toMatchObject({ end: { status: 'done' }, stored: ['Yes, on both nodes.'] });
      await here.ask('X-AssistantAsk', { session, content: 'Go on.' });
      const further = await model.asked();
      further.say('And so ');
      await follow(there, (text) => text === 'And so ');
      expect((await there.ask('X-AssistantStop', { session })).data.details).toEqual({ wasRunning: true });
      await further.left;
      for (const client of [here, there])
        expect(await follow(client)).toMatchObject({
          end: { status: 'stopped' },
          stored: expect.arrayContaining(['And so ']) as string[],
        });
    },
  );

  test(
    'L-36: a node is killed in the middle of an answer: the other one says that it is interrupted, nothing of it is a message, and it is asked for again',
    { timeout: TEST_MS },
    async () => {
      const [bob, other] = await Promise.all([one, two].map(({ port }) => connect(port, { user: 'bob' })));
      if (bob === undefined || other === undefined) throw new Error('expected two connections');
      const session = await begin(bob);
      await other.status('subscribed');
      await bob.ask('X-AssistantAsk', { session, content: 'What is it worth?' });
      const asked = await model.asked();
      asked.say('It is worth one ');
      const half = (text: string): boolean => text === 'It is worth one ';
      await follow(other, half);
      one.signal('SIGKILL');
      await Promise.all([one.exited, asked.left]);
      // Nobody has said yet that it is over.
      const late = await connect(two.port, { user: 'bob' });
      await late.status('subscribed');
      expect((await late.ask('X-AssistantCurrent', { session })).data.details).toEqual({
        answer: { question: 1, attempt: 1 },
      });
      for (const client of [other, late])
        expect(await follow(client)).toMatchObject({ end: { status: 'interrupted', question: 1, attempt: 1 } });
      expect(await rows("select status, message from assistant.answers where user_id = 'bob'")).toEqual([
        { status: 'interrupted', message: null },
      ]);
      const again = await late.ask('X-AssistantAgain', { session });
      expect(again.data.details).toEqual({ session, question: 1, attempt: 2 });
      const further = await model.asked();
      further.say('It is worth one million.');
      further.end();
      const whole = {
        end: { status: 'done', attempt: 2 },
        text: 'It is worth one million.',
        stored: ['It is worth one million.'],
      };
      for (const client of [other, late]) expect(await follow(client)).toMatchObject(whole);
    },
  );
});

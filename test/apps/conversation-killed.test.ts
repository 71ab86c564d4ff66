/**
 * D-11 with real kills: a node on PostgreSQL and Redis ends by SIGKILL at 20 points between its steps, and is started again. The
 * other node and its client stay. Whatever was confirmed is in the table, in pages and at its reader, once. The suite has four of
 * the points, because twenty starts take minutes. All: KILLS=1 vitest run test/apps/conversation-killed.test.ts
 */
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { builtFiles } from '../harness/built-server.ts';
import { connect, type Connection } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import type { Frame } from '../harness/frames.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { startScript, type ServerProcess } from '../harness/process.ts';
import { startRedis } from '../harness/redis-server.ts';
import { SETTINGS, startServer } from '../harness/server.ts';

/** So many starts find a busy machine at times. */
const START_MS = 120_000;
const NODE = fileURLToPath(new URL('../harness/killed-node.ts', import.meta.url));
const POINTS = process.env['KILLS'] === undefined ? 4 : 20;
/** The relay looks once a second, and less often for what could not be appended at once. */
const RELAYED_MS = 90_000;

type Outcome = 'confirmed' | 'unknown' | 'not tried';

interface Operation {
  readonly name: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  outcome: Outcome;
  sequence: number | null;
}

interface View {
  readonly sequence: number;
  readonly n: number;
  readonly content?: string;
  readonly deleted?: true;
  readonly reactions?: readonly { readonly emoji: string; readonly count: number }[];
}

/** Each list at once, the next one when all of it was answered. */
function workOf(conversation: string): readonly (readonly Operation[])[] {
  const one = (name: string, type: string, data: object): Operation => ({
    name,
    type,
    data: { conversation, ...data },
    outcome: 'not tried',
    sequence: null,
  });
  const say = (at: number, more: object = {}): Operation =>
    one(`say ${at}`, 'X-ConversationSend', { clientId: `c-${at}`, content: `message ${at}`, ...more });
  return [
    [say(1)],
    [say(2, { mentions: ['bob'] }), say(3), say(4)],
    [one('edit', 'X-ConversationEdit', { sequence: 1, content: 'message 1, edited' })],
    [one('react', 'X-ConversationReact', { sequence: 1, emoji: '👍' })],
    [one('delete', 'X-ConversationDelete', { sequence: 2 })],
    [one('add', 'X-ConversationAddMembers', { users: ['dan'] })],
    [say(5, { parent: 1 })],
  ];
}

async function perform(ada: Connection, work: readonly (readonly Operation[])[]): Promise<void> {
  const tell = async (operation: Operation): Promise<void> => {
    operation.outcome = 'unknown';
    const { type, data } = await ada.ask(operation.type, operation.data);
    if (type !== 'Status') throw new Error(`${operation.name}: ${JSON.stringify(data)}`);
    operation.outcome = 'confirmed';
    operation.sequence = (data.details as { readonly sequence?: number }).sequence ?? null;
  };
  for (const together of work) {
    const answers = await Promise.allSettled(together.map(tell));
    for (const answer of answers)
      if (answer.status === 'rejected' && !ada.isClosed) throw new Error(String(answer.reason));
    if (ada.isClosed) return;
  }
}

const numbers = (to: number): number[] => Array.from({ length: to }, (_, at) => at + 1);

/** Of the topic, at a client that has been there all the time. */
function sequencesOf(frames: readonly Frame[], conversation: string): unknown[] {
  return frames
    .filter(({ type, data }) => type === 'Broadcast' && data.topic === `conversation.${conversation}`)
    .map(({ data }) => data.sequence);
}

class Rounds {
  private readonly postgresql: PostgresqlServer;
  private readonly settings: Readonly<Record<string, string>>;
  private readonly bob: Connection;
  private node: ServerProcess;

  constructor(parts: {
    readonly postgresql: PostgresqlServer;
    readonly settings: Readonly<Record<string, string>>;
    readonly bob: Connection;
    readonly node: ServerProcess;
  }) {
    ({ postgresql: this.postgresql, settings: this.settings, bob: this.bob, node: this.node } = parts);
  }

  /** @param point step at which the node ends @returns how many steps there were, when it did not */
  async run(point: number): Promise<number> {
    const ada = await connect(this.node.port, { user: 'ada' });
    const made = await ada.ask('X-ConversationCreate', { kind: 'group', name: 'Trip', members: ['bob', 'cyd'] });
    const { id } = (made.data.details as { readonly conversation: { readonly id: string } }).conversation;
    const work = workOf(id);
    await this.arm(point);
    await perform(ada, work);
    const steps = ada.isClosed ? 0 : await this.steps();
    if (ada.isClosed) {
      expect(await this.node.exited).toBe(null);
      this.node = await startScript(NODE, [JSON.stringify(this.settings), builtFiles()], START_MS);
    } else await this.arm(0);
    const operations = work.flat();
    const back = await connect(this.node.port, { user: 'ada' });
    // Every other time nobody asks again what became of it.
    if (point % 2 === 0)
      for (const { type, data } of operations.filter((it) => it.type === 'X-ConversationSend'))
        if ((await back.ask(type, data)).type !== 'Status') throw new Error('expected a send to be taken again');
    await this.check(point, id, operations, back);
    await back.close();
    return steps;
  }

  async stop(): Promise<void> {
    await this.node.end();
  }

  private async check(point: number, id: string, operations: readonly Operation[], reader: Connection): Promise<void> {
    const table = await this.postgresql.query(
      `select sequence, message from conversations.events where conversation = '${id}' order by sequence`,
      'test_1',
    );
    const sequences = table.map((row) => Number(row['sequence']));
    expect(sequences, `point ${point}`).toEqual(numbers(sequences.length));
    const counted = table.flatMap((row) => (row['message'] === null ? [] : [Number(row['message'])]));
    expect(counted, `point ${point}`).toEqual(numbers(counted.length));
    const confirmed = operations.flatMap(({ outcome, sequence }) => (outcome === 'confirmed' ? [sequence] : []));
    for (const sequence of confirmed)
      if (sequence !== null) expect(sequences, `point ${point}: confirmed`).toContain(sequence);
    await eventually(
      () => sequencesOf(this.bob.frames, id).length >= sequences.length,
      `point ${point}: everything at the reader on the other node`,
      RELAYED_MS,
    );
    expect(sequencesOf(this.bob.frames, id), `point ${point}`).toEqual(sequences);
    const mentions = this.bob.frames.filter(
      ({ type, data }) =>
        type === 'DirectMessage' && JSON.stringify(data.payload).includes(`"mention","conversation":"${id}"`),
    );
    expect(mentions.length, `point ${point}`).toBeLessThan(2);
    const { data } = await reader.ask('X-ConversationMessages', { conversation: id });
    this.checkPage(point, (data.details as { readonly messages: readonly View[] }).messages, operations);
  }

  private checkPage(point: number, page: readonly View[], operations: readonly Operation[]): void {
    const by = (name: string): Operation => operations.find((it) => it.name === name) as Operation;
    const said = page.flatMap(({ content }) => (content === undefined ? [] : [content.replace(', edited', '')]));
    expect(new Set(said).size, `point ${point}: ${said.join()}`).toBe(said.length);
    for (const operation of operations) {
      if (operation.type !== 'X-ConversationSend' || operation.outcome !== 'confirmed') continue;
      const view = page.find(({ sequence }) => sequence === operation.sequence);
      expect(view, `point ${point}, ${operation.name}`).toBeDefined();
      if (view?.deleted !== true)
        expect(view?.content?.replace(', edited', ''), `point ${point}`).toBe(operation.data['content']);
    }
    const at = (sequence: number): View | undefined => page.find((view) => view.sequence === sequence);
    const seen: Readonly<Record<string, boolean>> = {
      edit: at(1)?.content === 'message 1, edited',
      react: at(1)?.reactions?.some(({ emoji, count }) => emoji === '👍' && count === 1) === true,
      delete: at(2)?.deleted === true,
    };
    for (const [name, isSeen] of Object.entries(seen)) {
      if (by(name).outcome === 'unknown') continue;
      expect(isSeen, `point ${point}, ${name}`).toBe(by(name).outcome === 'confirmed');
    }
  }

  private async arm(point: number): Promise<void> {
    await fetch(`http://127.0.0.1:${this.node.port}/apps/killer/arm/${point}`, { method: 'POST' });
  }

  private async steps(): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${this.node.port}/apps/killer/steps`);
    return ((await answer.json()) as { readonly steps: number }).steps;
  }
}

test.skipIf(POSTGRESQL === null)(
  `D-11: killed at ${POINTS} points by a real SIGKILL, a node that is started again has lost nothing that was confirmed, and nothing is there twice`,
  { timeout: 900_000 },
  async () => {
    const [postgresql, redis] = await Promise.all([startPostgresql(), startRedis()]);
    onTestFinished(() => {
      postgresql.end();
      redis.end();
    });
    const shared = {
      'database.url': await postgresql.database(),
      'database.migrate': 'true',
      'redis.url': redis.url,
      'rate_limiting.enabled': 'false',
      'apps.conversations.online': 'false',
    };
    const settings = { ...SETTINGS, ...shared, 'server.node_name': 'victim', 'logging.level': 'info' };
    const other = await startServer({ ...shared, 'server.node_name': 'other' }, [app]);
    const bob = await connect(other.port, { user: 'bob' });
    const node = await startScript(NODE, [JSON.stringify(settings), builtFiles()], START_MS);
    const rounds = new Rounds({ postgresql, settings, bob, node });
    const steps = await rounds.run(1e9);
    expect(steps).toBeGreaterThan(POINTS);
    let killed = 0;
    for (let at = 0; at < POINTS; at += 1) {
      // The last points of a run may be those of work that nobody waits for: a run in which they do not come proves less.
      if ((await rounds.run(1 + Math.floor((at * steps) / POINTS))) === 0) killed += 1;
    }
    expect(killed).toBe(POINTS);
    await rounds.stop();
  },
);

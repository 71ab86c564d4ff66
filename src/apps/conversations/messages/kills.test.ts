/**
 * D-11: a node is killed at every point between two steps that others can see, one after the other, and another node goes on
 * from there. Whatever was confirmed is in the history and in the log, once; what was deleted is in neither.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pgliteFolder } from '../../../../test/harness/pglite-folder.ts';
import { ApplicationDatabase } from '../../../database/database.ts';
import type { DatabaseDriver, Session } from '../../../database/driver.ts';
import { DatabaseLink } from '../../../database/link.ts';
import { readMigrations } from '../../../database/migration.ts';
import { openPGlite } from '../../../database/pglite-driver.ts';
import { openDatabaseOf, type TestDatabase } from '../../../database/test-rig.ts';
import { isRefusal } from '../../../protocol/errors.ts';
import { silentLog as log } from '../../../telemetry/log.ts';
import { systemClock as clock, systemScheduler as scheduler } from '../../../telemetry/system-clock.ts';
import type { Outgoing } from '../../host-api.ts';
import { Relay } from '../relay.ts';
import { readPage, unappended } from '../store.ts';
import { published } from './payload.ts';
import { edit } from './edit.ts';
import { react } from './react.ts';
import { remove } from './remove.ts';
import { send } from './send.ts';
import { actorOf, makeConversation, rigOf } from './test-rig.ts';
import type { MessagePorts } from './ports.ts';

/** What all nodes share: the log of the conversation's topic, and inboxes. */
class Log {
  readonly entries = new Map<number, string>();
  readonly inbox = new Set<string>();
  readonly epoch: string;
  head = 0;

  constructor(epoch: string) {
    this.epoch = epoch;
  }

  /** @returns whether it is there: nothing is appended behind a hole */
  append({ at, payload }: Outgoing): boolean {
    const sequence = at?.sequence ?? 0;
    if (sequence > this.head + 1) return false;
    if (sequence <= this.head) return true;
    this.head = sequence;
    this.entries.set(sequence, JSON.stringify(payload));
    return true;
  }

  withdraw(upTo: number): void {
    for (const sequence of this.entries.keys()) if (sequence <= upTo) this.entries.delete(sequence);
  }
}

/** Counts the steps of a node, and ends it at one of them: then it does nothing and answers nothing any more. */
class Life {
  steps = 0;
  private isCounting = false;
  readonly killed: Promise<'killed'>;
  private readonly dies: number;
  private isDead = false;
  private readonly die: (word: 'killed') => void;

  constructor(dies: number) {
    this.dies = dies;
    const { promise, resolve } = Promise.withResolvers<'killed'>();
    this.killed = promise;
    this.die = resolve;
  }

  begin(): void {
    this.isCounting = true;
  }

  /** @param last what the machine does without the process: a connection that breaks */
  async step(last: () => unknown = () => {}): Promise<void> {
    if (!this.isCounting) return;
    this.steps += 1;
    if (!this.isDead && this.steps < this.dies) return;
    await last();
    this.isDead = true;
    this.die('killed');
    await new Promise(() => {});
  }
}

function mortal(driver: DatabaseDriver, life: Life): DatabaseDriver {
  const sessionOf = (session: Session): Session => {
    let isOpen = false;
    const broken = async (): Promise<void> => {
      if (isOpen) await session.rollback();
      session.release();
    };
    return {
      query: async (text, values) => {
        const rows = await session.query(text, values);
        // Alone, what changes something was committed. After a read nothing is otherwise than before it.
        if (!isOpen && !text.startsWith('select ')) await life.step(broken);
        return rows;
      },
      script: (text) => session.script(text),
      begin: async (mode) => {
        await session.begin(mode);
        isOpen = true;
      },
      commit: async () => {
        await life.step(broken);
        await session.commit();
        isOpen = false;
        await life.step(broken);
      },
      rollback: () => session.rollback(),
      release: () => session.release(),
    };
  };
  return {
    name: driver.name,
    place: driver.place,
    acquire: async () => sessionOf(await driver.acquire()),
    usage: () => driver.usage(),
    stop: () => Promise.resolve(),
  };
}

let driver: DatabaseDriver;
let whole: TestDatabase;
beforeAll(async () => {
  driver = await openPGlite({ folder: await pgliteFolder(), waitMs: 30_000, maxWaiting: 1_000 }, scheduler);
  const { migrations } = readMigrations('conversations', new URL('../migrations/', import.meta.url));
  whole = await openDatabaseOf('conversations', driver, migrations);
}, 60_000);
afterAll(() => whole.link.stop());

interface Node {
  readonly ports: MessagePorts;
  readonly relay: () => Promise<void>;
}

async function startNode(shared: Log, life: Life): Promise<Node> {
  const link = new DatabaseLink(mortal(driver, life), { clock, scheduler, log, prepare: async () => [] });
  await link.start();
  const database = new ApplicationDatabase('conversations', link, scheduler);
  const { ports } = rigOf(database);
  const host = {
    ...ports.host,
    publish: async (_: string, message: Outgoing) => {
      const isAppended = shared.append(message);
      await life.step();
      const refused = ports.host.refuse('outcome_unknown', 'expected what is before it');
      return isAppended ? { id: '', position: message.at ?? null, duplicate: false } : refused;
    },
    withdraw: async (_: string, upTo: number) => {
      shared.withdraw(upTo);
      await life.step();
      return null;
    },
    directMessage: async (_: unknown, { idempotencyKey = '' }: { readonly idempotencyKey?: string }) => {
      shared.inbox.add(idempotencyKey);
      await life.step();
      return { id: '', position: null, duplicate: false };
    },
    logPosition: () => Promise.resolve({ epoch: shared.epoch, sequence: shared.head }),
    // The test says when.
    scheduler: { ...scheduler, every: () => ({ cancel: () => {} }) },
  };
  life.begin();
  const relay = async (): Promise<void> => {
    const own = new Relay(host, database, { changed: async () => {}, begun: async () => {} });
    await own.begin();
    await own.begin(0);
  };
  return { ports: { ...ports, host }, relay };
}

const ada = actorOf('ada');

/** What a client does, one after the other, each when the one before was confirmed. */
const STEPS: readonly ((ports: MessagePorts, conversation: string) => Promise<object>)[] = [
  (ports, conversation) =>
    send(ports, ada, { conversation, clientId: 'a', body: { content: 'the first secret', mentions: ['bob'] } }),
  (ports, conversation) => edit(ports, ada, { conversation, sequence: 1, content: 'the second secret' }),
  (ports, conversation) => send(ports, ada, { conversation, clientId: 'b', body: { content: 'stays' } }),
  (ports, conversation) => react(ports, ada, { conversation, sequence: 3, emoji: '👍' }),
  (ports, conversation) => send(ports, ada, { conversation, clientId: 'c', body: { content: 'and this' } }),
  (ports, conversation) => remove(ports, ada, { conversation, sequence: 1 }),
];

async function doAll(node: Node, conversation: string, confirmed: { count: number }): Promise<void> {
  for (const step of STEPS.slice(confirmed.count)) {
    const answer = await step(node.ports, conversation);
    if (isRefusal(answer)) throw new Error(`expected a confirmation, got ${answer.message}`);
    confirmed.count += 1;
  }
  await node.relay();
}

/** @returns how many steps there were */
async function liveAndDie(dies: number): Promise<number> {
  const conversation = await makeConversation(whole.database);
  const id = { tenant: '', id: conversation };
  const range = { after: 0, before: 100, limit: 100 };
  const shared = new Log((await readPage(whole.database, id, range))?.epoch ?? '');
  const life = new Life(dies);
  const confirmed = { count: 0 };
  await Promise.race([doAll(await startNode(shared, life), conversation, confirmed), life.killed]);
  const before = confirmed.count;
  const kept = await readPage(whole.database, id, range);
  const contents = JSON.stringify(kept?.messages);
  if (before >= 1) expect(kept?.messages[0]?.clientId).toBe('a');
  if (before >= 3) expect(contents).toContain('stays');
  if (before >= 5) expect(contents).toContain('and this');
  if (before >= 6) expect(contents).not.toContain('secret');
  // Another node, to which the client repeats what nobody has confirmed.
  await doAll(await startNode(shared, new Life(Infinity)), conversation, confirmed);
  expect((await unappended(whole.database, 0, 1_000)).filter((it) => it.id === conversation)).toEqual([]);
  const { messages = [], head = 0 } = (await readPage(whole.database, id, range)) ?? {};
  expect(messages.map(({ n }) => n).filter((n) => n !== null)).toEqual([1, 2, 3]);
  expect(messages).toHaveLength(6);
  expect(shared.head).toBe(head);
  const inTable = new Map(
    messages.map(({ sequence, n, payload }) => [sequence, JSON.stringify(published(payload, n))]),
  );
  for (const [sequence, text] of shared.entries) expect(text).toBe(inTable.get(sequence));
  expect([...shared.entries.keys()]).toContain(head);
  expect(`${[...shared.entries.values()].join()} ${[...inTable.values()].join()}`).not.toContain('secret');
  expect([...shared.inbox]).toEqual([`mention.${conversation}.1`]);
  return life.steps;
}

test('D-11: killed at each of 20 points and more, a node loses nothing that was confirmed, and what was deleted does not come back', async () => {
  const points = await liveAndDie(Infinity);
  // Commits, messages to the log, inboxes, withdrawals and marks.
  expect(points).toBeGreaterThanOrEqual(20);
  for (let at = 1; at <= points; at += 1) await liveAndDie(at);
}, 60_000);

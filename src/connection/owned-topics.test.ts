/** Messages that the owner of a topic sees before they are published, changes, or stores under its own sequence. */
import { beforeEach, describe, expect, test } from 'vitest';
import { refusal } from '../protocol/errors.ts';
import { appendStored } from '../service/owned-append.ts';
import { registerOwners } from '../service/register-owners.ts';
import { EPOCH, TestOwner } from '../service/test-rig-owner.ts';
import type { StoredAt } from '../service/topic-owners.ts';
import { TestRig } from './test-rig.ts';
import { flow, type TestClient } from './test-rig-client.ts';

const TOPIC = 'poll.1';
const TIMEOUT_SECS = 2;

let rig: TestRig;
let client: TestClient;
let owner: TestOwner;

beforeEach(() => {
  rig = new TestRig({ limits: { decisionTimeoutMs: TIMEOUT_SECS * 1_000 }, keep: { messages: 5 } });
  client = rig.connect();
  owner = new TestOwner({ publishes: true });
  registerOwners(rig.context, owner);
});

/** Publishes, and answers the id of the frame: the owner has it. */
function send(who: TestClient, payload: unknown, key?: string): string {
  return who.send('Broadcast', { topic: TOPIC, payload, ...(key !== undefined && { idempotency_key: key }) });
}

/** The owner stores the message that waits the longest, and says so. */
function store(): StoredAt {
  const submitted = owner.submitted.shift();
  if (submitted === undefined) throw new Error('nothing waits for the owner');
  const stored = owner.table.store(submitted.draft, rig.clock.now());
  submitted.reply(stored);
  rig.settle();
  return stored;
}

function publishMany(count: number): void {
  for (let at = 0; at < count; at += 1) {
    send(client, at + 1);
    store();
  }
}

describe('a message that the owner accepts', () => {
  test('is published as the owner has changed it', () => {
    const bob = rig.connect('bob');
    bob.subscribe(TOPIC);
    const id = send(client, 'bad words');
    expect(rig.broker.calls.publish).toBe(0);
    const [submitted] = owner.submitted;
    submitted?.reply({ ...submitted.draft, payload: '"good words"' });
    rig.settle();
    expect(flow(client.repliesTo(id))).toEqual(['Ack delivered']);
    expect(bob.take().map(({ data }) => data['payload'])).toEqual(['good words']);
  });

  test('or is refused, with the reason of the owner', () => {
    const id = send(client, 1);
    owner.submitted[0]?.reply(refusal('not_allowed', 'the poll is over'));
    expect(client.repliesTo(id)[0]?.data).toMatchObject({ code: 403, message: 'the poll is over' });
  });

  test('keeps its place among the messages of its sender', () => {
    const bob = rig.connect('bob');
    bob.subscribe(TOPIC, 'chat.a');
    send(client, 1);
    client.send('Broadcast', { topic: 'chat.a', payload: 2 });
    rig.settle();
    expect(bob.take()).toEqual([]);
    const [submitted] = owner.submitted;
    submitted?.reply(submitted.draft);
    rig.settle();
    expect(bob.take().map(({ data }) => data['payload'])).toEqual([1, 2]);
  });
});

describe('a message that the owner has stored', () => {
  test('is appended and acknowledged at the sequence of the owner, with the id that its history gives', () => {
    const bob = rig.connect('bob');
    bob.subscribe(TOPIC);
    const id = send(client, 'a');
    store();
    const [ack] = client.repliesTo(id);
    expect(ack?.data).toMatchObject({ status: 'delivered', epoch: EPOCH, sequence: 1 });
    const [message] = bob.take();
    expect(message).toMatchObject({ id: ack?.data['id'], data: { epoch: EPOCH, sequence: 1, payload: 'a' } });
    owner.table.read(TOPIC, 0, 2, 1, (page) =>
      expect('publications' in page && page.publications[0]?.id).toBe(ack?.data['id']),
    );
  });

  test('is acknowledged at its first place when it is sent again, and there is one of it', () => {
    const first = send(client, 'a', 'key');
    store();
    const again = send(client, 'a', 'key');
    store();
    expect(client.repliesTo(again)[0]?.data).toMatchObject({
      status: 'duplicate',
      sequence: 1,
      id: client.repliesTo(first)[0]?.data['id'],
    });
    expect(rig.position(TOPIC)).toEqual({ epoch: EPOCH, sequence: 1 });
  });

  test('comes into the log also when its sender has gone, or was told that the answer took too long', () => {
    publishMany(1);
    send(client, 'gone');
    client.link.break();
    store();
    expect(rig.position(TOPIC).sequence).toBe(2);
    const bob = rig.connect('bob');
    const late = send(bob, 'late');
    rig.pass(TIMEOUT_SECS);
    expect(bob.repliesTo(late)[0]?.data).toMatchObject({ code: 503, reason: 'outcome_unknown' });
    store();
    expect(rig.position(TOPIC).sequence).toBe(3);
  });

  test('fills what the log lacks before it: answers come in another order than numbers', () => {
    const bob = rig.connect('bob');
    publishMany(1);
    bob.subscribe(TOPIC);
    const ada = send(client, 'two');
    const eve = rig.connect('eve');
    const third = send(eve, 'three');
    const stored = owner.submitted.splice(0).map(({ draft, reply }) => ({
      reply,
      row: owner.table.store(draft, rig.clock.now()),
    }));
    for (const { reply, row } of stored.toReversed()) reply(row);
    rig.settle();
    expect(bob.take().map(({ data }) => [data['sequence'], data['payload']])).toEqual([
      [2, 'two'],
      [3, 'three'],
    ]);
    expect(client.repliesTo(ada)[0]?.data).toMatchObject({ status: 'delivered', sequence: 2 });
    expect(eve.repliesTo(third)[0]?.data).toMatchObject({ status: 'delivered', sequence: 3 });
  });

  test('a longer hole is filled page by page', () => {
    publishMany(1);
    const draft = { from: 'ada', clientId: undefined, trace: undefined, idempotencyKey: undefined };
    for (let at = 2; at <= 250; at += 1) owner.table.store({ ...draft, payload: String(at) }, rig.clock.now());
    send(client, 251);
    store();
    expect(rig.position(TOPIC)).toEqual({ epoch: EPOCH, sequence: 251 });
  });

  test('appending it again changes nothing, on any node', () => {
    publishMany(3);
    const answers: unknown[] = [];
    for (const row of owner.table.rows)
      appendStored(rig.broker, TOPIC, owner.owner, row, (answer) => answers.push('position' in answer));
    expect(answers).toEqual([true, true, true]);
    expect(rig.position(TOPIC).sequence).toBe(3);
  });

  test('is appended once more when the answer of the log was lost, and is there once', () => {
    const append = rig.broker.inner.append.bind(rig.broker.inner);
    let calls = 0;
    rig.broker.inner.append = (topic, position, timestamp, draft, reply) => {
      calls += 1;
      const lost = calls === 1;
      append(topic, position, timestamp, draft, (answer) =>
        reply(lost ? refusal('outcome_unknown', 'the answer was lost') : answer),
      );
    };
    const id = send(client, 'a');
    store();
    expect(calls).toBe(2);
    expect(client.repliesTo(id)[0]?.data).toMatchObject({ status: 'delivered', sequence: 1 });
    expect(rig.position(TOPIC).sequence).toBe(1);
  });

  test('is not told to be nowhere when the log is away: sent again, it comes to its place', () => {
    const bob = rig.connect('bob');
    bob.subscribe(TOPIC);
    rig.broker.refuses.set('append', refusal('log_unavailable', 'Redis is away', 200));
    const first = send(client, 'a', 'key');
    store();
    expect(client.repliesTo(first)[0]?.data).toMatchObject({ reason: 'outcome_unknown', retry_after_ms: 200 });
    rig.broker.refuses.clear();
    const again = send(client, 'a', 'key');
    store();
    expect(client.repliesTo(again)[0]?.data).toMatchObject({ status: 'duplicate', sequence: 1 });
    expect(flow(bob.take())).toEqual([`${TOPIC} 1`]);
  });

  test('what was not appended comes with the next message of anybody', () => {
    publishMany(1);
    rig.broker.refuses.set('append', refusal('log_unavailable', 'Redis is away', 200));
    send(client, 'lost');
    store();
    rig.broker.refuses.clear();
    const bob = rig.connect('bob');
    bob.subscribe(TOPIC);
    send(rig.connect('eve'), 'next');
    store();
    expect(bob.take().map(({ data }) => data['payload'])).toEqual(['lost', 'next']);
  });

  test('an owner without a history cannot fill a hole, and says where it is', () => {
    const draft = { payload: '1', from: 'ada', clientId: undefined, trace: undefined, idempotencyKey: undefined };
    const row = (sequence: number): StoredAt => ({
      position: { epoch: EPOCH, sequence },
      timestamp: rig.clock.now(),
      draft,
      duplicate: false,
    });
    const answers: object[] = [];
    const alone = { ...owner.owner, history: null };
    for (const sequence of [1, 3])
      appendStored(rig.broker, TOPIC, alone, row(sequence), (answer) => answers.push(answer));
    expect(answers).toMatchObject([{ position: { sequence: 1 } }, { reason: 'outcome_unknown' }]);
  });

  test('where the log has another message nobody is told that it was published', () => {
    publishMany(2);
    const row = owner.table.rows[1];
    if (row === undefined) throw new Error('no row');
    const answers: object[] = [];
    const other = { ...row, draft: { ...row.draft, payload: '"other"' } };
    appendStored(rig.broker, TOPIC, owner.owner, other, (answer) => answers.push(answer));
    expect(answers).toMatchObject([{ reason: 'internal' }]);
  });
});

describe('what is older than the log', () => {
  test('history, resume and missed messages go on into the owner’s without a seam', () => {
    publishMany(20);
    const bob = rig.connect('bob');
    const since = { epoch: EPOCH, sequence: 3 };
    const page = bob.askStatus('History', { topic: TOPIC, since, limit: 100 });
    expect(page).toMatchObject({ complete: true });
    expect((page['messages'] as { data: { sequence: number } }[]).map(({ data }) => data.sequence)).toEqual(
      Array.from({ length: 17 }, (_, at) => at + 4),
    );
    bob.take();
    const details = bob.askStatus('Subscribe', { topics: [{ topic: TOPIC, ...since }] });
    rig.settle();
    expect(details).toMatchObject({ recovery: { [TOPIC]: { recovered: true, missed: 17 } } });
    const replayed = bob.take().filter(({ type }) => type !== 'Status');
    expect(flow(replayed)).toEqual(Array.from({ length: 17 }, (_, at) => `${TOPIC} ${at + 4} replayed`));
    const missed = bob.askStatus('GetMissedMessages', { since: { [TOPIC]: since } });
    expect(missed).toMatchObject({ count: 17, complete: true });
  });
});

test('missed messages since a message go on into the owner’s, also where it has withdrawn them from the log', () => {
  const bob = rig.connect('bob');
  bob.subscribe(TOPIC);
  const ids: string[] = [];
  for (let at = 0; at < 12; at += 1) {
    const id = send(client, at + 1);
    store();
    ids.push(String(client.repliesTo(id)[0]?.data['id']));
    rig.pass(60);
  }
  rig.broker.withdraw(TOPIC, 12, () => {});
  rig.settle();
  bob.take();
  const missed = bob.askStatus('GetMissedMessages', { since: ids[3] });
  expect(missed).toMatchObject({ complete: true, topics: { [TOPIC]: { recovered: true, sequence: 12 } } });
  const replayed = bob.take().filter(({ type }) => type === 'Broadcast');
  expect(replayed.map(({ data }) => data['sequence'])).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

describe('a log that is new, or was lost', () => {
  test('stands where the owner is: history, positions and resume know no difference', () => {
    const draft = { payload: '"old"', from: 'ada', clientId: undefined, trace: undefined, idempotencyKey: undefined };
    for (let at = 0; at < 20; at += 1) owner.table.store(draft, rig.clock.now());
    const bob = rig.connect('bob');
    const newest = bob.askStatus('History', { topic: TOPIC, limit: 3, reverse: true });
    expect(newest).toMatchObject({ position: { epoch: EPOCH, sequence: 20 } });
    expect((newest['messages'] as { data: { sequence: number } }[]).map(({ data }) => data.sequence)).toEqual([
      20, 19, 18,
    ]);
    expect(bob.subscribe(TOPIC)).toMatchObject({ positions: { [TOPIC]: { epoch: EPOCH, sequence: 20 } } });
    const eve = rig.connect('eve');
    expect(eve.subscribe({ topic: TOPIC, epoch: EPOCH, sequence: 15 })).toMatchObject({
      recovery: { [TOPIC]: { recovered: true, missed: 5 } },
    });
    send(client, 'new');
    store();
    expect(flow(bob.take())).toEqual([`${TOPIC} 21`]);
    expect(flow(eve.frames.filter(({ type }) => type === 'Broadcast'))).toEqual([
      ...Array.from({ length: 5 }, (_, at) => `${TOPIC} ${at + 16} replayed`),
      `${TOPIC} 21`,
    ]);
    expect(rig.unaccounted()).toBe(0);
  });

  test('that is lost while clients listen costs them nothing, also those who lag', () => {
    const bob = rig.connect('bob', { kernelBytes: 10 });
    bob.subscribe(TOPIC);
    publishMany(3);
    bob.stop();
    publishMany(8);
    rig.forget(TOPIC);
    rig.settle();
    publishMany(1);
    bob.resume();
    const seen = bob.frames.filter(({ type }) => type === 'Broadcast' || type === 'Gap');
    expect(seen.map(({ data }) => [data['epoch'], data['sequence']])).toEqual(
      Array.from({ length: 12 }, (_, at) => [EPOCH, at + 1]),
    );
    expect(rig.unaccounted()).toBe(0);
  });

  /** Two messages are stored; the log gets the second before the first. */
  function appendBackwards(): void {
    send(client, 'one');
    send(rig.connect('eve'), 'two');
    const stored = owner.submitted.splice(0).map(({ draft, reply }) => ({
      reply,
      row: owner.table.store(draft, rig.clock.now()),
    }));
    for (const { reply, row } of stored.toReversed()) reply(row);
    rig.settle();
  }

  const BOTH = [
    [1, 'one'],
    [2, 'two'],
  ];

  function seenBy(reader: TestClient): unknown[] {
    return reader.frames
      .filter(({ type }) => type === 'Broadcast')
      .map(({ data }) => [data['sequence'], data['payload']]);
  }

  test.each([TOPIC, 'poll.*'])(
    'a reader of %s before the first message gets all, whichever is appended first',
    (by) => {
      const bob = rig.connect('bob');
      bob.subscribe(by);
      appendBackwards();
      expect(seenBy(bob)).toEqual(BOTH);
      expect(rig.unaccounted()).toBe(0);
    },
  );

  test('so does one whose topic began anew before it had a message', () => {
    const bob = rig.connect('bob');
    bob.subscribe(TOPIC);
    rig.forget(TOPIC);
    rig.settle();
    appendBackwards();
    expect(seenBy(bob)).toEqual(BOTH);
    expect(rig.unaccounted()).toBe(0);
  });

  test('and one that subscribes between the two', () => {
    const bob = rig.connect('bob');
    bob.subscribe('poll.*');
    bob.subscribe(TOPIC);
    const eve = rig.connect('eve');
    appendBackwards();
    eve.subscribe({ topic: TOPIC, from: 'earliest' });
    rig.settle();
    expect(seenBy(bob)).toEqual(BOTH);
    expect(seenBy(eve)).toEqual(BOTH);
    expect(rig.unaccounted()).toBe(0);
  });
});

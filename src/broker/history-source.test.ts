import { describe, expect, test } from 'vitest';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { messageId, type Position, type Publication } from '../protocol/position.ts';
import { matches, topicDigest, type Topic } from '../protocol/topic.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import type { HistorySource, OwnHistory, Reply } from './broker.ts';
import { count, draft, Probe, sequencesOf } from './contract-suite-probe.ts';
import { MemoryBroker } from './memory.ts';

const TOPIC = 'owned.a';
const OWNER = 'owner';
/** The log holds the messages from here on; what is older only its owner has. */
const LOG_FIRST = 21;
const TOP = 30;
const START = new VirtualClock().now();

function timeOf(sequence: number): number {
  return START + sequence;
}

function message(sequence: number): Publication {
  return {
    topic: TOPIC,
    id: messageId(sequence, sequence, topicDigest(TOPIC)),
    position: { epoch: OWNER, sequence },
    from: 'ada',
    clientId: undefined,
    trace: undefined,
    payload: String(sequence),
    timestamp: timeOf(sequence),
  };
}

/** The owner's table: what it holds, what it was asked, and how it fails. */
class Table implements HistorySource {
  readonly asked: { readonly topic: Topic; readonly after: number; readonly before: number; readonly limit: number }[] =
    [];
  refusal: Refusal | null = null;
  /** Where the owner says that the topic stands; not every owner says it. */
  head: Position | null = null;
  private readonly sequences: readonly number[];

  constructor(sequences: readonly number[]) {
    this.sequences = sequences;
  }

  read(topic: Topic, after: number, before: number, limit: number, reply: Reply<OwnHistory>): void {
    this.asked.push({ topic, after, before, limit });
    if (this.refusal !== null) return reply(this.refusal);
    const publications = this.sequences
      .filter((sequence) => sequence > after && sequence < before)
      .slice(0, limit)
      .map(message);
    reply({ first: this.sequences[0] ?? before, head: this.head, publications });
  }
}

async function open(table: HistorySource, pattern = 'owned.**'): Promise<Probe> {
  const keep = { messages: TOP - LOG_FIRST + 1, ageMs: 3_600_000, bytes: 1_000_000 };
  const clock = new VirtualClock();
  const broker = new MemoryBroker(
    {
      retention: { rules: [], fallback: keep, direct: keep },
      maxTopics: 10,
      maxBytes: 1_000_000,
      idempotencyWindowMs: 1_000,
      idempotencyKeys: 10,
      forgetAfterMs: 60_000,
    },
    clock,
    new SeededRandom(1),
  );
  broker.useHistory((topic) => (matches(pattern, topic) ? table : null));
  const still = (): Promise<void> => Promise.resolve();
  const probe = new Probe({ broker, slack: 0, pass: still, stepBack: still, dispose: still, now: () => clock.now() });
  await probe.start();
  for (const sequence of count(1, TOP)) {
    expect(await probe.append(TOPIC, { epoch: OWNER, sequence }, draft(String(sequence)), timeOf(sequence))).toEqual({
      status: 'appended',
    });
  }
  return probe;
}

const after = (sequence: number): { after: { epoch: string; sequence: number } } => ({
  after: { epoch: OWNER, sequence },
});

describe('forward', () => {
  test('a request that starts in the log asks the owner nothing', async () => {
    const table = new Table(count(1, TOP));
    const probe = await open(table);
    const history = await probe.read(TOPIC, after(LOG_FIRST - 1));
    expect(sequencesOf(history.publications)).toEqual(count(LOG_FIRST, TOP));
    expect(history.first).toBe(LOG_FIRST);
    expect(table.asked).toEqual([]);
  });

  test('what is older than the log comes from the owner, under the same sequences, without a seam', async () => {
    const table = new Table(count(1, TOP));
    const probe = await open(table);
    const history = await probe.read(TOPIC, after(15));
    expect(history).toMatchObject({ epoch: OWNER, top: TOP, first: 1, after: 15, lost: null });
    expect(sequencesOf(history.publications)).toEqual(count(16, TOP));
    expect(history.publications.map(({ payload }) => Number(payload))).toEqual(count(16, TOP));
    expect(table.asked).toEqual([{ topic: TOPIC, after: 15, before: LOG_FIRST, limit: 10_000 }]);
  });

  test('the earliest message is the first of the owner', async () => {
    const probe = await open(new Table(count(5, TOP)));
    const history = await probe.read(TOPIC, { after: 'earliest' });
    expect(history).toMatchObject({ first: 5, after: 4, lost: null });
    expect(sequencesOf(history.publications)).toEqual(count(5, TOP));
  });

  test('the limit counts both, and pages follow one another', async () => {
    const probe = await open(new Table(count(1, TOP)));
    const seen: (number | undefined)[] = [];
    for (let page = 0; page < 5; page += 1) {
      const { publications } = await probe.read(TOPIC, { ...after(seen.length), limit: 8 });
      expect(publications.length).toBeLessThanOrEqual(8);
      seen.push(...sequencesOf(publications));
    }
    expect(seen).toEqual(count(1, TOP));
  });

  test('before bounds what the owner is asked for', async () => {
    const table = new Table(count(1, TOP));
    const probe = await open(table);
    const history = await probe.read(TOPIC, { ...after(10), before: 14 });
    expect(sequencesOf(history.publications)).toEqual([11, 12, 13]);
    expect(table.asked).toMatchObject([{ after: 10, before: 14 }]);
  });

  test('messages that the owner has stored and the log was not given come from the owner, to readers at its end', async () => {
    const table = new Table(count(1, TOP + 5));
    table.head = { epoch: OWNER, sequence: TOP + 5 };
    const probe = await open(table);
    const history = await probe.read(TOPIC, { ...after(TOP), limit: 3 });
    expect(history).toMatchObject({ epoch: OWNER, top: TOP + 5, after: TOP, lost: null });
    expect(sequencesOf(history.publications)).toEqual(count(TOP + 1, TOP + 3));
    expect(table.asked).toEqual([{ topic: TOPIC, after: TOP, before: TOP + 4, limit: 3 }]);
    const { publications } = await probe.read(TOPIC, { ...after(TOP), before: TOP + 2 });
    expect(sequencesOf(publications)).toEqual([TOP + 1]);
  });

  test('a reader that the owner has given more than the log has goes on there, and has lost nothing', async () => {
    const table = new Table(count(1, TOP + 5));
    table.head = { epoch: OWNER, sequence: TOP + 5 };
    const probe = await open(table);
    const history = await probe.read(TOPIC, after(TOP + 3));
    expect(history).toMatchObject({ top: TOP + 5, after: TOP + 3, lost: null });
    expect(sequencesOf(history.publications)).toEqual([TOP + 4, TOP + 5]);
    expect(await probe.read(TOPIC, { ...after(TOP + 3), limit: 0 })).toMatchObject({ after: TOP + 3, lost: null });
    expect(await probe.read(TOPIC, after(TOP + 6))).toMatchObject({ top: TOP, lost: 'history_lost' });
  });

  test.each([
    ['says not where it stands', (table: Table) => (table.head = null)],
    ['goes on under another epoch', (table: Table) => (table.head = { epoch: 'other', sequence: TOP + 5 })],
    ['refuses', (table: Table) => (table.refusal = refusal('log_unavailable', 'away'))],
  ])('the end of the log is the end where the owner %s', async (_, becomes) => {
    const table = new Table(count(1, TOP + 5));
    becomes(table);
    const probe = await open(table);
    expect(await probe.read(TOPIC, after(TOP))).toMatchObject({ top: TOP, lost: null, publications: [] });
  });

  test('limit 0 says that the owner can help', async () => {
    const probe = await open(new Table(count(1, TOP)));
    const history = await probe.read(TOPIC, { ...after(3), limit: 0, maxBytes: 0 });
    expect(history).toMatchObject({ first: 1, after: 3, top: TOP, lost: null, publications: [] });
  });

  test('bytes end the page, but one message always comes', async () => {
    const probe = await open(new Table(count(1, TOP)));
    expect(sequencesOf((await probe.read(TOPIC, { ...after(10), maxBytes: 6 })).publications)).toEqual([11, 12, 13]);
    expect(sequencesOf((await probe.read(TOPIC, { ...after(10), maxBytes: 1 })).publications)).toEqual([11]);
  });

  test('a hole in what the owner has ends the page', async () => {
    const probe = await open(new Table(count(1, TOP).filter((sequence) => sequence !== 13)));
    expect(sequencesOf((await probe.read(TOPIC, after(10))).publications)).toEqual([11, 12]);
  });

  test('an owner that ends before the log begins ends the page', async () => {
    const probe = await open(new Table(count(1, 18)));
    expect(sequencesOf((await probe.read(TOPIC, after(15))).publications)).toEqual([16, 17, 18]);
  });

  test('an owner that no longer has the start says so by its first', async () => {
    const probe = await open(new Table(count(12, TOP)));
    const history = await probe.read(TOPIC, after(5));
    expect(history).toMatchObject({ first: 12, after: 5 });
    expect(sequencesOf(history.publications)).toEqual(count(12, TOP));
  });

  test('an owner that has nothing older leaves the answer of the log', async () => {
    const probe = await open(new Table([]));
    const history = await probe.read(TOPIC, after(5));
    expect(history).toMatchObject({ first: LOG_FIRST, after: 5, lost: null });
    expect(sequencesOf(history.publications)).toEqual(count(LOG_FIRST, TOP));
  });

  test('an owner that fails leaves the answer of the log', async () => {
    const table = new Table(count(1, TOP));
    table.refusal = refusal('log_unavailable', 'the table is away');
    const probe = await open(table);
    const history = await probe.read(TOPIC, after(5));
    expect(table.asked).toHaveLength(1);
    expect(history).toMatchObject({ first: LOG_FIRST, after: 5, lost: null });
    expect(sequencesOf(history.publications)).toEqual(count(LOG_FIRST, TOP));
  });

  test('a position that is not of this log asks the owner nothing', async () => {
    const table = new Table(count(1, TOP));
    const probe = await open(table);
    const history = await probe.read(TOPIC, { after: { epoch: 'another', sequence: 3 } });
    expect(history).toMatchObject({ lost: 'unknown_epoch', first: LOG_FIRST });
    expect(table.asked).toEqual([]);
  });

  test.each([1, 2, 3, 12, 13, 19, 20, LOG_FIRST])(
    'what came since %i comes from the owner, where the log begins later',
    async (since) => {
      const table = new Table(count(1, TOP));
      const probe = await open(table);
      const history = await probe.read(TOPIC, { after: { since: timeOf(since) } });
      expect(history).toMatchObject({ epoch: OWNER, after: since - 1, lost: null });
      expect(sequencesOf(history.publications)).toEqual(count(since, TOP));
      expect(table.asked.length).toBeLessThan(10);
      const newest = await probe.read(TOPIC, { after: { since: timeOf(since) }, reverse: true });
      expect(sequencesOf(newest.publications)).toEqual(count(since, TOP).toReversed());
    },
  );

  test('of a time that the log knows nobody asks the owner', async () => {
    const table = new Table(count(1, TOP));
    const probe = await open(table);
    const history = await probe.read(TOPIC, { after: { since: timeOf(LOG_FIRST + 1) } });
    expect(sequencesOf(history.publications)).toEqual(count(LOG_FIRST + 1, TOP));
    expect(table.asked).toEqual([]);
  });

  test('since before what the owner keeps is since its first', async () => {
    const probe = await open(new Table(count(12, TOP)));
    const history = await probe.read(TOPIC, { after: { since: timeOf(3) } });
    expect(history).toMatchObject({ first: 12, after: 11, lost: null });
    expect(sequencesOf(history.publications)).toEqual(count(12, TOP));
  });

  test('an owner that fails to say where a time begins leaves nothing out in silence', async () => {
    const table = new Table(count(1, TOP));
    table.refusal = refusal('log_unavailable', 'the table is away');
    const probe = await open(table);
    await expect(probe.read(TOPIC, { after: { since: timeOf(3) } })).rejects.toThrow('the table is away');
  });

  test('an owner that fails is no beginning: readers of all there is, and of a page older than the log, are refused', async () => {
    const table = new Table(count(1, TOP));
    table.refusal = refusal('log_unavailable', 'the table is away');
    const probe = await open(table);
    await expect(probe.read(TOPIC, { after: 'earliest' })).rejects.toThrow('the table is away');
    await expect(probe.read(TOPIC, { after: 'earliest', before: LOG_FIRST, reverse: true })).rejects.toThrow(
      'the table is away',
    );
    // Where the topic stands is known without the owner.
    expect((await probe.read(TOPIC, { after: 'earliest', limit: 0 })).top).toBe(TOP);
  });

  test('a source serves the topics of its pattern only', async () => {
    const table = new Table(count(1, TOP));
    const probe = await open(table, 'elsewhere.**');
    expect((await probe.read(TOPIC, after(5))).first).toBe(LOG_FIRST);
    expect(table.asked).toEqual([]);
  });
});

describe('reversed', () => {
  test('a page that the log fills asks the owner nothing', async () => {
    const table = new Table(count(1, TOP));
    const probe = await open(table);
    const history = await probe.read(TOPIC, { ...after(0), reverse: true, limit: 10 });
    expect(sequencesOf(history.publications)).toEqual(count(LOG_FIRST, TOP).toReversed());
    expect(table.asked).toEqual([]);
  });

  test('a page that the log cannot fill goes on with the newest that the owner has', async () => {
    const probe = await open(new Table(count(1, TOP)));
    const history = await probe.read(TOPIC, { ...after(0), reverse: true, limit: 15 });
    expect(history).toMatchObject({ epoch: OWNER, top: TOP, first: 1 });
    expect(sequencesOf(history.publications)).toEqual(count(16, TOP).toReversed());
  });

  test('a page that ends below the log comes from the owner alone', async () => {
    const probe = await open(new Table(count(1, TOP)));
    const history = await probe.read(TOPIC, { ...after(0), reverse: true, before: 12, limit: 4 });
    expect(sequencesOf(history.publications)).toEqual([11, 10, 9, 8]);
  });

  test('after bounds the page below', async () => {
    const probe = await open(new Table(count(1, TOP)));
    const history = await probe.read(TOPIC, { ...after(18), reverse: true, limit: 100 });
    expect(sequencesOf(history.publications)).toEqual(count(19, TOP).toReversed());
  });

  test('bytes that the log has used up are not filled by the owner', async () => {
    const table = new Table(count(1, TOP));
    const probe = await open(table);
    const { publications } = await probe.read(TOPIC, { ...after(0), reverse: true, maxBytes: 1 });
    expect(sequencesOf(publications)).toEqual([TOP]);
    expect(table.asked).toEqual([]);
  });

  test('an owner that fails leaves the answer of the log', async () => {
    const table = new Table(count(1, TOP));
    table.refusal = refusal('log_unavailable', 'the table is away');
    const probe = await open(table);
    const history = await probe.read(TOPIC, { ...after(0), reverse: true, limit: 15 });
    expect(table.asked).toHaveLength(1);
    expect(history.first).toBe(LOG_FIRST);
    expect(sequencesOf(history.publications)).toEqual(count(LOG_FIRST, TOP).toReversed());
  });
});

import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock, systemScheduler } from '../../telemetry/system-clock.ts';
import { FileQueue } from './file-queue.ts';
import { QUEUE_FULL, type QueueLimits } from './queue-limits.ts';

const LIMITS: QueueLimits = { maxEvents: 1_000, maxBytes: 10_000_000, deadLetters: 100 };

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-queue-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

interface Opened {
  readonly queue: FileQueue;
  readonly dropped: [number, string][];
  readonly failures: unknown[];
}

async function openQueue(directory: string, limits: Partial<QueueLimits> = {}): Promise<Opened> {
  const dropped: [number, string][] = [];
  const failures: unknown[] = [];
  const queue = new FileQueue(directory, { ...LIMITS, ...limits }, systemClock, systemScheduler, {
    filled: () => {},
    dropped: (events, why) => dropped.push([events, why]),
    failed: (_what, error) => failures.push(error),
  });
  await queue.open();
  onTestFinished(() => queue.close());
  return { queue, dropped, failures };
}

const eventOf = (n: number, padding = 0): string =>
  JSON.stringify({ id: `e-${n}`, at: 0, n, pad: 'x'.repeat(padding) });
const numbers = (events: readonly string[] = []): number[] =>
  events.map((text) => (JSON.parse(text) as { n: number }).n);
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

async function read(queue: FileQueue, limit = 1_000): Promise<number[]> {
  return numbers((await queue.peek(limit, 10_000_000))?.events);
}

test('events come back in order, and those that are done do not come again', async () => {
  const { queue } = await openQueue(newDirectory());
  for (const n of range(1, 10)) queue.put(eventOf(n));
  await queue.flush();
  const batch = await queue.peek(4, 1_000_000);
  expect(numbers(batch?.events)).toEqual([1, 2, 3, 4]);
  await queue.done(batch?.end ?? 0);
  expect(await read(queue)).toEqual(range(5, 10));
  expect(queue.size().events).toBe(6);
});

test('a batch is as long as its bytes allow, and one event at least', async () => {
  const { queue } = await openQueue(newDirectory());
  for (const n of range(1, 3)) queue.put(eventOf(n, 1_000));
  await queue.flush();
  expect(numbers((await queue.peek(10, 2_500))?.events)).toEqual([1, 2]);
  expect(numbers((await queue.peek(10, 10))?.events)).toEqual([1]);
});

test('what a process leaves that is killed, the next one finds', async () => {
  const directory = newDirectory();
  const first = await openQueue(directory);
  for (const n of range(1, 50)) first.queue.put(eventOf(n));
  await first.queue.flush();
  const batch = await first.queue.peek(20, 1_000_000);
  await first.queue.done(batch?.end ?? 0);
  // Killed: nothing is closed, the lock stays, and the last line is only begun.
  const segment = readdirSync(directory).find((name) => name.endsWith('.jsonl') && !name.startsWith('dead')) ?? '';
  appendFileSync(join(directory, segment), '{"id":"e-51","a');
  writeFileSync(join(directory, 'lock'), '999999999 1');
  const second = await openQueue(directory);
  expect(second.queue.size().events).toBe(30);
  second.queue.put(eventOf(52));
  await second.queue.flush();
  expect(await read(second.queue)).toEqual([...range(21, 50), 52]);
  expect(second.dropped).toEqual([]);
});

test('an event is in the file when it has been taken, without another turn', async () => {
  const directory = newDirectory();
  const { queue } = await openQueue(directory, { maxBytes: 4_000 });
  const written = (): string =>
    readdirSync(directory)
      .filter((name) => /^\d+\.jsonl$/.test(name))
      .toSorted()
      .map((name) => readFileSync(join(directory, name), 'utf8'))
      .join('');
  const events = range(1, 3).map((n) => eventOf(n, 500));
  for (const [at, event] of events.entries()) {
    queue.put(event);
    expect(written()).toBe(`${events.slice(0, at + 1).join('\n')}\n`);
  }
});

test('files that are done are removed, also over a restart', async () => {
  const directory = newDirectory();
  const limits = { maxBytes: 400_000 };
  const { queue } = await openQueue(directory, limits);
  for (const n of range(1, 300)) {
    queue.put(eventOf(n, 1_000));
    if (n % 10 === 0) await queue.flush();
  }
  const segments = (): number => readdirSync(directory).filter((name) => /^\d+\.jsonl$/.test(name)).length;
  expect(segments()).toBeGreaterThan(2);
  for (let batch = await queue.peek(50, 1_000_000); batch?.events.length; batch = await queue.peek(50, 1_000_000))
    await queue.done(batch.end);
  expect(segments()).toBe(1);
  expect(queue.size()).toMatchObject({ events: 0, bytes: 0 });
  await queue.close();
  const again = await openQueue(directory, limits);
  expect(await read(again.queue)).toEqual([]);
  expect(segments()).toBe(1);
});

test('a full queue drops the oldest: counted, and kept as dead letters with the reason', async () => {
  const { queue, dropped } = await openQueue(newDirectory(), { maxEvents: 100 });
  for (const n of range(1, 130)) queue.put(eventOf(n));
  await queue.flush();
  expect(await read(queue)).toEqual(range(31, 130));
  expect(dropped.reduce((sum, [events]) => sum + events, 0)).toBe(30);
  const letters = await queue.deadLetters(100);
  expect(letters).toHaveLength(30);
  expect(letters[0]).toMatchObject({ id: 'e-30', reason: QUEUE_FULL });
});

test('what gave way while a batch was under way is not done twice', async () => {
  const { queue } = await openQueue(newDirectory(), { maxEvents: 10 });
  for (const n of range(1, 10)) queue.put(eventOf(n));
  await queue.flush();
  const batch = await queue.peek(4, 1_000_000);
  for (const n of range(11, 16)) queue.put(eventOf(n));
  await queue.flush();
  await queue.done(batch?.end ?? 0);
  expect(await read(queue)).toEqual(range(7, 16));
});

test('dead letters outlive the process, are replayed once, and the oldest give way', async () => {
  const directory = newDirectory();
  const first = await openQueue(directory, { deadLetters: 5 });
  await first.queue.bury(range(1, 8).map((n) => ({ id: `e-${n}`, reason: 'rejected', at: 1, event: eventOf(n) })));
  await first.queue.close();
  const { queue } = await openQueue(directory, { deadLetters: 5 });
  expect((await queue.deadLetters(100)).map(({ id }) => id)).toEqual(['e-8', 'e-7', 'e-6', 'e-5', 'e-4']);
  expect(await queue.replay(['e-6', 'e-1'])).toBe(1);
  expect(await read(queue)).toEqual([6]);
  expect(await queue.replay(null)).toBe(4);
  expect(await read(queue)).toEqual([6, 4, 5, 7, 8]);
  expect(queue.size().deadLetters).toBe(0);
});

test('a directory is of one process: a second one is told whose it is', async () => {
  const directory = newDirectory();
  await openQueue(directory);
  await expect(openQueue(directory)).rejects.toThrow(/process \d+ uses it/);
});

test('lines that are no events are dropped and counted', async () => {
  const directory = newDirectory();
  const first = await openQueue(directory);
  first.queue.put(eventOf(1));
  await first.queue.flush();
  await first.queue.close();
  const segment = readdirSync(directory).find((name) => /^\d+\.jsonl$/.test(name)) ?? '';
  appendFileSync(join(directory, segment), '\0\0\0\n[1]\n');
  const { queue, dropped } = await openQueue(directory);
  queue.put(eventOf(2));
  await queue.flush();
  expect(await read(queue)).toEqual([1, 2]);
  expect(dropped).toMatchObject([[2, expect.any(String)]]);
  expect(queue.size().events).toBe(2);
});

test('a disk that takes nothing loses nothing while there is room in memory', async () => {
  const directory = newDirectory();
  const { queue, failures } = await openQueue(directory, { maxBytes: 65_536 });
  rmSync(directory, { recursive: true, force: true });
  // The next file cannot be begun.
  queue.put(eventOf(1, 20_000));
  await queue.flush();
  queue.put(eventOf(2, 20_000));
  await queue.flush();
  expect(failures.length).toBeGreaterThan(0);
  expect(queue.size().events).toBe(2);
});

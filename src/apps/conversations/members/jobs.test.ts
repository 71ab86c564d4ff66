/** Work from time to time, one piece of which fails: the others are done, and operators hear of it. */
import { expect, test } from 'vitest';
import { DeadLetters } from '../../../actor/dead-letters.ts';
import { DatabaseError } from '../../../database/database-error.ts';
import type { Database } from '../../../database/database.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { Counters } from '../../../telemetry/counters.ts';
import { silentLog } from '../../../telemetry/log.ts';
import { Calls } from '../../calls.ts';
import type { Ports } from '../ports.ts';
import { jobsOf } from './jobs.ts';

function rigOf(fail: () => Error): {
  readonly clock: VirtualClock;
  readonly counters: Counters;
  readonly letters: DeadLetters;
  readonly asked: string[];
  readonly logged: string[];
  readonly stop: () => Promise<void>;
} {
  const clock = new VirtualClock();
  const counters = new Counters();
  const letters = new DeadLetters(10);
  const [asked, logged]: [string[], string[]] = [[], []];
  const log = {
    ...silentLog,
    error: (line: string, fields?: object) => logged.push(`${line} ${JSON.stringify(fields)}`),
  };
  const calls = new Calls(
    'conversations',
    { clock, scheduler: clock, counters, deadLetters: letters, blockingMs: 1_000 },
    log,
  );
  const host = {
    clock,
    scheduler: clock,
    log: silentLog,
    background: (name: string, work: () => Promise<unknown>): Promise<void> => {
      asked.push(name);
      return new Promise((resolve) => calls.run({ part: 'background', name, deadlineMs: null }, work, () => resolve()));
    },
  };
  const database = {
    isReady: true,
    onReady: () => {},
    isProblem: (error: unknown) => error instanceof DatabaseError,
    tables: () => {
      throw fail();
    },
  };
  const settings = { retention_days: 1, deleted_user_days: 1, audit_days: 1 };
  const jobs = jobsOf({ host, settings, database: database as unknown as Database } as unknown as Ports);
  return { clock, counters, letters, asked, logged, stop: () => jobs.stop() };
}

test('D-37: a job that throws is a metric, a dead letter and a line of the log each time, and the others are done', async () => {
  const { clock, counters, letters, asked, logged, stop } = rigOf(() => new TypeError('no such column'));
  clock.advance(3_600_000);
  await stop();
  expect(asked).toEqual(['messaging: retention', 'messaging: deleted users', 'messaging: audit']);
  expect(counters.appFailures.get('conversations background')).toBe(3);
  expect(letters.list()).toHaveLength(3);
  expect(logged).toHaveLength(3);
  expect(logged[0]).toMatch(/messaging.*no such column/);
});

test('D-37: a database that is away is no failure of a job', async () => {
  const { clock, counters, asked, logged, stop } = rigOf(() => new DatabaseError('away', 'away'));
  clock.advance(3_600_000);
  await stop();
  expect([asked.length, counters.appFailures.total, logged]).toEqual([3, 0, []]);
});

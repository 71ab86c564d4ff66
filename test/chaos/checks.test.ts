/** The checks of the chaos suite find what they are there for: a record that holds, and the same with one thing wrong. */
import { describe, expect, test } from 'vitest';
import { check, type Verdict } from '../../bench/chaos/checks.ts';
import { emptyRecord, type Announced, type Disturbance, type Heard, type Record } from '../../bench/chaos/record.ts';

const TOPIC = 'chaos.t0';
const SLOWEST_MS = 1_000;

/** Three messages, sent 10 ms apart from 100 ms on, that two subscribers got 5 ms later; the third is the last. */
function sound(): Record {
  const record = emptyRecord();
  for (const sequence of [1, 2, 3]) publish(record, sequence);
  for (const name of ['a', 'b']) record.heard.set(name, [joined(0), ...[1, 2, 3].map((n) => received(n))]);
  record.last.set(TOPIC, 'm3');
  return record;
}

function publish(record: Record, sequence: number, epoch = 'e1', payload = `m${sequence}`): void {
  const at = 90 + 10 * sequence;
  const from = { topic: TOPIC, payload, connection: 'p/1', order: sequence };
  record.sent.push({ at, ...from });
  record.acknowledged.push({ at: at + 2, ...from, epoch, sequence, isDuplicate: false });
}

function joined(sequence: number, epoch = 'e1'): Heard {
  return { kind: 'joined', at: 50, topic: TOPIC, epoch, sequence };
}

function received(sequence: number, epoch = 'e1', payload = `m${sequence}`): Heard {
  return { kind: 'received', at: 95 + 10 * sequence, topic: TOPIC, epoch, sequence, payload };
}

function gap(from: number, to: number, cause: Announced['cause'] = 'trimmed', epoch = 'e1'): Heard {
  return { kind: 'gap', at: 300, topic: TOPIC, cause, epoch, from, to };
}

function disturbance(from: number, healed: number, mayLose: boolean): Disturbance {
  return { name: 'redis-failover', from, healed, until: healed, mayLose };
}

function lostFour(record: Record): string[] {
  return problems(record).filter((line) => line.startsWith('lost: m4'));
}

function problems(record: Record): Verdict['violations'] {
  return check(record, SLOWEST_MS).violations;
}

/** What subscriber `a` heard, changed. */
function changed(change: (heard: Heard[]) => Heard[]): Record {
  const record = sound();
  record.heard.set('a', change(record.heard.get('a') ?? []));
  return record;
}

test('a record in which everything was received holds', () => {
  expect(check(sound(), SLOWEST_MS)).toEqual({ violations: [], announced: 0, forgotten: 0, recoveries: [] });
});

describe('one subscriber', () => {
  test('a message that is missing in between is a hole', () => {
    const found = problems(changed((heard) => heard.toSpliced(2, 1)));
    expect(found).toEqual([
      expect.stringMatching(/^a, .*hole: expected 2 .* got 3/),
      expect.stringMatching(/^lost: m2 .* a neither/),
    ]);
  });

  test('a Gap that announces it makes it good, and only if it says what is missing', () => {
    expect(problems(changed((heard) => heard.with(2, gap(2, 2))))).toEqual([]);
    expect(problems(changed((heard) => heard.with(2, gap(1, 2))))).toEqual([
      expect.stringContaining('expected one from 2'),
    ]);
    expect(problems(changed((heard) => heard.toSpliced(1, 2, gap(2, 2))))).toEqual([
      expect.stringContaining('expected one from 1'),
      expect.stringMatching(/^lost: m1/),
    ]);
  });

  test('the end of a topic that never came is lost, and the subscriber is stuck', () => {
    expect(problems(changed((heard) => heard.slice(0, 3)))).toEqual([
      expect.stringMatching(/^lost: m3/),
      expect.stringMatching(/^stuck: expected a to get m3/),
    ]);
  });

  test('what came before it joined is not missed', () => {
    expect(problems(changed((heard) => [joined(2), ...heard.slice(3)]))).toEqual([]);
  });

  test('a message that comes twice is a duplicate, under its own sequence or another', () => {
    expect(problems(changed((heard) => heard.toSpliced(3, 0, received(2))))).toEqual([
      expect.stringContaining('duplicate: m2 came again as 2'),
    ]);
    const again = changed((heard) => [...heard, received(4, 'e1', 'm2')]);
    expect(problems(again)).toEqual([expect.stringContaining('duplicate: m2 came as 2 and again as 4')]);
  });

  test('sequences that go back are out of order', () => {
    const [first, one, two, three] = sound().heard.get('a') ?? [];
    const found = problems(changed(() => [first, two, one, three] as Heard[]));
    expect(found).toEqual([expect.stringContaining('hole: expected 1'), expect.stringContaining('order: expected 3')]);
  });

  test('a new epoch goes on with the next number, and with another one only after a Gap', () => {
    const record = sound();
    publish(record, 4, 'e2');
    for (const heard of record.heard.values()) heard.push(received(4, 'e2'));
    expect(problems(record)).toEqual([]);
    const torn = sound();
    publish(torn, 3, 'e2', 'n3');
    torn.heard.get('b')?.push(gap(0, 2, 'history_lost', 'e2'), received(3, 'e2', 'n3'));
    torn.heard.get('a')?.push(received(3, 'e2', 'n3'));
    expect(problems(torn)).toEqual([expect.stringMatching(/^a, .*order: expected 4 of epoch e2 after e1, got 3/)]);
  });
});

describe('acknowledged', () => {
  test('and received by nobody: lost, at any time without a failover', () => {
    const record = sound();
    publish(record, 4);
    record.disturbances.push(disturbance(110, 115, false));
    expect(lostFour(record)).toHaveLength(2);
  });

  test('and forgotten in a failover: excused when the subscriber saw the epoch change, then only', () => {
    const record = sound();
    publish(record, 4);
    publish(record, 4, 'e2', 'n4');
    record.disturbances.push({ name: 'redis-failover', from: 125, healed: 128, until: 140, mayLose: true });
    for (const heard of record.heard.values()) heard.push(received(4, 'e2', 'n4'));
    expect(check(record, SLOWEST_MS)).toMatchObject({ violations: [], forgotten: 1 });
    record.disturbances.splice(0, 1, disturbance(5_000, 6_000, true));
    expect(lostFour(record)).toHaveLength(2);
    const blind = sound();
    publish(blind, 4);
    blind.disturbances.push(disturbance(125, 140, true));
    expect(lostFour(blind)).toHaveLength(2);
  });

  test('in another order than sent', () => {
    const record = sound();
    const [one, two] = record.acknowledged;
    if (one === undefined || two === undefined) throw new Error('expected two');
    record.acknowledged.splice(0, 2, { ...one, order: 2 }, { ...two, order: 1 });
    expect(problems(record)).toEqual([expect.stringMatching(/^order: p\/1 .* expected m1, sent after m2/)]);
  });
});

describe('content', () => {
  test('two subscribers that got different messages under one sequence disagree', () => {
    const record = sound();
    record.sent.push({ at: 0, topic: TOPIC, payload: 'other', connection: 'p/1', order: 9 });
    record.acknowledged.splice(1, 1);
    record.heard.get('a')?.splice(2, 1, received(2, 'e1', 'other'));
    expect(problems(record)).toEqual([expect.stringMatching(/^disagreement: .* 2 is other for a and m2 for b/)]);
  });

  test('an acknowledgement that names the place of another message disagrees too', () => {
    const record = sound();
    const [one] = record.acknowledged;
    if (one === undefined) throw new Error('expected one');
    record.acknowledged.splice(0, 1, { ...one, sequence: 2 });
    expect(problems(record)).toContainEqual(expect.stringMatching(/^disagreement: .* 2 is m1 for its publisher/));
  });

  test('what nobody sent, or not there, is invented', () => {
    expect(problems(changed((heard) => [...heard, received(4, 'e1', 'ghost')]))).toEqual([
      expect.stringMatching(/^invented: a got ghost/),
    ]);
    const record = changed((heard) => [...heard, received(4, 'e1', 'stray')]);
    record.sent.push({ at: 0, topic: 'chaos.t1', payload: 'stray', connection: 'p/1', order: 9 });
    expect(problems(record)).toEqual([expect.stringMatching(/^invented: a got stray/)]);
  });
});

describe('recovery', () => {
  test('counts from the moment of healing to the first new message of the slowest topic', () => {
    const record = sound();
    record.disturbances.push(disturbance(0, 105, false));
    const recovery = { name: 'redis-failover', from: 0, ms: 10, isDisturbed: false };
    expect(check(record, SLOWEST_MS).recoveries).toEqual([recovery]);
    expect(check(record, 9).violations).toEqual([expect.stringMatching(/^recovery: .* within 9 ms .* took 10 ms/)]);
    record.disturbances.push(disturbance(112, 113, false));
    expect(check(record, SLOWEST_MS).recoveries[0]).toEqual({ ...recovery, isDisturbed: true });
  });

  test('that never came is a violation', () => {
    const record = sound();
    record.disturbances.push(disturbance(0, 10_000, false));
    expect(problems(record)).toEqual([expect.stringMatching(/^recovery: .* never did/)]);
  });
});

/** A round in which the generator was the limit says nothing of the server: no median and no target may rest on it. */
import { describe, expect, test } from 'vitest';
import { compare, verdict } from '../bench/against/ratios.ts';
import type { Contest, Pair } from '../bench/against/contest.ts';
import { alternate, ratio, type Entry } from '../bench/entry.ts';
import { throughputTable } from '../bench/workloads/fan-out-table.ts';
import type { FanOutResult } from '../bench/workloads/fan-out.ts';
import type { Plan } from '../bench/section.ts';

const OURS: Entry = { server: 'signalbox-json', label: 'ours' };
const THEIRS: Entry = { server: 'bun', label: 'theirs' };
const plan: Plan = { rounds: 3, seconds: 1, warmUpSeconds: 1, isQuick: false, servers: null, say: () => {} };

function result(perServerCpuSecond: number, generatorCpuShare: number): FanOutResult {
  return {
    server: 'bun',
    deliveries: 1,
    perServerCpuSecond,
    perSecond: 1,
    serverCpuShare: 1,
    generatorCpuShare,
    deliveriesPerRead: 1,
    bytesPerDelivery: 1,
    p50: 1,
    p99: 1,
    max: 1,
    faults: 0,
  };
}

const rate = ({ perServerCpuSecond }: FanOutResult): number => perServerCpuSecond;

describe('a void round', () => {
  test('is measured again, and what counts is the round in which the generator had room', async () => {
    const shares = [0.99, 0.5, 0.5, 0.5];
    const results = await alternate(
      [OURS],
      plan,
      () => Promise.resolve(result(10, shares.shift() ?? 0)),
      () => '',
    );
    expect(results.get('ours')?.map(({ generatorCpuShare }) => generatorCpuShare)).toEqual([0.5, 0.5, 0.5]);
  });

  test('is measured again three times for each line at most', async () => {
    let measured = 0;
    await alternate(
      [THEIRS],
      plan,
      () => Promise.resolve(result(10, ((measured += 1), 1))),
      () => '',
    );
    expect(measured).toBe(plan.rounds + 3);
  });

  test('counts in no ratio, and where half of a side is void the target is not measured', () => {
    const good = [result(20, 0.5), result(20, 0.5), result(20, 0.5)];
    const one = new Map([
      ['ours', good],
      ['theirs', [result(10, 0.5), result(10, 0.5), result(1, 0.99)]],
    ]);
    expect(ratio(one, 'ours', 'theirs', rate)).toBe(2);
    const two = new Map([...one, ['theirs', [result(10, 0.5), result(1, 0.99), result(1, 0.99)]] as const]);
    expect(ratio(two, 'ours', 'theirs', rate)).toBeNull();
  });

  test('is called void in the table where no other is left, and nothing is compared with it', () => {
    const results = new Map([
      ['ours', [result(20, 0.5)]],
      ['theirs', [result(10, 0.97)]],
    ]);
    const { rows } = throughputTable([OURS, THEIRS], results, 'theirs');
    expect(rows.map((row) => [row[1], row[3]])).toEqual([
      ['**20**', 'not measured'],
      ['void (10)', 'not measured'],
    ]);
  });
});

describe('two checkouts in one run', () => {
  const contest: Contest = {
    id: 'w1',
    title: 'work',
    figures: { 'per second': 'more', micros: 'less' },
    pairs: 8,
    warmUpSlices: 0,
    open: () => Promise.reject(new Error('expected no server')),
  };
  const pair = (now: number, before: number, faults = 0): Pair => ({
    ours: { figures: { 'per second': now, micros: 1 / now }, faults, generatorCpuShare: 0.5 },
    theirs: { figures: { 'per second': before, micros: 1 / before }, faults: 0, generatorCpuShare: 0.5 },
  });

  test('have ratios above 1 where this one is better, whether more is better or less', () => {
    const pairs = Array.from({ length: 12 }, (_, at) => pair(110 + at, 100));
    expect(compare(contest, pairs).map((each) => [each.ratio > 1.1, verdict(each)])).toEqual([
      [true, 'better'],
      [true, 'better'],
    ]);
  });

  test.each([
    ['worse', 12, 0.9, 0, '**worse**'],
    ['the same', 12, 1, 0, 'no worse'],
    ['measured too seldom', 3, 0.9, 0, 'too few pairs'],
    ['wrong', 12, 1.5, 1, '**12 wrong**'],
  ])('say when this one is %s', (_what, count, factor, faults, expected) => {
    const pairs = Array.from({ length: count }, (_, at) => pair((100 + at) * factor, 100 + at, faults));
    expect(compare(contest, pairs).map((each) => verdict(each))).toEqual([expected, expected]);
  });

  test('say that nothing is resolved where the pairs spread too far', () => {
    const pairs = Array.from({ length: 12 }, (_, at) => pair(at % 2 === 0 ? 80 : 120, 100));
    expect(compare(contest, pairs).map((each) => verdict(each))).toEqual([
      'no worse, not resolved',
      'no worse, not resolved',
    ]);
  });
});

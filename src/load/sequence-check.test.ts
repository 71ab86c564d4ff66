import { describe, expect, test } from 'vitest';
import { addVerdicts, SequenceCheck } from './sequence-check.ts';

const CLEAN = {
  expected: 0,
  received: 0,
  lost: 0,
  duplicates: 0,
  reordered: 0,
  gaps: 0,
  announced: 0,
  historiesLost: 0,
};

function checkOf(joined: number, ...sequences: number[]): SequenceCheck {
  const check = new SequenceCheck(1);
  check.joined(0, joined);
  for (const sequence of sequences) check.delivered(0, sequence);
  return check;
}

function rangeOf(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}

describe('the check of sequences', () => {
  test('everything in order from the position on', () => {
    const check = checkOf(41, ...rangeOf(42, 1_050));
    check.close(0, 1_050);
    expect(check.verdict).toEqual({ ...CLEAN, expected: 1_009, received: 1_009 });
  });

  test('a hole is a loss, exactly as large as it is', () => {
    const check = checkOf(0, 1, 2, 6, 7);
    expect(check.verdict).toEqual({ ...CLEAN, received: 4, lost: 3 });
  });

  test('what comes after a later one is out of order, not lost, and not a duplicate', () => {
    const check = checkOf(0, 1, 5, 3, 2, 4, 6);
    check.close(0, 6);
    expect(check.verdict).toEqual({ ...CLEAN, expected: 6, received: 6, reordered: 3 });
  });

  test('what comes twice is a duplicate, also when it filled a hole before', () => {
    const check = checkOf(0, 1, 2, 2, 1, 5, 4, 4, 5);
    expect(check.verdict).toEqual({ ...CLEAN, received: 4, lost: 1, reordered: 1, duplicates: 4 });
    expect(check.delivered(0, 5)).toBe(false);
    expect(check.delivered(0, 6)).toBe(true);
  });

  test('what is missing at the end is a loss', () => {
    const check = checkOf(10, 11, 12);
    expect(check.isComplete(0, 15)).toBe(false);
    check.close(0, 15);
    expect(check.verdict).toEqual({ ...CLEAN, expected: 5, received: 2, lost: 3 });
  });

  test('an announced gap is no loss; what it does not cover is one', () => {
    const check = checkOf(0, 1, 2);
    check.announced(0, 3, 10);
    check.delivered(0, 11);
    expect(check.verdict).toEqual({ ...CLEAN, received: 3, gaps: 1, announced: 8 });
    check.announced(0, 15, 20);
    check.delivered(0, 21);
    check.close(0, 21);
    expect(check.verdict).toEqual({ ...CLEAN, expected: 21, received: 4, gaps: 2, announced: 14, lost: 3 });
  });

  test('a gap over what has come already announces only the rest', () => {
    const check = checkOf(0, 1, 2, 3);
    check.announced(0, 2, 5);
    check.announced(0, 1, 2);
    expect(check.verdict).toMatchObject({ announced: 2, gaps: 2, lost: 0 });
    expect(check.lastOf(0)).toBe(5);
  });

  test('coming back does not move where it began', () => {
    const check = checkOf(5, 6, 7);
    check.joined(0, 9);
    check.delivered(0, 10);
    expect(check.verdict.lost).toBe(2);
  });

  test('another log: counted on from there, and said', () => {
    const check = checkOf(0, ...rangeOf(1, 8));
    check.historyLost(0, 2);
    check.delivered(0, 3);
    check.close(0, 4);
    expect(check.verdict).toEqual({ ...CLEAN, expected: 10, received: 9, lost: 1, gaps: 1, historiesLost: 1 });
  });

  test('the first message without an answer before it is where it begins', () => {
    const check = new SequenceCheck(2);
    check.delivered(1, 500);
    check.close(0, 600);
    check.close(1, 501);
    expect(check.verdict).toEqual({ ...CLEAN, expected: 2, received: 1, lost: 1 });
  });

  test('without sequences only counts are checked', () => {
    const check = new SequenceCheck(1);
    for (let at = 0; at < 7; at += 1) check.deliveredUnnumbered(0);
    check.announcedCount(0, 2);
    check.close(0, 10);
    expect(check.verdict).toEqual({ ...CLEAN, expected: 10, received: 7, gaps: 1, announced: 2, lost: 1 });
  });

  test('who was away from a topic without sequences expects no more than came', () => {
    const check = new SequenceCheck(1);
    for (let at = 0; at < 7; at += 1) check.deliveredUnnumbered(0);
    check.wasAway(0);
    check.deliveredUnnumbered(0);
    expect(check.isComplete(0, 20)).toBe(true);
    check.close(0, 20);
    expect(check.verdict).toEqual({ ...CLEAN, expected: 8, received: 8 });
  });

  test('verdicts of threads add up', () => {
    const sum = addVerdicts([checkOf(0, 1, 3).verdict, checkOf(0, 1, 1).verdict]);
    expect(sum).toEqual({ ...CLEAN, received: 3, lost: 1, duplicates: 1 });
  });
});

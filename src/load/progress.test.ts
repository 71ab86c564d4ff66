import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { showProgress } from './progress.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** What is written while ten seconds of a run go by. */
function written(isTTY: boolean, columns: number, durationMs: number): string[] {
  const all: string[] = [];
  const output = { isTTY, columns, write: (text: string) => void all.push(text) };
  let number = 0;
  const end = showProgress(() => `line ${(number += 1)} of some length`, output, durationMs);
  vi.advanceTimersByTime(10_000);
  end();
  vi.advanceTimersByTime(10_000);
  return all;
}

describe('progress', () => {
  test('on a terminal is one line, rewritten and never longer than the terminal is wide', () => {
    const all = written(true, 10, 10_000);
    expect(all).toHaveLength(22);
    expect(all[0]).toBe('\r\u001b[2Kline 1 of');
    expect(all.at(-1)).toBe('\r\u001b[2K');
    expect(all.join('')).not.toContain('\n');
    expect(written(true, 0, 10_000)[0]).toContain('line 1 of some length');
  });

  test('elsewhere is a line now and then: once a second at most, thirty or so of a long run', () => {
    expect(written(false, 10, 3_000)).toHaveLength(11);
    expect(written(false, 10, 150_000)).toEqual([
      'line 1 of some length\n',
      ...[2, 3].map((n) => `line ${n} of some length\n`),
    ]);
  });
});

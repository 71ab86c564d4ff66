import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LogDestination } from './log-destination.ts';

/** What takes so many bytes at a time, and in all, before it is stuck. */
class Output {
  text = '';
  room = Infinity;
  calls = 0;
  readonly put = (_fd: number, bytes: Buffer): number => {
    this.calls += 1;
    const taken = Math.min(bytes.byteLength, 7, this.room);
    if (taken === 0) throw Object.assign(new Error('stuck'), { code: 'ENOSPC' });
    this.room -= taken;
    this.text += bytes.toString('utf8', 0, taken);
    return taken;
  };
}

let output: Output;
let destination: LogDestination;
beforeEach(() => {
  vi.useFakeTimers();
  output = new Output();
  destination = new LogDestination(1, output.put);
});
afterEach(() => {
  vi.useRealTimers();
});

test('short writes go on where they ended', () => {
  destination.write('a line of more than seven bytes\n');
  expect(output.text).toBe('a line of more than seven bytes\n');
});

test('what is not taken waits, and goes out whole and in order', () => {
  output.room = 3;
  for (const line of ['first\n', 'second\n', 'third\n']) destination.write(line);
  expect(output.text).toBe('fir');
  const { calls } = output;
  destination.write('fourth\n');
  expect(output.calls).toBe(calls);
  output.room = Infinity;
  vi.advanceTimersByTime(1_000);
  expect(output.text).toBe('first\nsecond\nthird\nfourth\n');
  expect(vi.getTimerCount()).toBe(0);
  destination.write('fifth\n');
  expect(output.text).toMatch(/fifth\n$/);
});

test('beyond its bound whole lines are lost, counted, and told of once output goes on', () => {
  const told: number[] = [];
  destination.onResumed = (lost) => told.push(lost);
  output.room = 0;
  const line = `${'x'.repeat(999)}\n`;
  for (let at = 0; at < 1_000; at += 1) destination.write(line);
  expect(destination.lost).toBe(1_000 - Math.floor(262_144 / 1_000));
  vi.advanceTimersByTime(5_000);
  expect(told).toEqual([]);
  output.room = Infinity;
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual([destination.lost]);
  expect(output.text).toBe(line.repeat(262));
  // Told once.
  output.room = 0;
  destination.write(line);
  output.room = Infinity;
  vi.advanceTimersByTime(1_000);
  expect(told).toHaveLength(1);
});

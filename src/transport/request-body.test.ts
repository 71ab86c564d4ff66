import * as fc from 'fast-check';
import type { HttpResponse } from 'uWebSockets.js-compat';
import { describe, expect, test } from 'vitest';
import { BodyBudget, IncomingBody, type Body } from './request-body.ts';

type OnData = (chunk: ArrayBuffer, isLast: boolean) => void;

/** A body that arrives by hand. */
class Arriving {
  outcomes: Body[] = [];
  readonly abandon: () => void;
  private onData: OnData = () => {};

  constructor(maxBytes: number, budget: BodyBudget) {
    const res = {
      onData: (handler: OnData) => {
        this.onData = handler;
      },
    } as unknown as HttpResponse;
    const body = new IncomingBody(res, { maxBytes }, budget, (outcome) => this.outcomes.push(outcome));
    body.admit(budget);
    this.abandon = () => body.abandon();
  }

  /** The library's memory is only good during the call. */
  arrive(bytes: Uint8Array, isLast: boolean): void {
    const chunk = new Uint8Array(bytes).buffer;
    this.onData(chunk, isLast);
    new Uint8Array(chunk).fill(0x21);
  }
}

/** How much of a budget is not in use. */
function free(budget: BodyBudget, total: number): number {
  let low = 0;
  let high = total;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const fits = budget.take(middle);
    if (fits) budget.give(middle);
    if (fits) low = middle;
    else high = middle - 1;
  }
  return low;
}

test('any text in any chunks comes out whole, once, and nothing stays held', () => {
  const budget = new BodyBudget(10_000);
  const chunks = fc.array(fc.string({ unit: 'binary', maxLength: 50 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(chunks, fc.boolean(), (parts, byByte) => {
      const body = new Arriving(5_000, budget);
      const text = Buffer.from(parts.join('')).toString();
      const pieces = byByte ? [...Buffer.from(text)].map((byte) => Uint8Array.of(byte)) : [];
      const sent = byByte ? pieces : splitBytes(Buffer.from(text), parts.length);
      if (sent.length === 0) sent.push(new Uint8Array(0));
      for (const [at, piece] of sent.entries()) body.arrive(piece, at === sent.length - 1);
      expect(body.outcomes).toEqual([{ text }]);
      expect(free(budget, 10_000)).toBe(10_000);
    }),
  );
});

/** In about equal pieces, which cut through characters. */
function splitBytes(bytes: Uint8Array, count: number): Uint8Array[] {
  const size = Math.max(1, Math.ceil(bytes.byteLength / count));
  return Array.from({ length: Math.ceil(bytes.byteLength / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
}

describe('bounds', () => {
  const piece = new Uint8Array(100).fill(0x61);

  test('a body of exactly its bound is whole, one byte more is too large and told once', () => {
    const budget = new BodyBudget(1_000);
    const fits = new Arriving(200, budget);
    fits.arrive(piece, false);
    fits.arrive(piece, true);
    expect(fits.outcomes).toEqual([{ text: 'a'.repeat(200) }]);
    const over = new Arriving(199, budget);
    for (let at = 0; at < 5; at += 1) over.arrive(piece, at === 4);
    expect(over.outcomes).toEqual([{ problem: 'too_large' }]);
    expect(free(budget, 1_000)).toBe(1_000);
  });

  test('one chunk that is too large is refused too', () => {
    const body = new Arriving(99, new BodyBudget(1_000));
    body.arrive(piece, true);
    expect(body.outcomes).toEqual([{ problem: 'too_large' }]);
  });

  test('bodies that arrive together share the budget; each gives back when it ends or goes', () => {
    const budget = new BodyBudget(250);
    const [one, two, three] = [new Arriving(200, budget), new Arriving(200, budget), new Arriving(200, budget)];
    one.arrive(piece, false);
    two.arrive(piece, false);
    three.arrive(piece, false);
    expect(three.outcomes).toEqual([{ problem: 'too_many' }]);
    one.abandon();
    one.abandon();
    expect(free(budget, 250)).toBe(150);
    two.arrive(piece, true);
    expect(two.outcomes).toEqual([{ text: 'a'.repeat(200) }]);
    expect(free(budget, 250)).toBe(250);
  });

  test('what comes at once needs no budget', () => {
    const body = new Arriving(200, new BodyBudget(0));
    body.arrive(piece, true);
    expect(body.outcomes).toEqual([{ text: 'a'.repeat(100) }]);
  });

  test('many small chunks hold about their size, not a multiple', () => {
    const budget = new BodyBudget(100_000);
    const body = new Arriving(50_000, budget);
    for (let at = 0; at < 20_000; at += 1) body.arrive(Uint8Array.of(0x61), false);
    expect(100_000 - free(budget, 100_000)).toBeLessThanOrEqual(40_000);
  });
});

test('one network holds an eighth of the whole, in any of its addresses, and what it gives back it may take again', () => {
  const budget = new BodyBudget(8_000);
  const first = budget.shareOf(() => '2001:db8::1', 100);
  const second = budget.shareOf(() => '2001:db8::2', 100);
  const other = budget.shareOf(() => '192.0.2.1', 100);
  expect([first.take(600), second.take(401), second.take(400), other.take(1_000)]).toEqual([true, false, true, true]);
  expect(free(budget, 8_000)).toBe(6_000);
  first.give(600);
  expect([second.take(601), second.take(600)]).toEqual([false, true]);
  second.give(1_000);
  other.give(1_000);
  expect(free(budget, 8_000)).toBe(8_000);
});

test('there is room for one body of the largest size, also where that is more than a share', () => {
  const budget = new BodyBudget(8_000);
  expect(budget.shareOf(() => '192.0.2.1', 3_000).take(3_000)).toBe(true);
});

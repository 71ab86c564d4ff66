import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BodyBudget } from './request-body.ts';
import { IncomingStream } from './request-stream.ts';

type OnData = (chunk: ArrayBuffer, isLast: boolean) => void;

const TOTAL = 1_000_000;

/** A body that arrives by hand. */
class Arriving {
  readonly body: IncomingStream;
  isPaused = false;
  private onData: OnData = () => {};

  constructor(budget: BodyBudget, maxBytes = TOTAL) {
    const res = {
      onData: (handler: OnData) => {
        this.onData = handler;
      },
      pause: () => (this.isPaused = true),
      resume: () => (this.isPaused = false),
    } as unknown as ConstructorParameters<typeof IncomingStream>[0];
    this.body = new IncomingStream(res, { maxBytes }, budget);
  }

  static admitted(budget: BodyBudget, maxBytes = TOTAL): Arriving {
    const arriving = new Arriving(budget, maxBytes);
    arriving.body.admit(budget);
    return arriving;
  }

  /** The library's memory is only good during the call. */
  arrive(bytes: Uint8Array, isLast = false): void {
    const chunk = new Uint8Array(bytes).buffer;
    this.onData(chunk, isLast);
    new Uint8Array(chunk).fill(0x21);
  }
}

/** Whether nothing of a budget is in use. */
function isFree(budget: BodyBudget): boolean {
  const fits = budget.take(TOTAL);
  if (fits) budget.give(TOTAL);
  return fits;
}

const piece = (length: number): Uint8Array => new Uint8Array(length).fill(0x61);

test('any pieces, read at any time, come out whole and in order, and nothing stays held', async () => {
  const step = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constant('read' as const));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(40), async (steps, admitAt) => {
      const budget = new BodyBudget(TOTAL);
      const arriving = new Arriving(budget);
      const reads: ReturnType<IncomingStream['next']>[] = [];
      const sent: Uint8Array[] = [];
      for (const [at, what] of steps.entries()) {
        if (at === admitAt) arriving.body.admit(budget);
        if (what !== 'read') {
          sent.push(what);
          arriving.arrive(what);
        } else if (reads.length === 0) reads.push(arriving.body.next());
      }
      if (admitAt >= steps.length) arriving.body.admit(budget);
      arriving.arrive(new Uint8Array(0), true);
      const read: Uint8Array[] = [];
      const [first] = await Promise.all(reads);
      if (first?.done === false) read.push(first.value);
      for await (const bytes of arriving.body) read.push(bytes);
      expect(Buffer.concat(read).equals(Buffer.concat(sent))).toBe(true);
      expect(isFree(budget)).toBe(true);
    }),
  );
});

test('the network waits while much is unread, and goes on when it is read', async () => {
  const arriving = Arriving.admitted(new BodyBudget(TOTAL));
  arriving.arrive(piece(60_000));
  expect(arriving.isPaused).toBe(false);
  arriving.arrive(piece(60_000));
  expect(arriving.isPaused).toBe(true);
  expect((await arriving.body.next()).value).toHaveLength(120_000);
  expect(arriving.isPaused).toBe(false);
});

test('many small pieces hold about their size, and are read together', async () => {
  const budget = new BodyBudget(TOTAL);
  const arriving = Arriving.admitted(budget);
  for (let at = 0; at < 20_000; at += 1) arriving.arrive(Uint8Array.of(0x61));
  expect(budget.take(TOTAL - 40_000)).toBe(true);
  expect((await arriving.body.next()).value).toHaveLength(20_000);
});

describe('what breaks off is told to its reader, and gives back what it held', () => {
  const cases: readonly (readonly [string, string, (arriving: Arriving) => void])[] = [
    ['one byte more than its bound', 'payload_too_large', (arriving) => arriving.arrive(piece(501))],
    ['the client has gone', 'malformed', ({ body }) => body.abandon()],
    ['the request is answered', 'malformed', ({ body }) => body.answered()],
  ];
  test.each(cases)('%s', async (_what, reason, breakOff) => {
    const budget = new BodyBudget(TOTAL);
    const arriving = Arriving.admitted(budget, 1_000);
    arriving.arrive(piece(500));
    expect((await arriving.body.next()).value).toHaveLength(500);
    const waiting = arriving.body.next();
    breakOff(arriving);
    await expect(waiting).rejects.toMatchObject({ name: 'BodyError', refusal: { reason } });
    await expect(arriving.body.next()).rejects.toMatchObject({ refusal: { reason } });
    arriving.arrive(piece(100));
    expect([isFree(budget), arriving.isPaused]).toEqual([true, false]);
  });

  test('no room in the budget', async () => {
    const arriving = Arriving.admitted(new BodyBudget(1_000));
    arriving.arrive(piece(900));
    arriving.arrive(piece(900));
    await expect(arriving.body.next()).rejects.toMatchObject({ refusal: { reason: 'over_capacity' } });
  });

  test('a reader that leaves drops what follows, and the network goes on', async () => {
    const budget = new BodyBudget(TOTAL);
    const arriving = Arriving.admitted(budget);
    arriving.arrive(piece(200_000));
    for await (const bytes of arriving.body) {
      expect(bytes).toHaveLength(200_000);
      arriving.arrive(piece(200_000));
      break;
    }
    arriving.arrive(piece(200_000), true);
    expect([isFree(budget), arriving.isPaused]).toEqual([true, false]);
  });

  test('the last piece is given back when the answer is given before the end was asked for', async () => {
    const budget = new BodyBudget(TOTAL);
    const arriving = Arriving.admitted(budget);
    arriving.arrive(piece(100), true);
    await arriving.body.next();
    arriving.body.answered();
    expect(isFree(budget)).toBe(true);
  });
});

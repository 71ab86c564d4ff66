import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Mailbox, type MailboxLimits, type OverflowStrategy } from './mailbox.ts';

interface Item {
  readonly number: number;
  readonly size: number;
}

function mailboxOf(limits: Partial<MailboxLimits>, displaced?: (message: string) => void): Mailbox<string> {
  return new Mailbox<string>({ capacity: 100, bytes: 1_000, strategy: 'drop_oldest', ...limits }, displaced);
}

describe('a full mailbox', () => {
  test('refuses the new message, or lets the oldest give way', () => {
    const refusing = mailboxOf({ capacity: 2, strategy: 'refuse' });
    expect(['a', 'b', 'c'].map((message) => refusing.offer(message, 1))).toEqual(['accepted', 'accepted', 'refused']);
    expect([refusing.take(), refusing.take(), refusing.take()]).toEqual(['a', 'b', undefined]);
    const gone: string[] = [];
    const dropping = mailboxOf({ capacity: 2 }, (message) => gone.push(message));
    expect(['a', 'b', 'c'].map((message) => dropping.offer(message, 1))).toEqual(['accepted', 'accepted', 'displaced']);
    expect([dropping.take(), dropping.take(), dropping.take()]).toEqual(['b', 'c', undefined]);
    expect(gone).toEqual(['a']);
  });

  test('lets as many give way as the new message needs bytes', () => {
    const gone: string[] = [];
    const mailbox = mailboxOf({ bytes: 10 }, (message) => gone.push(message));
    for (const message of ['a', 'b', 'c']) mailbox.offer(message, 3);
    expect(mailbox.offer('d', 6)).toBe('displaced');
    expect(gone).toEqual(['a', 'b']);
    expect([mailbox.length, mailbox.bytes]).toEqual([2, 9]);
  });

  test('takes a message larger than its bytes when it is empty, under both strategies', () => {
    for (const strategy of ['refuse', 'drop_oldest'] as const) {
      const mailbox = mailboxOf({ bytes: 10, strategy }, () => {});
      expect(mailbox.offer('large', 11)).toBe('accepted');
      expect(mailbox.offer('small', 1)).toBe(strategy === 'refuse' ? 'refused' : 'displaced');
    }
  });
});

test('an empty mailbox gives nothing', () => {
  const mailbox = mailboxOf({});
  expect(mailbox.take()).toBeUndefined();
  expect(mailbox.purge(() => true)).toBe(0);
  expect([mailbox.length, mailbox.bytes]).toEqual([0, 0]);
});

test('a mailbox knows since when its oldest message has waited', () => {
  const mailbox = mailboxOf({ capacity: 2 }, () => {});
  expect(mailbox.oldestAt).toBeUndefined();
  for (const at of [10, 20, 30]) mailbox.offer(`at ${at}`, 1, at);
  expect(mailbox.oldestAt).toBe(20);
  mailbox.purge((message) => message === 'at 20');
  expect(mailbox.oldestAt).toBe(30);
  mailbox.take();
  expect(mailbox.oldestAt).toBeUndefined();
});

test('a message can be undefined and still counts', () => {
  const mailbox = new Mailbox<undefined>({ capacity: 2, bytes: 10, strategy: 'refuse' });
  mailbox.offer(undefined, 3);
  expect([mailbox.length, mailbox.bytes]).toEqual([1, 3]);
  mailbox.take();
  expect([mailbox.length, mailbox.bytes]).toEqual([0, 0]);
});

test('purging keeps the order of the others', () => {
  const mailbox = mailboxOf({});
  for (const message of ['a1', 'b1', 'a2', 'b2', 'a3']) mailbox.offer(message, 2);
  expect(mailbox.purge((message) => message.startsWith('a'))).toBe(3);
  expect([mailbox.length, mailbox.bytes]).toEqual([2, 4]);
  expect([mailbox.take(), mailbox.take(), mailbox.take()]).toEqual(['b1', 'b2', undefined]);
});

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('offer' as const), size: fc.nat(60) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('take' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('purge' as const), modulus: fc.integer({ min: 1, max: 4 }) }),
    },
  ),
  { maxLength: 150, size: 'max' },
);

describe.each<OverflowStrategy>(['refuse', 'drop_oldest'])('under %s', (strategy) => {
  const bounds = fc.record({ capacity: fc.integer({ min: 1, max: 40 }), bytes: fc.integer({ min: 1, max: 500 }) });

  test('a mailbox does what a list with the same bounds does, and loses nothing silently', () => {
    fc.assert(
      fc.property(bounds, steps, ({ capacity, bytes }, list) => {
        const displaced: Item[] = [];
        const mailbox = new Mailbox<Item>({ capacity, bytes, strategy }, (item) => displaced.push(item));
        let model: Item[] = [];
        const gone: Item[] = [];
        const sum = (): number => model.reduce((total, { size }) => total + size, 0);
        for (const [number, step] of list.entries()) {
          if (step.kind === 'offer') {
            const item = { number, size: step.size };
            const fits = (): boolean => model.length === 0 || (model.length < capacity && sum() + item.size <= bytes);
            const expected = fits() ? 'accepted' : strategy === 'refuse' ? 'refused' : 'displaced';
            if (strategy === 'drop_oldest') while (!fits()) gone.push(model.shift() as Item);
            if (expected !== 'refused') model.push(item);
            expect(mailbox.offer(item, item.size, number)).toBe(expected);
          } else if (step.kind === 'take') {
            expect(mailbox.take()).toBe(model.shift());
          } else {
            const before = model.length;
            model = model.filter((item) => item.number % step.modulus !== 0);
            expect(mailbox.purge((item) => item.number % step.modulus === 0)).toBe(before - model.length);
          }
          expect([mailbox.length, mailbox.bytes]).toEqual([model.length, sum()]);
          expect(mailbox.oldestAt).toBe(model[0]?.number);
          expect(mailbox.length).toBeLessThanOrEqual(capacity);
          expect(mailbox.length === 1 || mailbox.bytes <= bytes).toBe(true);
          expect(displaced).toEqual(gone);
        }
        for (const item of model) expect(mailbox.take()).toBe(item);
        expect(mailbox.take()).toBeUndefined();
        expect(mailbox.bytes).toBe(0);
      }),
    );
  });
});

import { beforeEach, describe, expect, test } from 'vitest';
import { MessageTrace, type End, type TracedMessage, type TraceOwner } from './message-trace.ts';

function message(sequence: number): TracedMessage {
  return {
    id: `id-${sequence}`,
    topic: 'chat.a',
    epoch: 'e',
    sequence,
    from: 'ada',
    timestamp: 1_000 + sequence,
    content: '',
    stages: {},
    subscriptions: null,
    recipients: new Map(),
    others: {},
    tracedUntil: null,
  };
}

const owner = (number: number): TraceOwner => ({ number, id: `c-${number}`, principal: { user: `user${number}` } });

let evicted: string[];
let trace: MessageTrace;
let one: TracedMessage;

beforeEach(() => {
  evicted = [];
  trace = new MessageTrace({ messages: 3, recipients: 2 }, ({ id }) => evicted.push(id));
  one = message(1);
  trace.add(one);
});

function end(number: number, how: End, at = 5): void {
  trace.end(one, owner(number), how, at, null);
}

describe('the ring', () => {
  test('keeps so many messages, and the oldest leave first', () => {
    for (let sequence = 2; sequence <= 5; sequence += 1) trace.add(message(sequence));
    expect(evicted).toEqual(['id-1', 'id-2']);
    expect(trace.size).toBe(3);
    expect([...trace.messages()].map(({ sequence }) => sequence)).toEqual([3, 4, 5]);
    expect(trace.find('id-2')).toBeUndefined();
    expect(trace.find('id-3')?.sequence).toBe(3);
  });

  test('knows up to when it has forgotten', () => {
    expect(trace.evictedUntil).toBe(0);
    for (let sequence = 2; sequence <= 4; sequence += 1) trace.add(message(sequence));
    expect(trace.evictedUntil).toBe(1_001);
  });

  test('holds one message per id: the newer one, as the newest', () => {
    trace.add(message(2));
    const again = { ...message(1), epoch: 'f' };
    trace.add(again);
    expect([...trace.messages()].map(({ id }) => id)).toEqual(['id-2', 'id-1']);
    expect(trace.find('id-1')).toBe(again);
    expect([evicted, trace.evictedUntil]).toEqual([['id-1'], 1_001]);
  });
});

describe('the end of a message for a connection', () => {
  test('is its connection, user, time and cause', () => {
    trace.end(one, owner(1), 'purged', 7, 'closed');
    expect([...one.recipients]).toEqual([
      [
        1,
        {
          connection: 'c-1',
          user: 'user1',
          end: 'purged',
          at: 7,
          cause: 'closed',
          displacedAt: null,
          gap: null,
          deliveries: 0,
        },
      ],
    ]);
  });

  test('a later end takes the place of an earlier one, and when it was displaced stays known', () => {
    end(1, 'displaced', 5);
    expect(one.recipients.get(1)).toMatchObject({ end: 'displaced', at: 5, displacedAt: 5 });
    end(1, 'replayed', 9);
    expect(one.recipients.get(1)).toMatchObject({ end: 'replayed', at: 9, displacedAt: 5, deliveries: 1 });
  });

  test('a gap says what the client was told', () => {
    end(1, 'displaced');
    trace.end(one, owner(1), 'gap', 9, 'overflow', [1, 20]);
    expect(one.recipients.get(1)).toMatchObject({ end: 'gap', cause: 'overflow', gap: [1, 20] });
  });

  test.each(['displaced', 'gap', 'purged', 'lost', 'replayed'] as const)('nothing undoes a delivery: %s', (later) => {
    end(1, 'written', 5);
    end(1, later, 9);
    expect(one.recipients.get(1)).toMatchObject({ end: 'written', at: 5, deliveries: later === 'replayed' ? 2 : 1 });
  });

  test('the first delivery and the first failure are stages', () => {
    end(1, 'displaced', 4);
    expect(one.stages).toEqual({});
    end(2, 'written', 5);
    end(1, 'replayed', 6);
    expect(one.stages).toEqual({ delivered: 5 });
    end(3, 'gap', 7);
    end(4, 'purged', 8);
    expect(one.stages).toEqual({ delivered: 5, failed: 7 });
  });

  test('what fails only after it was displaced is a failure too, and what fails after a delivery is none', () => {
    end(1, 'displaced', 4);
    end(1, 'purged', 5);
    expect(one.stages).toEqual({ failed: 5 });
    const two = message(2);
    trace.end(two, owner(1), 'written', 5, null);
    trace.end(two, owner(1), 'purged', 6, 'closed');
    expect(two.stages).toEqual({ delivered: 5 });
  });
});

describe('recipients beyond the list', () => {
  test('are counted by their ends', () => {
    for (const number of [1, 2, 3, 4, 5]) end(number, 'written');
    end(6, 'replayed');
    expect([...one.recipients.keys()]).toEqual([1, 2]);
    expect(one.others).toEqual({ written: 3, replayed: 1 });
  });

  test('who did not get it takes the place of one who simply did', () => {
    for (const number of [1, 2, 3]) end(number, 'written');
    end(4, 'displaced');
    expect([...one.recipients.keys()]).toEqual([2, 4]);
    end(5, 'gap');
    expect([...one.recipients.keys()]).toEqual([4, 5]);
    expect(one.others).toEqual({ written: 3 });
    end(6, 'purged');
    expect([...one.recipients.keys()]).toEqual([4, 5]);
    expect(one.others).toEqual({ written: 3, purged: 1 });
  });

  test('who got it only by a replay after it was displaced stays listed', () => {
    end(1, 'displaced');
    end(1, 'replayed');
    end(2, 'displaced');
    end(3, 'displaced');
    expect([...one.recipients.keys()]).toEqual([1, 2]);
    expect(one.others).toEqual({ displaced: 1 });
  });
});

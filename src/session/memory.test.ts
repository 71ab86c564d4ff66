import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Refusal } from '../protocol/errors.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { sessionContract } from './contract-suite.ts';
import { MemorySessionStore } from './memory.ts';
import type { Session } from './session-store.ts';

function session(id: string, savedAt = 0): Session {
  return { id, tenant: '', user: 'ann', subscriptions: ['chat.a'], positions: {}, savedAt };
}

function load(store: MemorySessionStore, id: string): Session | null | Refusal {
  let result: Session | null | Refusal | undefined;
  store.load(id, (answer) => {
    result = answer;
  });
  if (result === undefined) throw new Error('expected an answer at once');
  return result;
}

describe('sessions', () => {
  test('are found by id until their time is over, to the millisecond', () => {
    const clock = new VirtualClock();
    const store = new MemorySessionStore(1_000, 10, clock);
    store.save(session('a'));
    expect(load(store, 'a')).toEqual(session('a'));
    expect(load(store, 'b')).toBeNull();
    clock.advance(999);
    expect(load(store, 'a')).toEqual(session('a'));
    clock.advance(1);
    expect(load(store, 'a')).toBeNull();
  });

  test('live on when they are saved again, with what was saved last', () => {
    const clock = new VirtualClock();
    const store = new MemorySessionStore(1_000, 10, clock);
    store.save(session('a', 1));
    clock.advance(800);
    store.save(session('a', 2));
    clock.advance(800);
    expect(load(store, 'a')).toEqual(session('a', 2));
    expect(store.size).toBe(1);
  });

  test('do not live on by being looked at', () => {
    const clock = new VirtualClock();
    const store = new MemorySessionStore(1_000, 10, clock);
    store.save(session('a'));
    clock.advance(900);
    load(store, 'a');
    clock.advance(100);
    expect(load(store, 'a')).toBeNull();
  });

  test('are swept away, so that nobody has to ask for them', () => {
    const clock = new VirtualClock();
    const store = new MemorySessionStore(1_000, 10, clock);
    store.save(session('a'));
    clock.advance(500);
    store.save(session('b'));
    clock.advance(500);
    store.sweep();
    expect(store.size).toBe(1);
    clock.advance(500);
    store.sweep();
    expect(store.size).toBe(0);
  });

  test('are swept away in several turns when very many expire together, and nobody is given an expired one meanwhile', () => {
    const clock = new VirtualClock();
    const store = new MemorySessionStore(1_000, 10_000, clock);
    for (let at = 0; at < 6_500; at += 1) store.save({ ...session(`s${at}`), user: `user${at}` });
    clock.advance(1_000);
    expect([store.sweep(), store.size]).toEqual(['has_time', 4_500]);
    expect(load(store, 's6499')).toBeNull();
    expect([store.sweep(), store.size]).toEqual(['has_time', 500]);
    expect([store.sweep(), store.size]).toEqual(['nothing', 0]);
  });

  test('do not outlive the node', () => {
    expect(new MemorySessionStore(1, 1, new VirtualClock()).outlivesNode).toBe(false);
  });
});

test('the store does what a list in order of saving does', () => {
  const step = fc.record({ kind: fc.constantFrom('save', 'save', 'load', 'sweep'), id: fc.nat(7), later: fc.nat(400) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), fc.integer({ min: 1, max: 6 }), (steps, capacity) => {
      const clock = new VirtualClock();
      const store = new MemorySessionStore(1_000, capacity, clock);
      let model: { readonly session: Session; readonly expires: number }[] = [];
      for (const [number, { kind, id, later }] of steps.entries()) {
        clock.advance(later);
        const now = clock.elapsed();
        if (kind === 'save') {
          const saved = session(String(id), number);
          store.save(saved);
          model = [...model.filter((entry) => entry.session.id !== saved.id), { session: saved, expires: now + 1_000 }];
          // The bound counts those too that have expired and were not swept yet.
          model = model.slice(-capacity);
        } else {
          model = model.filter(({ expires }) => expires > now);
          if (kind === 'sweep') store.sweep();
          else {
            const found = model.find((entry) => entry.session.id === String(id));
            expect(load(store, String(id))).toEqual(found?.session ?? null);
          }
        }
        expect(store.size).toBe(model.length);
      }
    }),
  );
});

describe('the bound that all share', () => {
  function of(user: string, id: string): Session {
    return { ...session(id), user };
  }

  test('is made room in by the user who has the most, the oldest first; nobody else loses one', () => {
    const store = new MemorySessionStore(1_000, 10, new VirtualClock());
    for (let at = 0; at < 4; at += 1) store.save(of(`victim${at}`, `v${at}`));
    for (let at = 0; at < 1_000; at += 1) store.save(of('mallory', `m${at}`));
    expect(store.size).toBe(10);
    for (let at = 0; at < 4; at += 1) expect(load(store, `v${at}`)).not.toBeNull();
    expect(load(store, 'm993')).toBeNull();
    expect(load(store, 'm994')).not.toBeNull();
  });

  test('has one per user beside it, and the same name in another tenant is another user', () => {
    const store = new MemorySessionStore(1_000, 10, new VirtualClock(), { perUser: 2, perTenant: Infinity });
    for (const id of ['a', 'b', 'c']) store.save(of('mallory', id));
    store.save({ ...of('mallory', 'd'), tenant: 'acme' });
    expect(['a', 'b', 'c', 'd'].map((id) => load(store, id) !== null)).toEqual([false, true, true, true]);
  });

  test('without hoarders loses the oldest of all', () => {
    const store = new MemorySessionStore(1_000, 2, new VirtualClock());
    for (const name of ['a', 'b', 'c']) store.save(of(name, name));
    expect(['a', 'b', 'c'].map((id) => load(store, id) !== null)).toEqual([false, true, true]);
  });
});

sessionContract('in memory', (bounds) => ({
  store: new MemorySessionStore(60_000, 1_000, new VirtualClock(), bounds),
  settle: async () => {},
}));

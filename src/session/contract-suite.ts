/** What every store of sessions promises about its bounds. */
import { describe, expect, test } from 'vitest';
import type { Session, SessionStore } from './session-store.ts';

export interface StoreUnderTest {
  readonly store: SessionStore;
  /** Resolves when what was saved is where it stays, and what had to leave has left. */
  settle(): Promise<void>;
}

export interface StoreBounds {
  readonly perUser: number;
  readonly perTenant: number;
}

/** Every session of a test is of another moment. */
let lastSaved = 1_790_000_000_000;

function session(tenant: string, user: string, id: string): Session {
  lastSaved += 1;
  return { id, tenant, user, subscriptions: ['chat.a'], positions: {}, savedAt: lastSaved };
}

function names(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}${at}`);
}

export function sessionContract(where: string, open: (bounds: StoreBounds) => StoreUnderTest): void {
  const kept = async (under: StoreUnderTest, ids: readonly string[]): Promise<string[]> => {
    await under.settle();
    const found = await Promise.all(
      ids.map(
        (id) => new Promise((resolve) => under.store.load(id, (answer) => resolve(answer !== null && 'id' in answer))),
      ),
    );
    return ids.filter((_, at) => found[at] === true);
  };

  describe(`the bounds of sessions ${where}`, () => {
    test('a user keeps the newest of the own, and one of the same name in another tenant is somebody else', async () => {
      const under = open({ perUser: 2, perTenant: 100 });
      for (const id of ['a', 'b', 'c']) under.store.save(session('acme', 'mallory', id));
      for (const id of ['d', 'e', 'f']) under.store.save(session('', 'mallory', id));
      under.store.save(session('other', 'mallory', 'g'));
      expect(await kept(under, ['a', 'b', 'c', 'd', 'e', 'f', 'g'])).toEqual(['b', 'c', 'e', 'f', 'g']);
    });

    test('a tenant that has too many loses those of its user who has the most; other tenants lose none', async () => {
      const under = open({ perUser: 100, perTenant: 10 });
      for (const id of names(3, 'ann')) under.store.save(session('acme', 'ann', id));
      for (const id of names(12, 'free')) under.store.save(session('', 'ann', id));
      for (const id of names(10, 'other')) under.store.save(session('other', 'bob', id));
      for (const id of names(40, 'm')) {
        under.store.save(session('acme', 'mallory', id));
        await under.settle();
      }
      expect(await kept(under, names(3, 'ann'))).toHaveLength(3);
      expect(await kept(under, names(40, 'm'))).toEqual(names(40, 'm').slice(33));
      expect(await kept(under, names(12, 'free'))).toHaveLength(12);
      expect(await kept(under, names(10, 'other'))).toHaveLength(10);
    });

    test('a tenant of many users with one each keeps the newest', async () => {
      const under = open({ perUser: 100, perTenant: 5 });
      for (const id of names(20, 's')) under.store.save(session('acme', `user of ${id}`, id));
      expect(await kept(under, names(20, 's'))).toEqual(names(20, 's').slice(15));
    });

    test('a session that is written again counts once', async () => {
      const under = open({ perUser: 2, perTenant: 3 });
      for (let at = 0; at < 10; at += 1) {
        under.store.save(session('acme', 'ann', 'a'));
        under.store.save(session('acme', 'bob', 'b'));
        await under.settle();
      }
      expect(await kept(under, ['a', 'b'])).toEqual(['a', 'b']);
    });
  });
}

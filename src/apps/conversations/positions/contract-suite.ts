/** What positions, counts and lists promise, on whichever database. */
import type { Kysely } from 'kysely';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isRefusal, type Refusal } from '../../../protocol/errors.ts';
import type { ApplicationDatabase } from '../../../database/database.ts';
import { listConversations, unreadTotal, type ListedConversation } from './list.ts';
import { markDelivered, markRead, memberPositions } from './positions.ts';
import { recount } from './recount.ts';
import { actor, PositionsRig } from './test-rig.ts';
import { setTyping } from './typing.ts';
import { randomly } from './contract-suite-random.ts';

function good<T extends object>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`expected an answer, got ${answer.reason}: ${answer.message}`);
  return answer;
}

const numbers = (to: number): number[] => Array.from({ length: to }, (_, at) => at + 1);

/** @param open two users of one database, as two nodes are */
export function positionsContract(
  name: string,
  open: () => Promise<readonly [ApplicationDatabase, ApplicationDatabase]>,
  rounds: number,
): void {
  describe(`positions: ${name}`, () => {
    let rig: PositionsRig;
    let other: PositionsRig;
    let made = 0;
    beforeAll(async () => {
      const [first, second] = await open();
      rig = new PositionsRig(first);
      other = new PositionsRig(second);
    }, 60_000);
    beforeEach(() => {
      rig.told();
      other.told();
    });
    const make = (users = ['ada', 'bob'], kind: 'private' | 'group' = 'group'): Promise<string> => {
      made += 1;
      return rig.make(`${name.toLowerCase()}-${made}`, users, kind);
    };
    const listOf = async (user: string, node = rig): Promise<readonly ListedConversation[]> => {
      const found: ListedConversation[] = [];
      let after: string | undefined;
      do {
        const page = good(await listConversations(node.ports, actor(user), { after, limit: 200 }));
        found.push(...page.conversations);
        after = page.next ?? undefined;
      } while (after !== undefined);
      return found;
    };

    test('A-12: reading moves the position once; the same place again, and an older one, move nothing and tell nobody', async () => {
      const id = await make();
      for (const _ of numbers(5)) await rig.send(id, 'ada');
      const live = { topic: `conversation.${id}.live`, payload: { event: 'read', user: 'bob', to: 3 } };
      const moved = { conversation: id, readTo: 3, unread: 2, hasMoved: true };
      expect(await markRead(rig.ports, actor('bob'), { conversation: id, to: 3 })).toEqual(moved);
      expect(rig.told()).toEqual([live]);
      expect(await markRead(other.ports, actor('bob'), { conversation: id, to: 3 })).toEqual({
        ...moved,
        hasMoved: false,
      });
      expect(await markRead(rig.ports, actor('bob'), { conversation: id, to: 1 })).toEqual({
        ...moved,
        hasMoved: false,
      });
      expect([...rig.told(), ...other.told()]).toEqual([]);
      // Ten at once, over both nodes: one of them moves it.
      const ten = await Promise.all(
        numbers(10).map((at) => markRead((at % 2 === 0 ? rig : other).ports, actor('bob'), { conversation: id })),
      );
      expect(ten.filter((it) => !isRefusal(it) && it.hasMoved)).toHaveLength(1);
      expect(ten.every((it) => !isRefusal(it) && it.unread === 0 && it.readTo === 5)).toBe(true);
      expect([...rig.told(), ...other.told()]).toHaveLength(1);
    });

    test('a place beyond the newest message means that one, and one between two messages the earlier one', async () => {
      const id = await make();
      await rig.send(id, 'ada');
      await rig.react(id);
      await rig.react(id);
      await rig.send(id, 'ada');
      await rig.react(id);
      expect(await markRead(rig.ports, actor('bob'), { conversation: id, to: 3 })).toMatchObject({
        readTo: 1,
        unread: 1,
      });
      expect(await markRead(rig.ports, actor('bob'), { conversation: id, to: 2 })).toMatchObject({ hasMoved: false });
      const end = { conversation: id, to: Number.MAX_SAFE_INTEGER };
      expect(await markRead(rig.ports, actor('bob'), end)).toMatchObject({ readTo: 4, unread: 0 });
      const empty = await make();
      expect(await markRead(rig.ports, actor('bob'), { conversation: empty })).toMatchObject({
        readTo: 0,
        hasMoved: false,
      });
      expect(await markRead(rig.ports, actor('bob'), { conversation: empty, to: 0 })).toMatchObject({
        hasMoved: false,
      });
    });

    test('what is delivered moves forward only, reading is delivery, and sending is reading', async () => {
      const id = await make(['ada', 'bob', 'eve']);
      for (const _ of numbers(4)) await rig.send(id, 'ada');
      expect(await markDelivered(rig.ports, actor('bob'), { conversation: id, to: 2 })).toEqual({
        conversation: id,
        deliveredTo: 2,
        hasMoved: true,
      });
      expect(await markDelivered(rig.ports, actor('bob'), { conversation: id, to: 1 })).toMatchObject({
        hasMoved: false,
      });
      await markRead(rig.ports, actor('bob'), { conversation: id, to: 3 });
      expect(await markDelivered(rig.ports, actor('bob'), { conversation: id, to: 3 })).toMatchObject({
        hasMoved: false,
      });
      expect(rig.told().map(({ payload }) => payload)).toEqual([
        { event: 'delivered', user: 'bob', to: 2 },
        { event: 'read', user: 'bob', to: 3 },
      ]);
      expect(good(await memberPositions(rig.ports, actor('eve'), { conversation: id })).positions).toEqual([
        { user: 'ada', readTo: 4, deliveredTo: 4 },
        { user: 'bob', readTo: 3, deliveredTo: 3 },
        { user: 'eve', readTo: 0, deliveredTo: 0 },
      ]);
    });

    test('A-10, of this room: strangers, members who left, another tenant and a conversation that is not there are told the same', async () => {
      const id = await make(['ada', 'gone', 'removed']);
      await rig.send(id, 'ada');
      const { sql } = rig.database;
      for (const [user, status] of [['gone', 'left'] as const, ['removed', 'removed'] as const])
        await sql`update conversations.members set status = ${status} where conversation = ${id} and user_id = ${user}`.execute(
          rig.database.tables(),
        );
      const askers = [actor('stranger'), actor('gone'), actor('removed'), actor('ada', 'elsewhere')];
      const asked = [...askers.map((who) => [who, id] as const), [actor('ada'), 'nowhere'] as const];
      for (const [who, conversation] of asked) {
        const answers = await Promise.all([
          markRead(rig.ports, who, { conversation }),
          markDelivered(rig.ports, who, { conversation, to: 1 }),
          memberPositions(rig.ports, who, { conversation }),
          setTyping(rig.ports, who, { conversation, isTyping: true }),
        ]);
        expect(answers.map((it) => (isRefusal(it) ? it.reason : 'an answer'))).toEqual(answers.map(() => 'not_found'));
        expect((await listOf(who.user)).filter((it) => it.id === id && who.user !== 'ada')).toEqual([]);
      }
      expect(rig.told()).toEqual([]);
    });

    test('A-22, D-16: whatever is sent, read and put away at random over two nodes, what is unread is what counting says', async () => {
      await randomly(rig, other, { seed: 7, rounds, sizes: [3, 12, 200], prefix: `${name}-random` });
      expect(await recount(rig.database, undefined)).toMatchObject({ corrections: 0 });
    });

    test('A-15: 120 conversations come newest first, in pages without overlap, while one of them gets a message; a limit is clamped', async () => {
      const user = `lister-${made}`;
      const ids: string[] = [];
      for (const _ of numbers(120)) ids.push(await make([user, 'bob', 'eve']));
      for (const id of ids) await rig.send(id, 'bob', `in ${id}`);
      expect(good(await listConversations(rig.ports, actor(user), { limit: 999 })).conversations).toHaveLength(50);
      expect(good(await listConversations(rig.ports, actor(user), {})).conversations).toHaveLength(20);
      const seen: ListedConversation[] = [];
      let after: string | undefined;
      do {
        const page = good(await listConversations(rig.ports, actor(user), { limit: 50, after }));
        seen.push(...page.conversations);
        after = page.next ?? undefined;
        // A conversation that was seen already moves to the front, and nothing comes twice.
        await rig.send(ids.at(-1) ?? '', 'bob');
      } while (after !== undefined);
      expect(seen.map(({ id }) => id)).toEqual(ids.toReversed());
      expect(seen[1]).toMatchObject({
        unread: 1,
        members: 3,
        others: [
          { user: 'bob', label: null },
          { user: 'eve', label: null },
        ],
        lastMessage: { preview: `in ${ids.at(-2)}`, from: 'bob', n: 1, id: `${ids.at(-2)}.1`, isDeleted: false },
      });
      const offset = good(await listConversations(rig.ports, actor(user), { limit: 10, offset: 115 }));
      expect(offset.conversations.map(({ id }) => id)).toEqual(ids.toReversed().slice(115));
      expect(offset.next).toBe(null);
      const refused = ['nonsense', Buffer.from('["a","b"]').toString('base64url'), 'x'.repeat(700)];
      for (const wrong of refused)
        expect(await listConversations(rig.ports, actor(user), { after: wrong })).toMatchObject({
          reason: 'invalid_field',
        });
    });

    test('A-37: a list read by another node right after a write shows it', async () => {
      const user = `fresh-${made}`;
      const id = await make([user, 'bob']);
      for (const at of numbers(20)) {
        await rig.send(id, 'bob', `message ${at}`);
        const [shown] = await listOf(user, other);
        expect([shown?.unread, shown?.lastMessage?.preview]).toEqual([1, `message ${at}`]);
        await markRead(other.ports, actor(user), { conversation: id });
        expect((await listOf(user))[0]?.unread).toBe(0);
      }
    });

    test('A-17, A-19: what was put away is in the other list until a newer message; the total is the sum of the list', async () => {
      const user = `summer-${made}`;
      const ids = [await make([user, 'bob']), await make([user, 'bob']), await make([user, 'bob'])];
      for (const [at, id] of ids.entries()) for (const _ of numbers(at + 1)) await rig.send(id, 'bob');
      const total = async (): Promise<unknown> => unreadTotal(other.ports, actor(user));
      const sum = async (): Promise<number> => (await listOf(user)).reduce((all, { unread }) => all + unread, 0);
      expect([await total(), await sum()]).toEqual([{ unread: 6, conversations: 3 }, 6]);
      await rig.database.sql`update conversations.members set archived_at = clock_timestamp()
        where conversation = ${ids[2]} and user_id = ${user}`.execute(rig.database.tables());
      expect([await total(), await sum()]).toEqual([{ unread: 3, conversations: 2 }, 3]);
      const archived = good(await listConversations(rig.ports, actor(user), { archived: true }));
      expect(archived.conversations.map(({ id }) => id)).toEqual([ids[2]]);
      await rig.send(ids[2] ?? '', 'bob');
      expect([await total(), await sum()]).toEqual([{ unread: 7, conversations: 3 }, 7]);
      await markRead(rig.ports, actor(user), { conversation: ids[0] ?? '' });
      expect(await total()).toEqual({ unread: 6, conversations: 2 });
      // Own side only.
      expect(await unreadTotal(rig.ports, actor(`nobody-${made}`))).toEqual({ unread: 0, conversations: 0 });
    });

    test('sending and reading on two nodes at once neither refuse each other nor lose anything', async () => {
      const users = numbers(10).map((at) => `u${at}`);
      const ids = [await make(users), await make(users), await make(users), await make(users)];
      const nodes = [rig, other];
      const work = numbers(400).map(async (at): Promise<unknown> => {
        const node = nodes[at % 2] ?? rig;
        const [id = '', user = ''] = [ids[at % 4], users[(at * 7) % 10]];
        return at % 3 === 0 ? node.send(id, user) : markRead(node.ports, actor(user), { conversation: id });
      });
      expect((await Promise.all(work)).filter((it) => typeof it === 'object' && it !== null && isRefusal(it))).toEqual(
        [],
      );
      expect((await recount(rig.database, undefined))?.corrections).toBe(0);
    });

    test('a recount finds a position and a count that were made wrong by hand, mends them, and then finds nothing', async () => {
      const id = await make(['ada', 'bob', 'eve']);
      for (const _ of numbers(3)) await rig.send(id, 'ada');
      await markRead(rig.ports, actor('bob'), { conversation: id, to: 2 });
      const { sql } = rig.database;
      await sql`update conversations.members set read_messages = 1 where conversation = ${id} and user_id = 'bob'`.execute(
        rig.database.tables(),
      );
      expect(await recount(rig.database, undefined)).toMatchObject({ corrections: 1, next: expect.any(String) });
      const whole = async (): Promise<number> => {
        let corrections = 0;
        for (let next: string | null | undefined; next !== null;) {
          const part = await recount(rig.database, next);
          corrections += part?.corrections ?? 0;
          next = part?.next ?? null;
        }
        return corrections;
      };
      expect(await whole()).toBe(0);
      expect((await listOf('bob')).find((it) => it.id === id)?.unread).toBe(1);
      await sql`update conversations.conversations set messages = 2 where id = ${id}`.execute(rig.database.tables());
      expect([await whole(), await whole()]).toEqual([1, 0]);
      expect(await recount(rig.database, 'nonsense')).toBe(null);
      // All of it was deleted by hand: nobody can read it any more, so it is unread for nobody.
      await sql`delete from conversations.events where conversation = ${id}`.execute(rig.database.tables());
      expect([await whole(), await whole()]).toEqual([1, 0]);
      expect((await listOf('bob')).find((it) => it.id === id)).toMatchObject({ unread: 0, lastMessage: null });
    });

    test('no operation reads a table whole', async () => {
      const user = `indexed-${made}`;
      const id = await make([user, 'bob']);
      await rig.send(id, 'bob');
      const { sql } = rig.database;
      const scans = await rig.database.transaction(async (tables) => {
        const before = await scansOf(rig, tables);
        await sql`select * from conversations.list_conversations('', ${user}, false, null, null, 0, 21, 5)`.execute(
          tables,
        );
        await sql`select * from conversations.unread_total('', ${user})`.execute(tables);
        await sql`select * from conversations.newest_conversations('', ${user}, 100)`.execute(tables);
        await sql`select * from conversations.move_positions(
          array[''], array[${id}::text], array[${user}::text], array[null::int8], array[true], false)`.execute(tables);
        const after = await scansOf(rig, tables);
        return after.map(({ table, whole, indexed }, at) => ({
          table,
          whole: whole - (before[at]?.whole ?? 0),
          isUsed: indexed > (before[at]?.indexed ?? 0),
        }));
      });
      expect(scans).toEqual(['conversations', 'events', 'members'].map((table) => ({ table, whole: 0, isUsed: true })));
    });
  });
}

/** By the statistics of the session: what a function does is nothing that EXPLAIN shows. */
async function scansOf(
  { database }: PositionsRig,
  tables: Kysely<unknown>,
): Promise<readonly { readonly table: string; readonly whole: number; readonly indexed: number }[]> {
  const { rows } = await database.sql<{ table: string; whole: number; indexed: number }>`
    select relname as table, seq_scan as whole, idx_scan as indexed from pg_stat_xact_user_tables
    where schemaname = 'conversations' and relname in ('conversations', 'events', 'members') order by relname`.execute(
    tables,
  );
  return rows;
}

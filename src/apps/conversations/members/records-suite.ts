/** What is written down, kept for a time, given out and taken away, on whichever database. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { ApplicationDatabase } from '../../../database/database.ts';
import type { Ports } from '../ports.ts';
import { systemScheduler } from '../../../telemetry/system-clock.ts';
import { listConversations } from '../positions/list.ts';
import { positionPortsOf } from '../positions/ports.ts';
import { markRead } from '../positions/positions.ts';
import { recount } from '../positions/recount.ts';
import { readPage } from '../store.ts';
import type { Tables } from '../tables.ts';
import {
  adminAudit,
  adminEvents,
  adminExport,
  adminGet,
  adminList,
  createGroup,
  deleteUser,
  exportUser,
  getConversation,
  postSystem,
} from './members.ts';
import { deleteOldAudit } from './audit.ts';
import { blankDeleted } from './people.ts';
import { deleteOld } from './retention.ts';
import { Standings } from './standings.ts';
import { readableOf } from './rights.ts';
import { actorOf, good, reasonOf, rigOf, SHOP, type Rig } from './test-rig.ts';

const DAY_MS = 86_400_000;

/** @param open two users of one database, as two nodes are */
export function recordsContract(
  name: string,
  open: () => Promise<readonly [ApplicationDatabase, ApplicationDatabase]>,
): void {
  describe(`audit, retention and deletion: ${name}`, () => {
    let databases: readonly [ApplicationDatabase, ApplicationDatabase];
    let rig: Rig;
    beforeAll(async () => {
      databases = await open();
      rig = rigOf(databases[0]);
    }, 60_000);

    const admin = { ...actorOf('root', ['service']), address: '192.0.2.7', agent: 'curl/8' };
    const group = async (owner: string, tenant = ''): Promise<string> => {
      const made = await createGroup(rig.ports, actorOf(owner, ['user'], tenant), { members: ['bob', 'eve'] });
      return good(made).conversation.id;
    };
    const say = async (conversation: string, content: string): Promise<number> =>
      good(await postSystem(rig.ports, SHOP, { conversation, content })).sequence;
    const rows = (conversation: string | null, action: string): Promise<readonly object[]> =>
      databases[0]
        .tables<Tables>()
        .selectFrom('audit')
        .select(['actor', 'is_allowed as isAllowed', 'address', 'agent'])
        .where('action', '=', action)
        .where('conversation', conversation === null ? 'is' : '=', conversation)
        .execute();
    /** As the list, the conversation and a position that does not move say it. */
    const unreadOf = async (user: string, id: string): Promise<readonly unknown[]> => {
      const ports = positionPortsOf(rig.ports);
      const list = good(await listConversations(ports, actorOf(user), {}));
      const shown = good(await getConversation(rig.ports, actorOf(user), { conversation: id }));
      const moved = good(await markRead(ports, actorOf(user), { conversation: id, to: 1 }));
      return [
        list.conversations.find((it) => it.id === id)?.unread,
        (shown.conversation['me'] as { readonly unread: number }).unread,
        moved.unread,
      ];
    };
    const later = (days: number, more: object = {}, database = databases[0]): Ports => {
      const { ports } = rigOf(database, { given: more });
      return { ...ports, host: { ...ports.host, clock: { now: () => Date.now() + days * DAY_MS, elapsed: () => 0 } } };
    };

    test('A-41: each look of an administrator is one row, and so is each refusal, with who and from where', async () => {
      const id = await group('ada');
      await say(id, 'hello');
      const looks = [
        ['view', id, (who: typeof admin) => adminGet(rig.ports, who, { conversation: id })],
        ['view_messages', id, (who: typeof admin) => adminEvents(rig.ports, who, { conversation: id })],
        ['export', id, (who: typeof admin) => adminExport(rig.ports, who, { conversation: id })],
        ['list', null, (who: typeof admin) => adminList(rig.ports, who, {})],
        ['view_audit', null, (who: typeof admin) => adminAudit(rig.ports, who, {})],
      ] as const;
      const curious = { ...admin, user: 'curious', roles: ['user'] };
      for (const [action, conversation, look] of looks) {
        expect([action, reasonOf(await look(admin)), reasonOf(await look(curious))]).toEqual([
          action,
          'ok',
          'not_allowed',
        ]);
        const place = { address: '192.0.2.7', agent: 'curl/8' };
        expect([action, await rows(conversation, action)]).toEqual([
          action,
          [
            { actor: 'root', isAllowed: true, ...place },
            { actor: 'curious', isAllowed: false, ...place },
          ],
        ]);
      }
      const { audit } = good(await adminAudit(rig.ports, admin, { limit: 3 }));
      expect(audit.map((row) => [row.actor, row.action, row.isAllowed])).toEqual([
        ['root', 'view_audit', true],
        ['curious', 'view_audit', false],
        ['root', 'view_audit', true],
      ]);
      expect(reasonOf(await adminGet(rig.ports, admin, { conversation: 'nowhere' }))).toBe('not_found');
    });

    test('A-41: administrators of a tenant see its conversations, page by page, and no others', async () => {
      const ids = [
        await group('ada', 'audited'),
        await group('ada', 'audited'),
        await group('kim', 'audited'),
      ].toSorted();
      await group('ada', 'other');
      const root = { ...admin, tenant: 'audited' };
      const first = good(await adminList(rig.ports, root, { limit: 2 }));
      const second = good(await adminList(rig.ports, root, { limit: 2, after: first.next ?? '' }));
      expect([...first.conversations, ...second.conversations].map(({ id }) => id)).toEqual(ids);
      expect(second.next).toBe(null);
      const theirs = good(await adminList(rig.ports, root, { user: 'kim' }));
      expect(theirs.conversations.map(({ createdBy }) => createdBy)).toEqual(['kim']);
      expect(reasonOf(await adminGet(rig.ports, { ...admin, tenant: 'other' }, { conversation: ids[0] ?? '' }))).toBe(
        'not_found',
      );
    });

    test('A-41: rows of the audit are deleted when they are older than audit_days, and no younger one is', async () => {
      const tables = databases[0].tables<Tables>();
      const old = { ...actorOf('archivist', ['service']), tenant: 'old' };
      for (const id of ['1', '2', '3']) await adminGet(rig.ports, old, { conversation: id });
      const all = await tables.selectFrom('audit').select(['id', 'tenant']).orderBy('id').execute();
      const mine = all.filter(({ tenant }) => tenant === 'old').map(({ id }) => id);
      expect(mine).toHaveLength(3);
      const age = (id: number | undefined, days: number): Promise<unknown> =>
        tables
          .updateTable('audit')
          .set({ at: new Date(Date.now() - days * DAY_MS) })
          .where('id', '=', id ?? 0)
          .execute();
      await age(mine[0], 31);
      await age(mine[1], 29);
      const keeping = (audit_days: number): Ports => ({
        ...rig.ports,
        settings: { ...rig.ports.settings, audit_days },
      });
      expect(await deleteOldAudit(keeping(0))).toBe(0);
      expect(await deleteOldAudit(keeping(30))).toBe(1);
      const left = await tables.selectFrom('audit').select(['id', 'tenant']).orderBy('id').execute();
      expect(left).toEqual(all.filter(({ id }) => id !== mine[0]));
    });

    test('A-44: what is older than the retention goes, two nodes at once, and the history begins behind it under the same numbers', async () => {
      const [id, young] = [await group('ada'), await group('ada')];
      for (const content of ['1', '2', '3']) await say(id, content);
      await databases[0]
        .sql`update conversations.events set sent_at = sent_at - interval '40 days' where conversation = ${id}`.execute(
        databases[0].tables(),
      );
      await say(id, '4');
      await say(young, '1');
      const given = { retention_days: 30 };
      await Promise.all(databases.map((database) => deleteOld(later(0, given, database))));
      const range = { after: 0, before: 100, limit: 100 };
      const page = await readPage(databases[0], { tenant: '', id }, range);
      expect([page?.first, page?.head, page?.messages.map(({ sequence }) => sequence)]).toEqual([4, 4, [4]]);
      const shown = good(await getConversation(rig.ports, actorOf('bob'), { conversation: id }));
      expect(shown.conversation).toMatchObject({ first: 4, sequence: 4, messages: 4, me: { unread: 1 } });
      const bob = { ...actorOf('bob'), topics: null, tokenId: undefined, issuedAt: 0, expiresAt: Infinity };
      const standings = new Standings(databases[0], systemScheduler);
      expect(await readableOf({ host: rig.ports.host, standings })(bob, `conversation.${id}`)).toBe(3);
      expect((await readPage(databases[0], { tenant: '', id: young }, range))?.messages).toHaveLength(1);
      // A year later nothing is left, and the numbers go on.
      await deleteOld(later(365, given));
      expect(await readPage(databases[0], { tenant: '', id }, range)).toMatchObject({
        first: 5,
        head: 4,
        messages: [],
      });
      expect(await unreadOf('bob', id)).toEqual([0, 0, 0]);
      expect(await say(id, '5')).toBe(5);
      expect(await unreadOf('bob', id)).toEqual([1, 1, 1]);
      await markRead(positionPortsOf(rig.ports), actorOf('bob'), { conversation: young });
      expect((await recount(databases[0], undefined))?.corrections).toBe(0);
      expect(await deleteOld(later(365, {}))).toBe(0);
    });

    test('A-44: what is kept of a user is given to the user, to administrators, and to nobody else', async () => {
      const id = await group('yves');
      good(await postSystem(rig.ports, { ...SHOP, user: 'yves' }, { conversation: id, content: 'mine' }));
      await say(id, 'not mine');
      const collect = async (lines: AsyncIterable<unknown>): Promise<unknown[]> => {
        const all: unknown[] = [];
        for await (const line of lines) all.push(line);
        return all;
      };
      const own = await collect(good(await exportUser(rig.ports, actorOf('yves'), { user: 'yves' })));
      expect(own).toMatchObject([
        { membership: { conversation: id, user: 'yves', role: 'owner' } },
        { event: { conversation: id, sequence: 1, from: 'yves', payload: { content: 'mine' } } },
      ]);
      expect(await collect(good(await exportUser(rig.ports, admin, { user: 'yves' })))).toEqual(own);
      expect(reasonOf(await exportUser(rig.ports, actorOf('bob'), { user: 'yves' }))).toBe('not_allowed');
      expect(await rows(null, 'export_user')).toMatchObject([{ actor: 'root' }, { actor: 'bob', isAllowed: false }]);
    });

    test('A-44: a user who is deleted is out of every conversation at once, and the words are blanked after thirty days', async () => {
      const [id, other] = [await group('max'), await group('max')];
      good(await postSystem(rig.ports, { ...SHOP, user: 'max' }, { conversation: id, content: 'a secret' }));
      await say(id, 'stays');
      expect(reasonOf(await deleteUser(rig.ports, actorOf('bob'), { user: 'max' }))).toBe('not_allowed');
      expect(good(await deleteUser(rig.ports, admin, { user: 'max' }))).toEqual({ conversations: 2 });
      const shown = good(await getConversation(rig.ports, actorOf('bob'), { conversation: other }));
      expect(shown.members?.map(({ user, role }) => [user, role])).toEqual([
        ['bob', 'owner'],
        ['eve', 'member'],
      ]);
      const words = async (): Promise<string[]> =>
        (await readPage(databases[0], { tenant: '', id }, { after: 0, before: 3, limit: 9 }))?.messages.map(
          (it) => it.payload,
        ) ?? [];
      await blankDeleted(later(29));
      expect((await words())[0]).toContain('a secret');
      expect(await blankDeleted(later(31))).toBe(1);
      expect((await words()).map((payload) => JSON.parse(payload) as unknown)).toEqual([
        { event: 'message', type: 'system', deleted: true },
        { event: 'message', type: 'system', content: 'stays' },
      ]);
      expect(await blankDeleted(later(31))).toBe(0);
    });
  });
}

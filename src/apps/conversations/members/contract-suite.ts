/** What holds of conversations and their members, on whichever database. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { ApplicationDatabase } from '../../../database/database.ts';
import type { Role, Tables } from '../tables.ts';
import {
  addMembers,
  archive,
  createGroup,
  getConversation,
  leave,
  openPrivate,
  openSpace,
  postSystem,
  refreshSpace,
  removeMember,
  setMember,
  setOwn,
  updateConversation,
} from './members.ts';
import { actorOf, good, reasonOf, rigOf, SHOP, type Rig } from './test-rig.ts';

const ada = actorOf('ada');

/** @param open two users of one database, as two nodes are */
export function membersContract(
  name: string,
  open: () => Promise<readonly [ApplicationDatabase, ApplicationDatabase]>,
): void {
  describe(`conversations and members: ${name}`, () => {
    let one: Rig;
    let two: Rig;
    let databases: readonly [ApplicationDatabase, ApplicationDatabase];
    const spaces = {
      members: (_tenant: string, space: string) => (space.startsWith('s') ? ['ada', 'bob', 'eve'] : null),
    };
    beforeAll(async () => {
      databases = await open();
      [one, two] = [rigOf(databases[0], { spaces }), rigOf(databases[1], { spaces })];
    }, 60_000);

    const group = async (members = ['bob', 'eve'], owner = 'ada'): Promise<string> => {
      const made = good(await createGroup(one.ports, actorOf(owner), { name: 'Group', members }));
      return made.conversation.id;
    };
    const roleOf = async (conversation: string, user: string): Promise<unknown> => {
      const row = await databases[0]
        .tables<Tables>()
        .selectFrom('members')
        .select(['role', 'status', 'history_from', 'history_to'])
        .where('conversation', '=', conversation)
        .where('user_id', '=', user)
        .executeTakeFirst();
      return row;
    };

    test('A-13, A-16, D-18: fifty who make the conversation of a pair at the same time on two nodes, in either order, get one', async () => {
      const opened = await Promise.all(
        Array.from({ length: 50 }, (_, at) => {
          const [user, other] = at % 4 < 2 ? ['pia', 'quin'] : ['quin', 'pia'];
          return openPrivate((at % 2 === 0 ? one : two).ports, actorOf(user ?? ''), {
            with: other ?? '',
            metadata: { bookingId: at },
          });
        }),
      );
      const made = opened.map((it) => good(it));
      expect(new Set(made.map(({ conversation }) => conversation.id)).size).toBe(1);
      expect(made.filter(({ isNew }) => isNew)).toHaveLength(1);
      const again = good(await openPrivate(two.ports, actorOf('quin'), { with: 'pia' }));
      expect([again.isNew, again.conversation.id]).toEqual([false, made[0]?.conversation.id]);
      const told = [...one.told, ...two.told].filter(({ payload }) =>
        JSON.stringify(payload).includes(again.conversation.id),
      );
      expect(told).toHaveLength(1);
    });

    test('A-13: nobody has a conversation with himself, and tenants have their own', async () => {
      expect(reasonOf(await openPrivate(one.ports, ada, { with: 'ada' }))).toBe('invalid_field');
      const here = good(await openPrivate(one.ports, ada, { with: 'bob' }));
      const there = good(await openPrivate(one.ports, actorOf('ada', ['user'], 'acme'), { with: 'bob' }));
      expect(here.conversation.id).not.toBe(there.conversation.id);
    });

    test('A-48: the labels of a pair and the metadata of a booking are kept as they came', async () => {
      const metadata = { bookingId: 'b-17', more: [1, null, { a: 'x' }] };
      const input = { with: 'artist', label: 'customer', withLabel: 'artist', metadata };
      const { conversation } = good(await openPrivate(one.ports, actorOf('buyer'), input));
      expect(conversation['metadata']).toEqual(metadata);
      const shown = good(await getConversation(one.ports, actorOf('artist'), { conversation: conversation.id }));
      expect(shown.members?.map(({ user, label }) => [user, label])).toEqual([
        ['artist', 'artist'],
        ['buyer', 'customer'],
      ]);
      const tooLarge = { with: 'x', metadata: { text: 'x'.repeat(5_000) } };
      expect(reasonOf(await openPrivate(one.ports, ada, tooLarge))).toBe('invalid_field');
    });

    test('D-18: the members of a pair are fixed', async () => {
      const { conversation } = good(await openPrivate(one.ports, ada, { with: 'bob' }));
      const id = conversation.id;
      const answers = [
        await addMembers(one.ports, ada, { conversation: id, users: ['eve'] }),
        await removeMember(one.ports, ada, { conversation: id, user: 'bob' }),
        await leave(one.ports, ada, { conversation: id }),
        await setMember(one.ports, ada, { conversation: id, user: 'bob', role: 'reader' }),
        await updateConversation(one.ports, ada, { conversation: id, name: 'Pair' }),
        await addMembers(one.ports, SHOP, { conversation: id, users: ['eve'] }),
      ];
      expect(answers.map(reasonOf)).toEqual(answers.map(() => 'wrong_state'));
    });

    test('D-19: a group has three members or more, a name and a description', async () => {
      const small = await createGroup(one.ports, ada, { members: ['bob', 'bob', 'ada'] });
      expect(reasonOf(small)).toBe('invalid_field');
      const id = await group();
      const { conversation } = good(
        await updateConversation(one.ports, ada, { conversation: id, name: 'Trip', description: 'To the sea' }),
      );
      expect(conversation).toMatchObject({ kind: 'group', name: 'Trip', description: 'To the sea', sequence: 0 });
      expect(one.published.at(-1)).toMatchObject({
        topic: `conversation.${id}`,
        message: { from: 'ada', payload: { event: 'changed', name: 'Trip' }, at: { sequence: 1 } },
      });
    });

    test('D-19: who comes and who goes is an event in sequence, and ends what was allowed; readable is what was said between', async () => {
      const id = await group();
      const events = (): unknown[] =>
        one.published
          .filter(({ topic }) => topic === `conversation.${id}`)
          .map(({ message }) => [message.at?.sequence, message.payload]);
      good(await addMembers(one.ports, ada, { conversation: id, users: ['zoe', 'bob'] }));
      good(await postSystem(one.ports, SHOP, { conversation: id, content: 'hello' }));
      one.rights.length = 0;
      good(await removeMember(one.ports, ada, { conversation: id, user: 'zoe' }));
      expect(events()).toEqual([
        [1, { event: 'members', changes: [{ user: 'zoe', role: 'member', status: 'active' }] }],
        [2, { event: 'message', type: 'system', content: 'hello', n: 1 }],
        [3, { event: 'members', changes: [{ user: 'zoe', role: 'member', status: 'removed' }] }],
      ]);
      expect(one.rights).toEqual([
        { user: { tenant: '', user: 'zoe' }, topic: `conversation.${id}` },
        { user: { tenant: '', user: 'zoe' }, topic: `conversation.${id}.live` },
      ]);
      expect(one.told.at(-1)).toEqual({ user: 'zoe', payload: { event: 'removed', conversation: id } });
      expect(await roleOf(id, 'zoe')).toMatchObject({ status: 'removed', history_from: 0, history_to: 3 });
      good(await addMembers(one.ports, ada, { conversation: id, users: ['zoe'] }));
      expect(await roleOf(id, 'zoe')).toMatchObject({ status: 'active', history_from: 3, history_to: null });
    });

    test('D-19: fifty changes of one group on two nodes have numbers without a hole', async () => {
      const id = await group();
      const users = Array.from({ length: 50 }, (_, at) => `user${at}`);
      await Promise.all(
        users.map(async (user, at) =>
          good(await addMembers((at % 2 === 0 ? one : two).ports, ada, { conversation: id, users: [user] })),
        ),
      );
      const { conversation } = good(await getConversation(one.ports, ada, { conversation: id }));
      expect(conversation).toMatchObject({ sequence: 50, messages: 0 });
    });

    test('D-20: who speaks first in a space makes its conversation, which has one id and keeps that of the space', async () => {
      const opened = await Promise.all(
        [one, two].map(({ ports }, at) => openSpace(ports, actorOf(at === 0 ? 'ada' : 'bob'), { space: 's-sea' })),
      );
      const made = opened.map((it) => good(it));
      expect(made[0]?.conversation.id).toBe(made[1]?.conversation.id);
      expect(made.filter(({ isNew }) => isNew)).toHaveLength(1);
      expect(made[0]?.conversation).toMatchObject({ kind: 'space', metadata: { space: 's-sea' } });
      expect(reasonOf(await openSpace(one.ports, actorOf('stranger'), { space: 's-sea' }))).toBe('not_found');
      expect(reasonOf(await openSpace(one.ports, ada, { space: 'none' }))).toBe('not_found');
    });

    test('D-20: a later member of a space joins when it is opened, and reads everything by the rule', async () => {
      const users = ['ada'];
      const ports = { ...one.ports, spaces: { members: () => users } };
      const { conversation } = good(await openSpace(ports, ada, { space: 'later' }));
      good(await postSystem(ports, SHOP, { conversation: conversation.id, content: 'one' }));
      users.push('kim');
      const opened = good(await openSpace(ports, actorOf('kim'), { space: 'later' }));
      expect(opened.conversation).toMatchObject({ me: { status: 'active', unread: 0 } });
      expect(await roleOf(conversation.id, 'kim')).toMatchObject({ history_from: 0, status: 'active' });
      const refreshed = good(await refreshSpace(ports, SHOP, { conversation: conversation.id, users: ['kim', 'lea'] }));
      expect(refreshed).toEqual({ added: ['lea'], removed: ['ada'] });
      expect(reasonOf(await refreshSpace(ports, ada, { conversation: conversation.id, users: [] }))).toBe('not_found');
    });

    test('D-20: who is not in a space any more is told so, under the own role, and an owner that goes leaves an heir', async () => {
      const ports = { ...one.ports, spaces: null };
      const { conversation } = good(await openSpace(ports, SHOP, { space: 'heirs', members: ['ada', 'bob', 'kim'] }));
      const { id } = conversation;
      good(await setMember(ports, SHOP, { conversation: id, user: 'ada', role: 'owner' }));
      good(await setMember(ports, SHOP, { conversation: id, user: 'kim', role: 'admin' }));
      for (const list of [one.told, one.published, one.rights]) list.length = 0;
      good(await refreshSpace(ports, SHOP, { conversation: id, users: ['bob', 'kim', 'lea'] }));
      expect(one.told).toEqual([
        { user: 'lea', payload: { event: 'conversation', conversation: id, kind: 'space' } },
        { user: 'ada', payload: { event: 'removed', conversation: id } },
      ]);
      expect(one.published[0]?.message.payload).toMatchObject({
        event: 'members',
        changes: [
          { user: 'lea', role: 'member', status: 'active' },
          { user: 'ada', role: 'owner', status: 'removed' },
          { user: 'kim', role: 'owner', status: 'active' },
        ],
      });
      expect(await roleOf(id, 'kim')).toMatchObject({ role: 'owner' });
    });

    test('D-20: without a product that knows its members a space begins with those that a backend names', async () => {
      const ports = { ...one.ports, spaces: null };
      expect(reasonOf(await openSpace(ports, ada, { space: 'plain', members: ['ada'] }))).toBe('not_found');
      good(await openSpace(ports, SHOP, { space: 'plain', members: ['ada', 'bob'] }));
      expect(good(await openSpace(ports, ada, { space: 'plain' })).isNew).toBe(false);
      expect(reasonOf(await openSpace(ports, actorOf('stranger'), { space: 'plain' }))).toBe('not_found');
    });

    test('D-22: an invited member takes part after saying so, and a refusal is a departure', async () => {
      const id = await group();
      good(await addMembers(one.ports, ada, { conversation: id, users: ['kim', 'lea'], invite: true }));
      expect(await roleOf(id, 'kim')).toMatchObject({ status: 'pending' });
      good(await setOwn(one.ports, actorOf('kim'), { conversation: id, accept: true }));
      good(await leave(one.ports, actorOf('lea'), { conversation: id }));
      expect([await roleOf(id, 'kim'), await roleOf(id, 'lea')]).toMatchObject([
        { status: 'active' },
        { status: 'left' },
      ]);
      expect(reasonOf(await setOwn(one.ports, actorOf('lea'), { conversation: id, accept: true }))).toBe('not_found');
    });

    test('D-22: nobody has a say over a role that is not below the own one, and an owner is never without heir', async () => {
      const id = await group(['adm', 'mod', 'mem', 'other']);
      const set = (who: string, user: string, role: Role): Promise<string> =>
        setMember(one.ports, actorOf(who), { conversation: id, user, role }).then(reasonOf);
      expect(await set('ada', 'adm', 'admin')).toBe('ok');
      expect(await set('adm', 'mod', 'moderator')).toBe('ok');
      expect(await set('adm', 'mem', 'admin')).toBe('not_allowed');
      expect(await set('adm', 'ada', 'member')).toBe('not_allowed');
      expect(await set('mod', 'mem', 'reader')).toBe('not_allowed');
      expect(await set('mem', 'mem', 'owner')).toBe('not_allowed');
      const remove = (who: string, user: string): Promise<string> =>
        removeMember(one.ports, actorOf(who), { conversation: id, user }).then(reasonOf);
      expect(await remove('mod', 'adm')).toBe('not_allowed');
      expect(await remove('mem', 'other')).toBe('not_allowed');
      expect(await remove('mod', 'other')).toBe('ok');
      expect(await set('ada', 'mod', 'owner')).toBe('ok');
      expect(await roleOf(id, 'ada')).toMatchObject({ role: 'admin' });
      good(await leave(one.ports, actorOf('mod'), { conversation: id }));
      // Both are admins, and ada has been there as long: somebody of them is the owner.
      const owners = await Promise.all(['ada', 'adm'].map((user) => roleOf(id, user)));
      expect(owners.filter((it) => (it as { role: string }).role === 'owner')).toHaveLength(1);
    });

    test('D-22: a flag lifts and lowers what the role says', async () => {
      const id = await group();
      const add = (user: string): Promise<string> =>
        addMembers(one.ports, actorOf('bob'), { conversation: id, users: [user] }).then(reasonOf);
      expect(await add('x1')).toBe('not_allowed');
      good(await setMember(one.ports, ada, { conversation: id, user: 'bob', canAdd: true }));
      expect(await add('x1')).toBe('ok');
      good(await setMember(one.ports, ada, { conversation: id, user: 'bob', canAdd: null }));
      expect(await add('x2')).toBe('not_allowed');
    });

    test('A-17: an archived conversation is put away for its member alone, until there is a newer message', async () => {
      const id = await group();
      const isArchived = async (user: string): Promise<unknown> => {
        const { conversation } = good(await getConversation(one.ports, actorOf(user), { conversation: id }));
        return (conversation['me'] as { isArchived: boolean }).isArchived;
      };
      good(await archive(one.ports, ada, { conversation: id }));
      expect([await isArchived('ada'), await isArchived('bob')]).toEqual([true, false]);
      good(await addMembers(one.ports, ada, { conversation: id, users: ['kim'] }));
      expect(await isArchived('ada')).toBe(true);
      good(await postSystem(one.ports, SHOP, { conversation: id, content: 'news' }));
      expect(await isArchived('ada')).toBe(false);
      good(await archive(one.ports, ada, { conversation: id }));
      good(await archive(one.ports, ada, { conversation: id, isArchived: false }));
      expect(await isArchived('ada')).toBe(false);
      expect(reasonOf(await archive(one.ports, actorOf('stranger'), { conversation: id }))).toBe('not_found');
    });

    test('A-43, A-48: a dispute is a system message in sequence and the status resolved, of a backend alone, and is written down', async () => {
      const { conversation } = good(await openPrivate(one.ports, ada, { with: 'dan' }));
      const input = { conversation: conversation.id, content: 'Refunded', status: 'resolved' as const };
      expect(reasonOf(await postSystem(one.ports, ada, input))).toBe('not_found');
      const posted = good(await postSystem(one.ports, SHOP, { ...input, metadata: { bookingId: 'b-1' } }));
      expect(posted).toEqual({ message: `${conversation.id}.1`, sequence: 1 });
      const after = good(await getConversation(one.ports, actorOf('dan'), { conversation: conversation.id }));
      expect(after.conversation).toMatchObject({ status: 'resolved', messages: 1, sequence: 2, me: { unread: 1 } });
      expect(one.published.slice(-2).map(({ message }) => message.payload)).toEqual([
        { event: 'message', type: 'system', content: 'Refunded', metadata: { bookingId: 'b-1' }, n: 1 },
        { event: 'changed', status: 'resolved' },
      ]);
      const audited = await databases[0]
        .tables<Tables>()
        .selectFrom('audit')
        .select(['actor', 'action', 'is_allowed'])
        .where('conversation', '=', conversation.id)
        .execute();
      expect(audited).toEqual([{ actor: 'shop', action: 'system_message resolved', is_allowed: true }]);
    });

    test('A-10, of these operations: strangers hear the same of a conversation of others and of none', async () => {
      const id = await group();
      const stranger = actorOf('stranger');
      const said = async (conversation: string): Promise<string> => {
        const { ports } = one;
        const answers = [
          await getConversation(ports, stranger, { conversation }),
          await updateConversation(ports, stranger, { conversation, name: 'mine' }),
          await archive(ports, stranger, { conversation }),
          await addMembers(ports, stranger, { conversation, users: ['stranger'] }),
          await removeMember(ports, stranger, { conversation, user: 'ada' }),
          await leave(ports, stranger, { conversation }),
          await setMember(ports, stranger, { conversation, user: 'ada', role: 'reader' }),
          await setOwn(ports, stranger, { conversation, accept: true }),
          await postSystem(ports, stranger, { conversation, content: 'x' }),
          await refreshSpace(ports, stranger, { conversation, users: [] }),
        ];
        expect(answers.map(reasonOf)).toEqual(answers.map(() => 'not_found'));
        return JSON.stringify(answers).replaceAll(conversation, 'X');
      };
      expect(await said(id)).toBe(await said('nowhere'));
      // A member of another tenant is a stranger.
      expect(reasonOf(await getConversation(one.ports, actorOf('ada', ['user'], 'acme'), { conversation: id }))).toBe(
        'not_found',
      );
    });
  });
}

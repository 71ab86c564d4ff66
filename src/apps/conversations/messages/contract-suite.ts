/** What the operations on messages promise, on whichever database. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { ApplicationDatabase } from '../../../database/database.ts';
import { isRefusal, type Refusal } from '../../../protocol/errors.ts';
import { readPage } from '../store.ts';
import { TYPES } from './body.ts';
import { edit } from './edit.ts';
import { messagesOf, type PageInput } from './page.ts';
import { react } from './react.ts';
import { remove } from './remove.ts';
import { search } from './search.ts';
import { send, type SentMessage } from './send.ts';
import { actorOf, makeConversation, rigOf, type Rig, NO_UPLOADS } from './test-rig.ts';
import type { MessageView } from './view.ts';

const [ada, bob, eve] = [actorOf('ada'), actorOf('bob'), actorOf('eve')];
const backend = actorOf('desk', ['service']);
const numbers = (to: number): number[] => Array.from({ length: to }, (_, at) => at + 1);
const FILE = { url: '/files/1', name: 'cat.png', size: 7, mime: 'image/png' };
const claims: string[] = [];
const uploads = {
  claim: (_: unknown, named: readonly string[], claim: string) => {
    claims.push(claim);
    return named.every((it) => it === 'up') ? [FILE] : null;
  },
  unclaim: (_: unknown, named: readonly string[], claim: string) => {
    if (named[0] === 'up') claims.splice(claims.indexOf(claim), 1);
  },
};

function told<T extends object>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`expected an answer, got ${answer.reason}: ${answer.message}`);
  return answer;
}

function refused(answer: object): unknown {
  if (!isRefusal(answer)) throw new Error(`expected a refusal, got ${JSON.stringify(answer)}`);
  const { reason, details } = answer;
  return details?.['field'] === undefined ? reason : [reason, details['field']];
}

/** @param open two users of one database, as two nodes are */
export function messagesContract(
  name: string,
  open: () => Promise<readonly [ApplicationDatabase, ApplicationDatabase]>,
): void {
  describe(`messages: ${name}`, () => {
    let rig: Rig;
    let other: Rig;
    let database: ApplicationDatabase;
    beforeAll(async () => {
      const [first, second] = await open();
      database = first;
      rig = rigOf(first, uploads);
      other = rigOf(second);
    }, 60_000);

    const say = async (conversation: string, content: string, more: object = {}, from = ada): Promise<SentMessage> =>
      told(await send(rig.ports, from, { conversation, body: { content, ...more } }));
    const pageOf = async (input: PageInput, as = ada): Promise<readonly MessageView[]> =>
      told(await messagesOf(rig.ports, as, input)).messages;
    const everything = async (id: string): Promise<string> =>
      JSON.stringify(await readPage(database, { tenant: '', id }, { after: 0, before: 1_000, limit: 1_000 }));

    test('D-23: every type goes out and comes back as it was, and A-21: only a backend sends system messages', async () => {
      const conversation = await makeConversation(database);
      for (const type of TYPES) {
        const isFile = ['image', 'file', 'audio', 'video'].includes(type);
        const body = { type, content: `a ${type}`, ...(isFile && { attachments: ['up'] }) };
        const answer = await send(rig.ports, ada, { conversation, body });
        if (type === 'system') expect(refused(answer)).toBe('not_allowed');
        else expect(told(answer)).toMatchObject({ payload: { event: 'message', type, content: `a ${type}` } });
      }
      const posted = told(
        await send(rig.ports, backend, { conversation, body: { type: 'system', content: 'closed' } }),
      );
      expect(posted.payload).toEqual({ event: 'message', type: 'system', content: 'closed', n: 7 });
      // A backend is no member.
      expect(refused(await send(rig.ports, backend, { conversation, body: { content: 'hi' } }))).toBe('not_found');
      const page = await pageOf({ conversation });
      expect(page.map(({ type, n }) => [type, n])).toEqual(TYPES.map((type, at) => [type, at + 1]));
      expect(page[1]).toMatchObject({ attachments: [FILE] });
    });

    test('A-21: who may send what, by role, flag and status', async () => {
      const conversation = await makeConversation(database, ['ada', 'reader', 'muted', 'textual', 'gone']);
      const set = async (user: string, role: string, flags: string): Promise<unknown> =>
        database.sql`update conversations.members set role = ${role}, can_send = ${flags === 'muted' ? false : null},
          can_upload = ${flags === 'textual' ? false : null}, status = ${flags === 'left' ? 'left' : 'active'}
          where conversation = ${conversation} and user_id = ${user}`.execute(database.tables());
      await set('reader', 'reader', '');
      await set('muted', 'admin', 'muted');
      await set('textual', 'member', 'textual');
      await set('gone', 'owner', 'left');
      const text = { content: 'hello' };
      const image = { type: 'image', attachments: ['up'] };
      const outcomes = async (body: object): Promise<unknown[]> =>
        Promise.all(
          ['ada', 'reader', 'muted', 'textual', 'gone', 'eve'].map(async (user) => {
            const answer = await send(rig.ports, actorOf(user), { conversation, body: { ...body } });
            return isRefusal(answer) ? answer.reason : 'sent';
          }),
        );
      expect(await outcomes(text)).toEqual(['sent', 'not_allowed', 'not_allowed', 'sent', 'not_found', 'not_found']);
      const files = ['sent', 'not_allowed', 'not_allowed', 'not_allowed', 'not_found', 'not_found'];
      expect(await outcomes(image)).toEqual(files);
      await database.sql`update conversations.conversations set status = 'closed' where id = ${conversation}`.execute(
        database.tables(),
      );
      expect((await outcomes(text)).slice(0, 2)).toEqual(['wrong_state', 'not_allowed']);
    });

    test('D-10: the same id is the same message, on two nodes at once, later, and when it was edited or deleted since', async () => {
      const conversation = await makeConversation(database);
      const again = async (where: Rig, content = 'once'): Promise<SentMessage> =>
        told(await send(where.ports, ada, { conversation, clientId: 'optimistic-1', body: { content } }));
      const both = await Promise.all([again(rig), again(other), again(rig)]);
      expect(both.map(({ sequence }) => sequence)).toEqual([1, 1, 1]);
      expect(both.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      told(await edit(rig.ports, ada, { conversation, sequence: 1, content: 'edited' }));
      expect(await again(rig)).toMatchObject({ duplicate: true, sequence: 1, payload: { content: 'edited' } });
      told(await remove(rig.ports, ada, { conversation, sequence: 1 }));
      expect((await again(rig)).payload).toEqual({ event: 'message', type: 'text', deleted: true, n: 1 });
      const bobs = await send(rig.ports, bob, { conversation, clientId: 'optimistic-1', body: { content: 'mine' } });
      expect(told(bobs)).toMatchObject({ duplicate: false, n: 2 });
    });

    test('sending reads what was there: the position of the sender is that of the own message, in both numbers', async () => {
      const conversation = await makeConversation(database);
      await say(conversation, 'one');
      told(await react(rig.ports, bob, { conversation, sequence: 1, emoji: '👍' }));
      await Promise.all([say(conversation, 'two', {}, bob), say(conversation, 'three', {}, bob)]);
      const { rows } = await database.sql`select user_id as user, read_to as "to", read_messages as n, delivered_to as d
        from conversations.members where conversation = ${conversation} order by 1`.execute(database.tables());
      expect(rows).toEqual([
        { user: 'ada', to: 1, n: 1, d: 1 },
        { user: 'bob', to: 4, n: 3, d: 4 },
      ]);
      const { rows: heads } =
        await database.sql`select head, messages, last_message as last from conversations.conversations
        where id = ${conversation}`.execute(database.tables());
      expect(heads).toEqual([{ head: 4, messages: 3, last: 4 }]);
    });

    test('D-25: an answer to a missing, deleted or foreign message is refused, and a thread is its first message and its answers', async () => {
      const [conversation, elsewhere] = [await makeConversation(database), await makeConversation(database)];
      await say(elsewhere, 'foreign');
      await say(elsewhere, 'foreign too');
      const first = await say(conversation, 'question');
      const answer = await say(conversation, 'answer', { parent: first.sequence }, bob);
      const deeper = await say(conversation, 'thanks', { parent: answer.sequence });
      await say(conversation, 'beside');
      expect(deeper.payload).toMatchObject({ parent: answer.sequence, thread: first.sequence });
      const thread = await pageOf({ conversation, thread: first.sequence });
      expect(thread.map(({ content }) => content)).toEqual(['question', 'answer', 'thanks']);
      const told1 = told(await react(rig.ports, bob, { conversation, sequence: first.sequence, emoji: '👍' }));
      const wrong = [99, told1.sequence ?? 0];
      for (const parent of wrong)
        expect(refused(await send(rig.ports, ada, { conversation, body: { content: 'x', parent } }))).toEqual([
          'invalid_field',
          'parent',
        ]);
      told(await remove(rig.ports, ada, { conversation, sequence: first.sequence }));
      const late = await send(rig.ports, bob, { conversation, body: { content: 'x', parent: first.sequence } });
      expect(refused(late)).toEqual(['invalid_field', 'parent']);
      // Strangers are not told whether there is one.
      expect(refused(await send(rig.ports, eve, { conversation, body: { content: 'x', parent: 1 } }))).toBe(
        'not_found',
      );
    });

    test('D-26: only members are mentioned, each is told once in the own inbox, and nothing of the text is in it', async () => {
      const conversation = await makeConversation(database, ['ada', 'bob', 'cai']);
      rig.told.length = 0;
      const mentions = ['bob', 'bob', 'ada', 'cai'];
      const sent = await say(conversation, 'secret words', { mentions });
      expect(sent.payload).toMatchObject({ mentions: ['bob', 'ada', 'cai'] });
      const notice = { event: 'mention', conversation, of: sent.sequence };
      expect(rig.told).toEqual(['bob', 'cai'].map((user) => ({ user: { tenant: '', user }, payload: notice })));
      const stranger = await send(rig.ports, ada, { conversation, body: { content: 'x', mentions: ['bob', 'eve'] } });
      expect(refused(stranger)).toEqual(['invalid_field', 'mentions.1']);
    });

    test('D-24, A-32: only own uploads are attached, and what is stored is what their keeper says of them', async () => {
      const conversation = await makeConversation(database);
      const image = (attachments: readonly string[]): object => ({ type: 'image', attachments });
      expect((await say(conversation, 'look', image(['up']))).payload).toMatchObject({ attachments: [FILE] });
      const foreign = { conversation, body: { ...image(['up', 'https://elsewhere.example/x.png']) } };
      expect(refused(await send(rig.ports, ada, foreign))).toEqual(['invalid_field', 'attachments']);
      const without = { ...rig.ports, uploads: NO_UPLOADS };
      const own = { conversation, body: { ...image(['up']) } };
      expect(refused(await send(without, ada, own))).toEqual(['invalid_field', 'attachments']);
    });

    test('D-24: uploads of a message that is not stored, or was stored before, are let go of', async () => {
      const conversation = await makeConversation(database);
      const image = { conversation, clientId: 'c', body: { type: 'image', attachments: ['up'] } };
      claims.length = 0;
      told(await send(rig.ports, ada, image));
      expect(claims).toHaveLength(1);
      expect(told(await send(rig.ports, ada, image)).duplicate).toBe(true);
      await database.sql`update conversations.conversations set status = 'closed' where id = ${conversation}`.execute(
        database.tables(),
      );
      expect(refused(await send(rig.ports, ada, { ...image, clientId: 'd' }))).toBe('wrong_state');
      const lost = { ...rig.ports, sender: { put: () => Promise.reject(new Error('not stored')) } as never };
      await expect(send(lost, ada, { ...image, clientId: 'e' })).rejects.toThrow('not stored');
      expect(claims).toHaveLength(1);
    });

    test('D-27: a reaction counts once per user and emoji, can be taken back, and each change is an event in sequence', async () => {
      const conversation = await makeConversation(database);
      await say(conversation, 'hello');
      rig.published.length = 0;
      const give = async (who = ada, isRemoved = false, emoji = '👍'): Promise<unknown> => {
        const { sequence, count } = told(await react(rig.ports, who, { conversation, sequence: 1, emoji, isRemoved }));
        return [sequence, count];
      };
      expect([await give(), await give(), await give(bob), await give(bob, false, '🎉')]).toEqual([
        [2, 1],
        [null, 1],
        [3, 2],
        [4, 1],
      ]);
      const [message] = await pageOf({ conversation });
      expect(message?.reactions).toEqual(
        expect.arrayContaining([
          { emoji: '👍', count: 2, mine: true },
          { emoji: '🎉', count: 1, mine: false },
        ]),
      );
      expect([await give(ada, true), await give(ada, true)]).toEqual([
        [5, 1],
        [null, 1],
      ]);
      expect(rig.published.map(({ message: { at, payload } }) => [at?.sequence, payload])).toEqual([
        [2, { event: 'reaction', of: 1, emoji: '👍', added: true }],
        [3, { event: 'reaction', of: 1, emoji: '👍', added: true }],
        [4, { event: 'reaction', of: 1, emoji: '🎉', added: true }],
        [5, { event: 'reaction', of: 1, emoji: '👍', added: false }],
      ]);
      expect(refused(await react(rig.ports, ada, { conversation, sequence: 2, emoji: '👍' }))).toBe('not_found');
    });

    test('D-27: a message has so many different reactions and no more, of all members together', async () => {
      const conversation = await makeConversation(database);
      await say(conversation, 'hello');
      await database.sql`insert into conversations.reactions (tenant, conversation, sequence, user_id, emoji)
        select '', ${conversation}, 1, 'user-' || n, 'e' || n from generate_series(1, 100) as n`.execute(
        database.tables(),
      );
      const give = (emoji: string): Promise<object> => react(rig.ports, ada, { conversation, sequence: 1, emoji });
      expect(refused(await give('one more'))).toEqual(['invalid_field', 'emoji']);
      expect(await give('e7')).toMatchObject({ count: 2 });
    });

    test('D-27: reactions that two nodes give at once are counted once', async () => {
      const conversation = await makeConversation(database);
      await say(conversation, 'hello');
      const given = { conversation, sequence: 1, emoji: '👍' };
      await Promise.all(
        [rig, other, rig, other].flatMap(({ ports }) => [react(ports, ada, given), react(ports, bob, given)]),
      );
      const [message] = await pageOf({ conversation });
      expect(message?.reactions).toEqual([{ emoji: '👍', count: 2, mine: true }]);
    });

    test('D-28: an edit changes what its sender said, where it was said, and nobody else may', async () => {
      const conversation = await makeConversation(database);
      await say(conversation, 'frist');
      rig.published.length = 0;
      expect(told(await edit(rig.ports, ada, { conversation, sequence: 1, content: 'first' })).sequence).toBe(2);
      expect(told(await edit(rig.ports, ada, { conversation, sequence: 1, content: 'first' })).sequence).toBe(null);
      const [message] = await pageOf({ conversation });
      expect(message).toMatchObject({ content: 'first', edited: true, sequence: 1, n: 1 });
      expect(message?.editedAt).toBeGreaterThanOrEqual(message?.timestamp ?? Infinity);
      expect(rig.published.map(({ message: { payload } }) => payload)).toEqual([
        { event: 'edited', of: 1, content: 'first' },
      ]);
      const by = async (who = ada, more: object = {}): Promise<unknown> =>
        refused(await edit(rig.ports, who, { conversation, sequence: 1, content: 'x', ...more }));
      expect([await by(bob), await by(eve), await by(ada, { sequence: 2 }), await by(ada, { content: ' ' })]).toEqual([
        'not_allowed',
        'not_found',
        'not_found',
        ['invalid_field', 'content'],
      ]);
      const strict = { ...rig.ports, settings: { ...rig.ports.settings, edit_secs: 1 } };
      await database.sql`update conversations.events set sent_at = sent_at - interval '1 minute'
        where conversation = ${conversation} and sequence = 1`.execute(database.tables());
      expect(refused(await edit(strict, ada, { conversation, sequence: 1, content: 'late' }))).toBe('wrong_state');
    });

    test('D-28: nothing of a deleted message is left in the table: not its text, not its edits, not its reactions', async () => {
      const conversation = await makeConversation(database, ['ada', 'bob', 'mod']);
      await database.sql`update conversations.members set role = 'moderator' where conversation = ${conversation}
        and user_id = 'mod'`.execute(database.tables());
      await say(conversation, 'the first secret', { metadata: { hidden: 'secret' } });
      told(await edit(rig.ports, ada, { conversation, sequence: 1, content: 'the second secret' }));
      told(await edit(rig.ports, ada, { conversation, sequence: 1, content: 'the third secret' }));
      told(await react(rig.ports, bob, { conversation, sequence: 1, emoji: '👍' }));
      await say(conversation, 'stays');
      rig.withdrawn.length = 0;
      expect(refused(await remove(rig.ports, bob, { conversation, sequence: 1 }))).toBe('not_allowed');
      expect(refused(await remove(rig.ports, eve, { conversation, sequence: 1 }))).toBe('not_found');
      expect(told(await remove(rig.ports, actorOf('mod'), { conversation, sequence: 1 })).sequence).toBe(6);
      expect(told(await remove(rig.ports, ada, { conversation, sequence: 1 })).sequence).toBe(null);
      // The newest that said something of it is its second edit.
      expect(rig.withdrawn).toEqual([{ topic: `conversation.${conversation}`, upTo: 3 }]);
      const kept = await everything(conversation);
      expect(kept).not.toContain('secret');
      expect(kept).toContain('stays');
      const [place, next] = await pageOf({ conversation });
      expect(place).toMatchObject({ sequence: 1, n: 1, deleted: true, type: 'text', from: 'ada' });
      expect([place?.content, place?.metadata, place?.reactions]).toEqual([undefined, undefined, undefined]);
      expect(next).toMatchObject({ sequence: 5, n: 2, content: 'stays' });
      expect(await pageOf({ conversation, withoutDeleted: true })).toHaveLength(1);
      for (const answer of [
        await edit(rig.ports, ada, { conversation, sequence: 1, content: 'back' }),
        await react(rig.ports, ada, { conversation, sequence: 1, emoji: '👍' }),
      ])
        expect(refused(answer)).toBe('wrong_state');
    });

    test('D-30: pages before and after a cursor, joined, are the whole history, also while others write', async () => {
      const conversation = await makeConversation(database);
      for (const n of numbers(10)) await say(conversation, `${n}`);
      const writing = (async () => {
        for (const n of numbers(15)) await say(conversation, `${10 + n}`, {}, n % 2 === 0 ? ada : bob);
      })();
      // A turn lets others have the one session of a database in the process.
      const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
      const back: MessageView[] = [];
      for (let before: number | undefined, hasMore = true; hasMore; await turn()) {
        const page = told(await messagesOf(rig.ports, bob, { conversation, limit: 3, ...(before && { before }) }));
        back.unshift(...page.messages);
        ({ hasMore } = page);
        before = page.messages[0]?.sequence;
      }
      const on: MessageView[] = [];
      const readOn = async (): Promise<boolean> => {
        const page = await messagesOf(rig.ports, ada, { conversation, limit: 4, after: on.at(-1)?.sequence ?? 0 });
        on.push(...told(page).messages);
        return told(page).hasMore;
      };
      for (let hasMore = true; hasMore; hasMore = await readOn()) await turn();
      await writing;
      for (let hasMore = true; hasMore; hasMore = await readOn()) await turn();
      expect(on).toHaveLength(25);
      expect(back.map(({ n }) => n)).toEqual(numbers(back.length));
      expect(on.map(({ content }) => content)).toEqual(numbers(on.length).map(String));
      expect(on.slice(0, back.length).map(({ id }) => id)).toEqual(back.map(({ id }) => id));
      const whole = told(await messagesOf(rig.ports, ada, { conversation, limit: 100 }));
      expect(whole.total).toBe(whole.messages.length);
      expect(refused(await messagesOf(rig.ports, eve, { conversation }))).toBe('not_found');
      expect(refused(await messagesOf(rig.ports, ada, { conversation, limit: 0 }))).toEqual(['invalid_field', 'limit']);
    });

    test('a member reads what the membership covers: from its beginning, and to its end', async () => {
      const conversation = await makeConversation(database, ['ada', 'late', 'gone']);
      for (const n of numbers(6)) await say(conversation, `${n}`);
      await database.sql`update conversations.members set history_from = 2 where user_id = 'late' and conversation = ${conversation}`.execute(
        database.tables(),
      );
      await database.sql`update conversations.members set status = 'left', history_to = 4 where user_id = 'gone' and conversation = ${conversation}`.execute(
        database.tables(),
      );
      const readBy = async (user: string): Promise<unknown> => {
        const { messages, total } = told(await messagesOf(rig.ports, actorOf(user), { conversation }));
        return [messages.map(({ n }) => n), total];
      };
      expect([await readBy('late'), await readBy('gone')]).toEqual([
        [[3, 4, 5, 6], 4],
        [[1, 2, 3, 4], 4],
      ]);
      const early = { conversation, body: { content: 'x', parent: 1 } };
      expect(refused(await send(rig.ports, actorOf('late'), early))).toEqual(['invalid_field', 'parent']);
    });

    test('search finds own messages alone, in any case, by what they say now, through so many at a time', async () => {
      const members = ['finn', 'bob'];
      const [mine, foreign] = [await makeConversation(database, members), await makeConversation(database)];
      const finn = actorOf('finn');
      await say(mine, 'The 100%_Needle', {}, finn);
      await say(mine, 'hay', { metadata: { note: 'needle' } }, finn);
      await say(mine, 'was a needle', {}, finn);
      await say(mine, 'gone needle', {}, finn);
      await say(foreign, 'a needle of others');
      told(await edit(rig.ports, finn, { conversation: mine, sequence: 3, content: 'is hay' }));
      told(await remove(rig.ports, finn, { conversation: mine, sequence: 4 }));
      const found = async (input: Parameters<typeof search>[2], who = finn): Promise<unknown> => {
        const { messages, next } = told(await search(rig.ports, who, input));
        return [messages.map(({ content }) => content), next];
      };
      const needle = [['The 100%_Needle'], null];
      expect(await found({ text: 'needle' })).toEqual(needle);
      expect(await found({ text: 'NEEDLE', conversation: mine })).toEqual(needle);
      expect(await found({ text: '100%_n', conversation: mine })).toEqual(needle);
      expect(await found({ text: '1%n', conversation: mine })).toEqual([[], null]);
      expect(await found({ text: 'hay', conversation: mine, limit: 1 })).toEqual([['is hay'], '3']);
      expect(await found({ text: 'hay', conversation: mine, limit: 1, from: '3' })).toEqual([['hay'], null]);
      expect(refused(await search(rig.ports, finn, { text: 'needle', conversation: foreign }))).toBe('not_found');
      expect(refused(await search(rig.ports, finn, { text: 'x' }))).toEqual(['invalid_field', 'text']);
      // More conversations than one search looks at: the cursor reaches them all, each once.
      const walker = actorOf('walker');
      const rooms = await Promise.all(numbers(25).map(() => makeConversation(database, ['walker', 'bob'])));
      await Promise.all(rooms.map((room) => say(room, `needle in ${room}`, {}, walker)));
      const seen: (string | undefined)[] = [];
      for (let from: string | undefined; ;) {
        const page = told(await search(rig.ports, walker, { text: 'needle', limit: 100, ...(from && { from }) }));
        seen.push(...page.messages.map(({ content }) => content));
        if (page.next === null) break;
        from = page.next;
      }
      expect(new Set(seen)).toEqual(new Set(rooms.map((room) => `needle in ${room}`)));
      expect(seen).toHaveLength(rooms.length);
    });
  });
}

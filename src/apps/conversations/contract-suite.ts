/** What the sending transaction promises, on whichever database. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { ApplicationDatabase } from '../../database/database.ts';
import { rigOf } from './messages/test-rig.ts';
import { Relay } from './relay.ts';
import type { Sending } from './sending-batch.ts';
import { senderOf, type Sender, type Sent, type Unsent } from './sending.ts';
import { createConversation, markAppended, readPage, unappended } from './store.ts';

const T = '';
const RANGE = { after: 0, before: Number.MAX_SAFE_INTEGER, limit: 10_000 };
const numbers = (to: number): number[] => Array.from({ length: to }, (_, at) => at + 1);

/** @param open two users of one database, as two nodes are */
export function sendingContract(
  name: string,
  open: () => Promise<readonly [ApplicationDatabase, ApplicationDatabase]>,
): void {
  describe(`the sending transaction: ${name}`, () => {
    let database: ApplicationDatabase;
    let other: ApplicationDatabase;
    beforeAll(async () => {
      [database, other] = await open();
    }, 60_000);

    let made = 0;
    const conversation = async (members = ['ada', 'bob']): Promise<string> => {
      made += 1;
      const id = `c${made}`;
      expect(await createConversation(database, { tenant: T, id, kind: 'group', epoch: `e${made}`, members })).toBe(
        true,
      );
      return id;
    };
    const message = (id: string, clientId: string | null, sender = 'ada', text = 'hello'): Sending => ({
      tenant: T,
      conversation: id,
      sender,
      clientId,
      payload: JSON.stringify({ text }),
    });
    const sequences = (sent: readonly (Sent | Unsent)[]): unknown[] =>
      sent.map((it) => (typeof it === 'string' ? it : it.sequence));
    const put = async (sender: Sender, sending: Sending): Promise<Sent> => {
      const sent = await sender.put(sending);
      if (typeof sent === 'string') throw new Error(`expected it to be stored, got ${sent}`);
      return sent;
    };
    const stored = async (id: string): Promise<number[]> =>
      (await readPage(database, { tenant: T, id }, RANGE))?.messages.map(({ sequence }) => sequence) ?? [];

    test('messages of one turn get the next numbers of their conversations, in order and without holes', async () => {
      const sender = senderOf(database);
      const [a, b] = [await conversation(), await conversation()];
      const sent = await Promise.all([a, b, a, a, b].map((id) => put(sender, message(id, null))));
      expect(sent.map(({ n }) => n)).toEqual([1, 1, 2, 3, 2]);
      expect(sequences(sent)).toEqual([1, 1, 2, 3, 2]);
      expect(sequences(await Promise.all([a, b].map((id) => sender.put(message(id, null, 'bob')))))).toEqual([4, 3]);
      expect(await stored(a)).toEqual([1, 2, 3, 4]);
      expect((await readPage(database, { tenant: T, id: a }, RANGE))?.head).toBe(4);
      const times = sent.map((it) => it.sentAt);
      expect(times.every((time) => time > 0)).toBe(true);
    });

    test('the same message again has its first number and its first text, in the same turn and later, and nobody else has its id', async () => {
      const sender = senderOf(database);
      const id = await conversation();
      const say = (clientId: string, who: string, text: string): Promise<Sent> =>
        put(sender, message(id, clientId, who, text));
      const first = await Promise.all([say('x', 'ada', 'one'), say('x', 'ada', 'two'), say('x', 'bob', 'three')]);
      expect(sequences(first)).toEqual([1, 1, 2]);
      expect(first.map((it) => it.isNew)).toEqual([true, false, true]);
      const again = await say('x', 'ada', 'four');
      expect(again).toMatchObject({ sequence: 1, isNew: false, payload: '{"text":"one"}', epoch: first[0]?.epoch });
      expect(again.sentAt).toEqual(first[0]?.sentAt);
      expect(await stored(id)).toEqual([1, 2]);
    });

    test('strangers, members who left and conversations that are not there are told the same, and take no number', async () => {
      const sender = senderOf(database);
      const id = await conversation(['ada', 'gone']);
      await database.sql`update conversations.members set status = 'left' where conversation = ${id} and user_id = 'gone'`.execute(
        database.tables(),
      );
      const sent = await Promise.all([
        sender.put(message(id, null, 'stranger')),
        sender.put(message('nowhere', null)),
        sender.put(message(id, null, 'gone')),
        sender.put({ ...message(id, null), tenant: 'elsewhere' }),
        sender.put(message(id, null)),
      ]);
      expect(sequences(sent)).toEqual(['not_found', 'not_found', 'not_found', 'not_found', 1]);
    });

    test.each([
      ['all at once', false],
      ['each alone', true],
    ])('messages of one turn that are new, known and refused have what each deserves: %s', async (_, isWarned) => {
      const sender = senderOf(database);
      const [id, closed] = [await conversation(['ada', 'bob', 'cleo', 'dan']), await conversation()];
      await database.sql`update conversations.members set role = 'reader' where conversation = ${id} and user_id = 'cleo'`.execute(
        database.tables(),
      );
      await database.sql`update conversations.members set can_upload = false where conversation = ${id} and user_id = 'dan'`.execute(
        database.tables(),
      );
      await database.sql`update conversations.conversations set status = 'closed' where id = ${closed}`.execute(
        database.tables(),
      );
      await put(sender, message(id, 'known'));
      // Behind a refusal the next batch is not tried all at once.
      if (isWarned) expect(await sender.put(message(id, null, 'stranger'))).toBe('not_found');
      const sent = await Promise.all([
        sender.put(message(id, 'known')),
        sender.put(message(id, 'new', 'bob')),
        sender.put(message(id, null, 'cleo')),
        sender.put(message(closed, null)),
        sender.put({ ...message(id, null, 'dan'), hasUploads: true }),
        sender.put(message(id, null, 'dan')),
        sender.put({ ...message(id, null, 'backend'), isService: true }),
        sender.put(message(id, 'new', 'bob')),
        sender.put({ ...message(id, null, 'ada', 'last'), parent: 2, thread: 2 }),
      ]);
      expect(sequences(sent)).toEqual([1, 2, 'not_allowed', 'wrong_state', 'not_allowed', 3, 4, 2, 5]);
      expect(sent.map((it) => typeof it !== 'string' && it.isNew)).toEqual([
        false,
        true,
        false,
        false,
        false,
        true,
        true,
        false,
        true,
      ]);
      expect(await stored(id)).toEqual([1, 2, 3, 4, 5]);
      const { rows } =
        await database.sql`select user_id, read_to, read_messages, delivered_to from conversations.members
        where conversation = ${id} order by user_id`.execute(database.tables());
      const at = (user: string, place: number): unknown => ({
        user_id: user,
        read_to: place,
        read_messages: place,
        delivered_to: place,
      });
      expect(rows).toEqual([at('ada', 5), at('bob', 2), at('cleo', 0), at('dan', 3)]);
      const { rows: threads } = await database.sql`select parent, thread from conversations.events
        where conversation = ${id} and sequence >= 4 order by sequence`.execute(database.tables());
      expect(threads).toEqual([
        { parent: null, thread: null },
        { parent: 2, thread: 2 },
      ]);
    });

    test('two nodes write to the same conversations at the same time, the same messages among them: no hole, nothing twice', async () => {
      const ids = [await conversation(), await conversation(), await conversation()];
      const senders = [senderOf(database), senderOf(other)];
      const rounds = numbers(5).map(async (round) =>
        Promise.all(
          senders.flatMap((sender, node) =>
            numbers(30).map((at) => {
              // A third is sent to both nodes under one id.
              const clientId = at % 3 === 0 ? `r${round}-${at}` : `n${node}-r${round}-${at}`;
              return put(sender, message(ids[at % ids.length] ?? '', clientId));
            }),
          ),
        ),
      );
      const sent = (await Promise.all(rounds)).flat();
      const total = 5 * (20 + 20 + 10);
      const kept = await Promise.all(ids.map(stored));
      expect(kept.map((list) => list.length).reduce((sum, length) => sum + length)).toBe(total);
      for (const list of kept) expect(list).toEqual(numbers(list.length));
      expect(sent.filter(({ isNew }) => isNew)).toHaveLength(total);
    });

    test('two who make the same conversation make one', async () => {
      const pair = { tenant: T, id: 'pair', kind: 'private', members: ['ada', 'bob'] } as const;
      const both = await Promise.all([
        createConversation(database, { ...pair, epoch: 'first' }),
        createConversation(other, { ...pair, epoch: 'second' }),
      ]);
      expect(both).toEqual(expect.arrayContaining([false, true]));
    });

    test('a hundred conversations whose log takes nothing hold up nobody, and are tried less and less often', async () => {
      await database.sql`insert into conversations.conversations (tenant, id, kind, epoch, created_by, head, changed_at)
        select 'stuck', 'stuck-' || n, 'group', 'e', 'ada', 1, now() - interval '1 hour' from generate_series(1, 130) as n`.execute(
        database.tables(),
      );
      const id = await conversation();
      await senderOf(database).put(message(id, null));
      const { ports } = rigOf(database);
      const asked: string[] = [];
      let now = 0;
      const host = {
        ...ports.host,
        scheduler: { ...ports.host.scheduler, every: () => ({ cancel: () => {} }) },
        clock: { ...ports.host.clock, elapsed: () => now },
        logPosition: (topic: string, tenant = '') => {
          asked.push(topic);
          const isStuck = tenant === 'stuck';
          return Promise.resolve(
            isStuck ? ports.host.refuse('log_unavailable', 'stuck') : { epoch: 'other', sequence: 0 },
          );
        },
      };
      const relay = new Relay(host, database, { changed: async () => {}, begun: async () => {} });
      await relay.begin();
      await relay.begin(0);
      expect((await unappended(database, 0, 1_000)).filter((it) => it.id === id)).toEqual([]);
      expect(asked.filter((topic) => topic.includes('stuck'))).toHaveLength(130);
      // Within a pause nobody asks again, and each pause is twice as long as the last one.
      for (const [at, times] of [
        [999, 1],
        [1_000, 2],
        [2_999, 2],
        [3_000, 3],
      ] as const) {
        now = at;
        await relay.begin(0);
        expect(asked.filter((topic) => topic.includes('stuck'))).toHaveLength(130 * times);
      }
      await relay.stop();
      await database.sql`delete from conversations.conversations where tenant = 'stuck'`.execute(database.tables());
    });

    test('what may be missing in the log is found until it is marked, and a mark does not go back', async () => {
      const id = await conversation();
      await senderOf(database).put(message(id, null));
      const found = async (): Promise<unknown> => (await unappended(database, 0, 1_000)).find((it) => it.id === id);
      const waiting = { tenant: T, id, head: 1, appended: 0 };
      expect(await found()).toMatchObject(waiting);
      await markAppended(database, { ...waiting, epoch: '' });
      expect(await found()).toBe(undefined);
      await senderOf(database).put(message(id, null));
      await markAppended(database, { ...waiting, epoch: '', head: 0 });
      expect(await found()).toMatchObject({ head: 2, appended: 1 });
      expect((await unappended(database, 60, 1_000)).filter((it) => it.id === id)).toEqual([]);
    });
  });
}

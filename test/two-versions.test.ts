/** The last release and this version on one Redis, as during an update and after a rollback: docs/upgrades.md. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from './harness/admin.ts';
import { connect, type Connection } from './harness/client.ts';
import { eventually, within } from './harness/deadline.ts';
import { LastRelease, lastReleaseProblem } from './harness/last-release.ts';
import type { ServerProcess } from './harness/process.ts';
import { handshake, refusalIn } from './harness/raw.ts';
import { startRedis, type RedisServer } from './harness/redis-server.ts';
import { openServer, startServer, type TestServer } from './harness/server.ts';
import { SECRET, tokenOf } from './harness/tokens.ts';

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe.skipIf(lastReleaseProblem() !== null)('two versions on one Redis', () => {
  let redis: RedisServer;
  let release: LastRelease;
  let old: ServerProcess;
  let young: TestServer;
  const shared = (name: string): Record<string, string> => ({
    'server.node_name': name,
    'redis.url': redis.url,
    'admin.token': ADMIN_TOKEN,
    'auth.jwt_secret': SECRET,
    'rate_limiting.enabled': 'false',
    'topics.subscribe': 'user',
    'topics.publish': 'user',
    'shutdown.grace_secs': '2',
  });
  const startOld = (name: string): Promise<ServerProcess> => release.start(shared(name), { PATH: process.execPath });

  beforeAll(async () => {
    redis = await startRedis();
    release = new LastRelease();
    [old, young] = await Promise.all([startOld('old'), openServer(shared('young'))]);
  });
  afterAll(async () => {
    await Promise.all([old.end(), within(young.stop(), 'the server to stop')]);
    release.remove();
  });

  /** Ports of both, in both orders. */
  const ways = [
    ['from the last release to this version', (): [number, number] => [old.port, young.port]],
    ['from this version to the last release', (): [number, number] => [young.port, old.port]],
  ] as const;

  describe.each(ways)('%s', (direction, ports) => {
    const topic = (name: string): string => `${name}.${direction.includes('from the') ? 'a' : 'b'}`;

    test('publications arrive, in both formats, with ids, sequences and the Ack that the publisher had', async () => {
      const [from, to] = ports();
      const [text, binary] = [await connect(to), await connect(to, { format: 'msgpack' })];
      for (const reader of [text, binary]) await reader.subscribe(topic('chat'));
      const publishers = [
        await connect(from, { user: 'bob' }),
        await connect(from, { user: 'carol', format: 'msgpack' }),
      ];
      const acks = (await Promise.all(publishers.map((each) => each.publishAll(topic('chat'), numbers(1, 10))))).flat();
      const inOrder = acks.map(({ data }) => [data.id, data.sequence]).sort(([, a], [, b]) => Number(a) - Number(b));
      for (const reader of [text, binary]) {
        const frames = await reader.take(20);
        expect(frames.map(({ id, data }) => [id, data.sequence])).toEqual(inOrder);
      }
    });

    test('a client resumes by its position, by its session, and reads the history', async () => {
      const [from, to] = ports();
      const reader = await connect(from);
      await reader.subscribe(topic('resume'));
      const publisher = await connect(from, { user: 'bob' });
      await publisher.publishAll(topic('resume'), [1, 2]);
      const { data, id } = (await reader.take(2))[1] ?? { data: { epoch: '', sequence: 0 } };
      await reader.close();
      await publisher.publishAll(topic('resume'), [3, 4]);
      const again = await connect(to);
      const { recovery } = await again.subscribe({ topic: topic('resume'), epoch: data.epoch, sequence: 2 });
      expect(recovery).toEqual({ [topic('resume')]: { recovered: true, missed: 2 } });
      expect((await again.take(2)).map((frame) => frame.data.payload)).toEqual([3, 4]);
      await publisher.publish(topic('resume'), 5);
      expect((await again.next('Broadcast')).data).toMatchObject({ payload: 5, sequence: 5 });
      const bySession = await connect(to);
      const missed = await bySession.missed({ since: id, session_id: reader.connected.session_id });
      // A message id allows a small overlap.
      const read = (await bySession.take(missed.count)).map((frame) => frame.data.payload);
      expect(read).toEqual(numbers(6 - read.length, 5));
      expect(read).toEqual(expect.arrayContaining([3, 4, 5]));
      expect([...again.untaken('Gap'), ...bySession.untaken('Gap')]).toEqual([]);
    });

    test('patterns find topics of the other, also new ones; direct messages and idempotency keys are shared', async () => {
      const [from, to] = ports();
      const publisher = await connect(from, { user: 'bob' });
      await publisher.publish(`${topic('room')}.before`, 1);
      const reader = await connect(to, { user: 'dora' });
      const { positions } = await reader.subscribe(`${topic('room')}.*`);
      await reader.subscribe('@me');
      expect(Object.keys(positions)).toEqual([`${topic('room')}.before`]);
      await publisher.publish(`${topic('room')}.after`, 2);
      expect((await reader.next('Broadcast')).data).toMatchObject({ topic: `${topic('room')}.after`, payload: 2 });
      await publisher.ask('DirectMessage', { target_user: 'dora', payload: 'hello' });
      expect((await reader.next('DirectMessage')).data).toMatchObject({ from_user: 'bob', payload: 'hello' });
      const once = { topic: topic('once'), payload: 'x', idempotency_key: 'k' };
      const first = await publisher.ask('Broadcast', once);
      const second = await (await connect(to, { user: 'bob' })).ask('Broadcast', once);
      expect(second.data).toMatchObject({ status: 'duplicate', id: first.data.id, sequence: first.data.sequence });
    });

    test('a command of operators is carried out on both, and the one that was asked hears so', async () => {
      const [from, to] = ports();
      const client = await connect(to, { user: 'erin' });
      const admin = new Admin(from);
      const { body: nodes } = await admin.get('/admin/nodes');
      expect(JSON.stringify(nodes)).toMatch(/"old".*"young"/);
      const notification = { type: 'SystemNotification', data: { message: 'update' } };
      const { status, body } = await admin.post('/admin/broadcast', notification);
      expect([status, JSON.stringify(body)]).toEqual([200, expect.not.stringContaining('did not answer')]);
      expect((await client.next('SystemNotification')).data).toMatchObject({ message: 'update' });
      await admin.post('/admin/emergency-mode', { mode: 'read_only' });
      expect((await client.publish(topic('closed'), 1)).data).toMatchObject({ reason: 'read_only' });
      await admin.post('/admin/emergency-mode', { mode: 'normal' });
      expect((await client.publish(topic('closed'), 1)).type).toBe('Ack');
      await admin.post('/admin/users/erin/disconnect', {});
      expect((await within(client.closed, 'the end of the connection')).code).toBeGreaterThanOrEqual(4_000);
    });
  });

  async function refusalOf(port: number, token: string): Promise<unknown> {
    const answer = await handshake(port, { Authorization: `Bearer ${token}` });
    return answer.status === 101 ? 'accepted' : refusalIn(answer)?.['reason'];
  }

  test('nodes of both versions that start later know what operators decided on either; the old one drains, and nothing is lost', async () => {
    const tokens = await Promise.all(['mallory', 'trudy'].map((user) => tokenOf(user)));
    // This version settles what the other has kept; then each decides something that the other has to find.
    await new Admin(old.port).post('/admin/tokens/revoke', { user: 'mallory' });
    const middle = await startServer(shared('middle'));
    await new Admin(middle.port).post('/admin/tokens/revoke', { user: 'trudy' });
    await new Admin(old.port).post('/admin/connections/enable-new', {});
    const [late, lateOld] = [await startServer(shared('late')), await startOld('late-old')];
    for (const token of tokens)
      for (const { port } of [late, lateOld]) expect(await refusalOf(port, token)).toBe('token_revoked');

    const drained = await drainsWithoutLoss(lateOld, late);
    expect(drained).toBe(0);
  });

  /** Clients of a node go to another one while it drains and others publish. @returns its exit code */
  async function drainsWithoutLoss(leaving: ServerProcess, staying: TestServer): Promise<number | null> {
    const readers = await Promise.all(numbers(1, 4).map((n) => connect(leaving.port, { user: `reader-${n}` })));
    for (const reader of readers) await reader.subscribe('moving');
    const publisher = await connect(young.port, { user: 'bob' });
    const last = { sequence: 0, isReached: false };
    const publishing = (async () => {
      for (let n = 1; !last.isReached; n += 1) last.sequence = (await publisher.publish('moving', n)).data.sequence;
    })();
    await eventually(() => last.sequence > 5, 'some publications');
    await new Admin(staying.port).post('/admin/drain', { node: 'late-old' });
    const seen = await Promise.all(readers.map((reader, at) => movedTo(staying, reader, `reader-${at + 1}`)));
    last.isReached = true;
    await publishing;
    for (const { before, after } of seen) {
      await eventually(() => sequencesOf(after).at(-1) === last.sequence, 'the last publication');
      const all = new Set([...sequencesOf(before), ...sequencesOf(after)]);
      expect([...all]).toEqual(numbers(1, last.sequence));
      expect([...before.untaken('Gap'), ...after.untaken('Gap')]).toEqual([]);
    }
    return within(leaving.exited, 'the drained node to end');
  }

  async function movedTo(
    server: TestServer,
    before: Connection,
    user: string,
  ): Promise<{ before: Connection; after: Connection }> {
    expect(await within(before.closed, 'the drain')).toMatchObject({ code: 4101 });
    const newest = before.frames.findLast(({ type }) => type === 'Broadcast');
    const after = await connect(server.port, { user });
    await after.subscribe({ topic: 'moving', epoch: newest?.data.epoch, sequence: newest?.data.sequence });
    return { before, after };
  }

  function sequencesOf({ frames }: Connection): number[] {
    return frames.flatMap(({ type, data }) => (type === 'Broadcast' ? [data.sequence] : []));
  }
});

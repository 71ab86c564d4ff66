/** The contract's part on interest: who retains what is told what. */
import { describe, expect, test } from 'vitest';
import { MAX_PATTERN_POSITIONS } from '../protocol/limits.ts';
import { count, sequencesOf, type Open } from './contract-suite-probe.ts';

export function interestContract(open: Open): void {
  describe('interest', () => {
    test('a topic has a position before anything was published, and goes on from there', async () => {
      const probe = await open();
      const { position, matched } = await probe.retain('chat.a');
      expect(position?.sequence).toBe(0);
      expect(position?.epoch).not.toBe('');
      expect(matched.size).toBe(0);
      const published = await probe.publish('chat.a', '1');
      expect(published.position).toEqual({ epoch: position?.epoch, sequence: 1 });
    });

    test('interest in a topic gives its head', async () => {
      const probe = await open();
      const head = await probe.publishMany('chat.a', 7);
      expect(head.sequence).toBe(7);
      expect((await probe.retain('chat.a')).position).toEqual(head);
    });

    test('publications of retained topics are told in ascending order, those of others are not told', async () => {
      const probe = await open();
      await probe.retain('chat.a');
      await probe.retain('chat.c');
      await Promise.all(
        count(1, 60).map((at) => probe.publish(['chat.a', 'chat.b', 'chat.c'][at % 3] ?? '', String(at))),
      );
      await probe.allTold();
      expect(sequencesOf(await probe.toldOf('chat.a', 20))).toEqual(count(1, 20));
      expect(sequencesOf(await probe.toldOf('chat.c', 20))).toEqual(count(1, 20));
      expect(probe.told('chat.b')).toEqual([]);
    });

    test('what was published before the interest is not told', async () => {
      const probe = await open();
      await probe.publishMany('chat.a', 3);
      await probe.retain('chat.a');
      await probe.publish('chat.a', '4');
      await probe.allTold();
      expect(sequencesOf(probe.told('chat.a'))).toEqual([4]);
    });

    test('interest is counted: the last release ends it', async () => {
      const probe = await open();
      await probe.retain('chat.a');
      await probe.retain('chat.a');
      probe.under.broker.release('chat.a');
      await probe.publish('chat.a', '1');
      await probe.toldOf('chat.a', 1);
      probe.under.broker.release('chat.a');
      await probe.publish('chat.a', '2');
      await probe.allTold();
      expect(sequencesOf(probe.told('chat.a'))).toEqual([1]);
      expect((await probe.retain('chat.a')).position?.sequence).toBe(2);
      await probe.publish('chat.a', '3');
      expect(sequencesOf(await probe.toldOf('chat.a', 2))).toEqual([1, 3]);
    });

    test('a pattern brings the publications of the topics that it matches, also of later ones', async () => {
      const probe = await open();
      await probe.publish('room.old', '1');
      await probe.retain('room.*');
      for (const topic of ['room.old', 'room.new', 'room.new.deeper', 'rooms.a', 'other/room.new'])
        await probe.publish(topic, '1');
      await probe.allTold();
      expect(sequencesOf(probe.told('room.old'))).toEqual([2]);
      expect(sequencesOf(probe.told('room.new'))).toEqual([1]);
      expect(probe.told('room.new.deeper')).toEqual([]);
      expect(probe.told('rooms.a')).toEqual([]);
      expect(probe.told('other/room.new')).toEqual([]);
    });

    test('** brings every depth', async () => {
      const probe = await open();
      await probe.retain('room.**');
      for (const topic of ['room.a', 'room.a.b.c', 'room']) await probe.publish(topic, '1');
      await probe.allTold();
      expect(sequencesOf(probe.told('room.a'))).toEqual([1]);
      expect(sequencesOf(probe.told('room.a.b.c'))).toEqual([1]);
      expect(probe.told('room')).toEqual([]);
    });

    test('a pattern brings ephemeral topics too', async () => {
      const probe = await open();
      await probe.retain('typing.*');
      await probe.publish('typing.a', '1');
      const [notice] = await probe.toldOf('typing.a', 1);
      expect(notice).toMatchObject({ topic: 'typing.a', payload: '1', position: null });
    });

    test('a topic that several patterns match and that is retained itself is told once', async () => {
      const probe = await open();
      for (const filter of ['room.*', 'room.**', 'room.a']) await probe.retain(filter);
      await Promise.all(count(1, 10).map((at) => probe.publish('room.a', String(at))));
      await probe.allTold();
      expect(sequencesOf(probe.told('room.a'))).toEqual(count(1, 10));
    });

    test('each interest that is left over keeps a topic coming', async () => {
      const probe = await open();
      for (const filter of ['room.a', 'room.*', 'room.**']) await probe.retain(filter);
      let expected = 0;
      for (const filter of ['room.a', 'room.*']) {
        probe.under.broker.release(filter);
        await probe.publish('room.a', '"still"');
        expected += 1;
        expect(sequencesOf(await probe.toldOf('room.a', expected))).toEqual(count(1, expected));
      }
      probe.under.broker.release('room.**');
      await probe.publish('room.a', '"no more"');
      await probe.allTold();
      expect(sequencesOf(probe.told('room.a'))).toEqual([1, 2]);
    });

    test('interest in a pattern is counted too', async () => {
      const probe = await open();
      await probe.retain('room.*');
      await probe.retain('room.*');
      probe.under.broker.release('room.*');
      await probe.publish('room.a', '1');
      expect(sequencesOf(await probe.toldOf('room.a', 1))).toEqual([1]);
      probe.under.broker.release('room.*');
      await probe.publish('room.a', '2');
      await probe.allTold();
      expect(sequencesOf(probe.told('room.a'))).toEqual([1]);
    });

    test('a pattern lists the positions of the logged topics that exist', async () => {
      const probe = await open({
        retention: {
          rules: [{ pattern: 'room.ephemeral', messages: 0, ageMs: 1_000, bytes: 1_000 }],
          fallback: { messages: 100, ageMs: 3_600_000, bytes: 100_000 },
          direct: { messages: 100, ageMs: 3_600_000, bytes: 100_000 },
        },
      });
      const a = await probe.publishMany('room.a', 3);
      const b = await probe.publishMany('room.b', 5);
      await probe.publish('room.ephemeral', '1');
      await probe.publish('room.a.deeper', '1');
      await probe.publish('elsewhere.a', '1');
      const { position, matched } = await probe.retain('room.*');
      expect(position).toBeNull();
      expect([...matched].toSorted(([left], [right]) => (left < right ? -1 : 1))).toEqual([
        ['room.a', a],
        ['room.b', b],
      ]);
    });

    test('a pattern lists no more positions than the protocol does', async () => {
      const probe = await open();
      const topics = count(1, MAX_PATTERN_POSITIONS + 5).map((at) => `room.t${at}`);
      await Promise.all(topics.map((topic) => probe.publish(topic, '1')));
      expect((await probe.retain('room.*')).matched.size).toBe(MAX_PATTERN_POSITIONS);
    });
  });
}

/** The contract's part on publishing: sequences, ids, times, and that what goes in comes out. */
import { describe, expect, test } from 'vitest';
import { messageId, messageTime, type Publication } from '../protocol/position.ts';
import { topicDigest } from '../protocol/topic.ts';
import { count, draft, sequencesOf, type Open } from './contract-suite-probe.ts';

const TRICKY_PAYLOADS: readonly string[] = [
  'null',
  '""',
  '-0.0e+10',
  '{}',
  ' { "a" :\t[ 1 ,\n2 ] } ',
  String.raw`"\u00e9\n\"\\\/\ud83d\ude00"`,
  '"é ß 漢字 😀 \u2028 \u2029 \u007f"',
  '{"a":1,"a":2,"":{"b,;:":"x,y;z"}}',
  '12345678901234567890.12345678901234567890',
  `"${'ü'.repeat(40_000)}"`,
];

export function publishContract(open: Open): void {
  describe('publishing', () => {
    test('sequences are 1, 2, 3 … in the order of the calls, under one epoch', async () => {
      const probe = await open();
      const published = await Promise.all(count(1, 50).map((at) => probe.publish('chat.a', String(at))));
      expect(published.map(({ position }) => position?.sequence)).toEqual(count(1, 50));
      expect(new Set(published.map(({ position }) => position?.epoch)).size).toBe(1);
      expect(published[0]?.position?.epoch).not.toBe('');
      expect(published.every(({ duplicate }) => !duplicate)).toBe(true);
      const { publications } = await probe.read('chat.a');
      expect(publications.map(({ payload }) => Number(payload))).toEqual(count(1, 50));
    });

    test('every topic counts for itself', async () => {
      const probe = await open();
      await probe.publishMany('chat.a', 3);
      expect((await probe.publish('chat.b', '1')).position?.sequence).toBe(1);
      expect((await probe.publish('chat.a', '4')).position?.sequence).toBe(4);
    });

    test('topics of different tenants are different topics', async () => {
      const probe = await open();
      await probe.publishMany('acme/chat.a', 3);
      expect((await probe.publish('chat.a', '1')).position?.sequence).toBe(1);
      expect((await probe.publish('other/chat.a', '1')).position?.sequence).toBe(1);
    });

    test('the answer, the notice and the log agree on id, position, time and content', async () => {
      const probe = await open();
      await probe.retain('chat.a');
      const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      const { id, position } = await probe.publish('chat.a', draft('"x"', { clientId: 'c-1', trace }));
      const [notice] = await probe.toldOf('chat.a', 1);
      const [stored] = (await probe.read('chat.a')).publications;
      expect(partsOf(stored)).toEqual(partsOf(notice));
      expect(stored).toMatchObject({ topic: 'chat.a', id, position, from: 'ada', clientId: 'c-1', trace });
      expect(stored?.payload).toBe('"x"');
    });

    test('what came before anybody followed the topic, and after, is read alike', async () => {
      const probe = await open();
      const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      const message = draft('{"a":"}"}', { from: 'Zoë;1,2', clientId: 'c-"1"', trace });
      const ids = [(await probe.publish('chat.a', message)).id];
      await probe.retain('chat.a');
      ids.push((await probe.publish('chat.a', message)).id);
      const { publications } = await probe.read('chat.a');
      const { from, clientId, payload } = message;
      expect(publications.map(partsOf)).toEqual(
        [1, 2].map((sequence, at) => ({
          ...partsOf(publications[at]),
          topic: 'chat.a',
          id: ids[at],
          from,
          clientId,
          trace,
          payload,
          position: { epoch: publications[0]?.position?.epoch, sequence },
        })),
      );
    });

    test('what a publisher leaves out stays out', async () => {
      const probe = await open();
      await probe.publish('chat.a', draft('1', { from: 'Zoë;1,2', clientId: undefined, trace: undefined }));
      const [stored] = (await probe.read('chat.a')).publications;
      expect(stored).toMatchObject({ from: 'Zoë;1,2', payload: '1' });
      expect(stored?.clientId).toBeUndefined();
      expect(stored?.trace).toBeUndefined();
    });

    test('a message id is the time, the sequence and the digest of the topic', async () => {
      const probe = await open();
      for (const topic of ['chat.a', 'chat.b']) {
        await probe.publishMany(topic, 2);
        for (const { id, position, timestamp } of (await probe.read(topic)).publications) {
          expect(id).toBe(messageId(timestamp, position?.sequence ?? 0, topicDigest(topic)));
          expect(messageTime(id)).toBe(timestamp);
        }
      }
    });

    test('the text of a payload comes back byte for byte, to the listener and from the log', async () => {
      const probe = await open();
      await probe.retain('chat.a');
      for (const payload of TRICKY_PAYLOADS) await probe.publish('chat.a', payload);
      const notices = await probe.toldOf('chat.a', TRICKY_PAYLOADS.length);
      expect(notices.map(({ payload }) => payload)).toEqual(TRICKY_PAYLOADS);
      const { publications } = await probe.read('chat.a');
      expect(publications.map(({ payload }) => payload)).toEqual(TRICKY_PAYLOADS);
    });

    test('timestamps never fall, even when the clock steps back', async () => {
      const probe = await open();
      await probe.publish('chat.a', '1');
      await probe.under.stepBack(5_000);
      await probe.publish('chat.a', '2');
      await probe.under.pass(20);
      await probe.publish('chat.a', '3');
      const times = (await probe.read('chat.a')).publications.map(({ timestamp }) => timestamp);
      expect(times).toHaveLength(3);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    });

    test('an ephemeral topic gives no id and no sequence, tells its listeners, and has no log to read', async () => {
      const probe = await open();
      expect((await probe.retain('typing.a')).position).toBeNull();
      const published = await Promise.all(['1', '2', '3'].map((payload) => probe.publish('typing.a', payload)));
      expect(published).toEqual([1, 2, 3].map(() => ({ id: '', position: null, duplicate: false })));
      const notices = await probe.toldOf('typing.a', 3);
      expect(notices.map(({ payload }) => payload)).toEqual(['1', '2', '3']);
      expect(notices.map(({ id, position }) => [id, position])).toEqual([1, 2, 3].map(() => ['', null]));
      await expect(probe.read('typing.a')).rejects.toMatchObject({ reason: 'no_history' });
    });

    test('requests of all kinds at once get one answer each', async () => {
      const probe = await open();
      const requests: Promise<unknown>[] = [];
      for (const at of count(1, 30)) {
        const topic = `chat.t${at % 3}`;
        requests.push(probe.publish(topic, String(at)), probe.read(topic), probe.retain(topic));
        requests.push(probe.publish('typing.x', String(at)), probe.retain('chat.*'));
        requests.push(probe.append('owned.x', { epoch: 'owner', sequence: at }, String(at)));
      }
      const outcomes = await Promise.allSettled(requests);
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
      for (const topic of ['chat.t0', 'chat.t1', 'chat.t2'])
        expect(sequencesOf((await probe.read(topic)).publications)).toEqual(count(1, 10));
      expect(sequencesOf((await probe.read('owned.x')).publications)).toEqual(count(1, 30));
    });
  });
}

/** What a publication says, whether its parts lie ready or are taken out of a frame. */
function partsOf(publication: Publication | undefined): Partial<Publication> {
  if (publication === undefined) return {};
  const { topic, id, position, from, clientId, trace, payload, timestamp } = publication;
  return { topic, id, position, from, clientId, trace, payload, timestamp };
}

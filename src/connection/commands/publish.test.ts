import { beforeEach, describe, expect, test } from 'vitest';
import type { FrameHandler } from '../context.ts';
import { TestRig } from '../test-rig.ts';
import { flow, type TestClient } from '../test-rig-client.ts';
import { refusal } from '../../protocol/errors.ts';

const TOPIC = 'chat.a';

let rig: TestRig;
let client: TestClient;

beforeEach(() => {
  rig = new TestRig();
  client = rig.connect();
});

describe('Broadcast', () => {
  test('is acknowledged with id, place and recipients, and reaches who subscribes', () => {
    const bob = rig.connect('bob');
    for (const each of [client, bob]) each.subscribe(TOPIC);
    const reply = client.ask('Broadcast', { topic: TOPIC, payload: { text: 'ü' } });
    const { epoch } = rig.position(TOPIC);
    const [message] = bob.take();
    expect(message).toEqual({
      type: 'Broadcast',
      id: expect.stringMatching(/^\d+-1-[\w-]{6}$/),
      timestamp: rig.clock.now(),
      data: { topic: TOPIC, sequence: 1, epoch, from: 'ada', client_id: reply.reply_to, payload: { text: 'ü' } },
    });
    expect(reply).toEqual({
      type: 'Ack',
      reply_to: reply.reply_to,
      data: {
        message_id: reply.reply_to,
        status: 'delivered',
        id: message?.id,
        topic: TOPIC,
        sequence: 1,
        epoch,
        recipients: 2,
      },
    });
    // A publisher gets its own publication exactly when it subscribes.
    expect(client.take().filter(({ type }) => type === 'Broadcast')).toEqual([message]);
  });

  test('of an ephemeral topic has no id and no place', () => {
    const reply = client.ask('Broadcast', { topic: 'typing.a', payload: 1 });
    expect(reply.data).toEqual({
      message_id: reply.reply_to,
      status: 'delivered',
      topic: 'typing.a',
      recipients: 0,
    });
  });

  test('with the same key and payload again is a duplicate with the first id and place, and is routed once', () => {
    client.subscribe(TOPIC);
    const message = { topic: TOPIC, payload: { n: 1 }, idempotency_key: 'k' };
    const first = client.ask('Broadcast', message);
    const again = client.ask('Broadcast', message);
    expect(first.data['status']).toBe('delivered');
    expect(again.data).toEqual({ ...first.data, status: 'duplicate', message_id: again.reply_to });
    expect(client.take().filter(({ type }) => type === 'Broadcast')).toHaveLength(1);
    expect(rig.counters).toMatchObject({ published: 1, duplicates: 1 });
  });

  test('with the same key from another connection of the user is a duplicate, from another user it is not', () => {
    const message = { topic: TOPIC, payload: 1, idempotency_key: 'k' };
    client.ask('Broadcast', message);
    expect(rig.connect('ada').ask('Broadcast', message).data['status']).toBe('duplicate');
    expect(rig.connect('bob').ask('Broadcast', message).data['status']).toBe('delivered');
  });

  test('with the same key and another payload is a conflict', () => {
    client.ask('Broadcast', { topic: TOPIC, payload: 1, idempotency_key: 'k' });
    const reply = client.ask('Broadcast', { topic: TOPIC, payload: 2, idempotency_key: 'k' });
    expect(reply).toMatchObject({ type: 'Error', data: { code: 409, reason: 'idempotency_conflict' } });
    expect(rig.position(TOPIC).sequence).toBe(1);
  });

  test.each([
    ['a pattern', 'chat.*', 400, 'invalid_topic'],
    ['a reserved topic', '@me', 400, 'invalid_topic'],
    ['a topic that is not allowed', 'secret.a', 403, 'not_allowed'],
  ])('to %s is refused', (_, topic, code, reason) => {
    expect(client.ask('Broadcast', { topic, payload: 1 })).toMatchObject({ type: 'Error', data: { code, reason } });
    expect(rig.broker.calls.publish).toBe(0);
  });

  test('whose outcome is not known says so, and a retry with its key is safe', () => {
    const message = { topic: TOPIC, payload: 1, idempotency_key: 'k' };
    rig.broker.refuses.set('publish', refusal('outcome_unknown', 'the answer was lost'));
    expect(client.ask('Broadcast', message)).toMatchObject({
      type: 'Error',
      data: { code: 503, reason: 'outcome_unknown', temporary: true },
    });
    rig.broker.refuses.clear();
    expect(client.ask('Broadcast', message).data['status']).toBe('delivered');
  });

  test('to the topic of the one before is asked about anew when the rights have changed', () => {
    const admin = rig.connect('admin', { principal: { roles: ['admin', 'user'] } });
    const message = { topic: 'secret.a', payload: 1 };
    for (const sequence of [1, 2]) expect(admin.ask('Broadcast', message).data['sequence']).toBe(sequence);
    admin.connection.present({ ...admin.connection.principal, roles: ['user'] });
    expect(admin.ask('Broadcast', message).data['reason']).toBe('not_allowed');
    admin.connection.present({ ...admin.connection.principal, roles: ['admin'] });
    expect(admin.ask('Broadcast', message).data['sequence']).toBe(3);
  });

  test('to the topic of the one before goes into the topics of the tenant of the new token', () => {
    const other = rig.connect('bob');
    other.ask('Broadcast', { topic: TOPIC, payload: 1 });
    other.connection.present({ ...other.connection.principal, tenant: 'acme' });
    expect(other.ask('Broadcast', { topic: TOPIC, payload: 2 }).data['sequence']).toBe(1);
  });

  test('is not acknowledged before it is stored', () => {
    rig.broker.holds.add('publish');
    const id = client.send('Broadcast', { topic: TOPIC, payload: 1 });
    rig.settle();
    expect(client.repliesTo(id)).toEqual([]);
    rig.broker.letGo();
    rig.settle();
    expect(client.repliesTo(id)).toMatchObject([{ type: 'Ack' }]);
  });

  test('of one connection keep their order', () => {
    client.subscribe(TOPIC);
    for (let payload = 1; payload <= 20; payload += 1) client.send('Broadcast', { topic: TOPIC, payload });
    rig.settle();
    const messages = client.take().filter(({ type }) => type === 'Broadcast');
    expect(messages.map(({ data }) => data['payload'])).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
  });
});

describe('DirectMessage', () => {
  test('is queued while the user is away, and delivered while a device listens', () => {
    const queued = client.ask('DirectMessage', { target_user: 'bob', payload: 'one' });
    expect(queued.data).toMatchObject({ status: 'queued', sequence: 1, recipients: 0 });
    const bob = rig.connect('bob');
    bob.subscribe({ topic: '@me', from: 'earliest' });
    const delivered = client.ask('DirectMessage', { target_user: 'bob', payload: 'two' });
    expect(delivered.data).toMatchObject({ message_id: delivered.reply_to, status: 'delivered', recipients: 1 });
    const messages = bob.frames.filter(({ type }) => type === 'DirectMessage');
    expect(messages.map(({ data }) => [data['from_user'], data['payload'], data['sequence']])).toEqual([
      ['ada', 'one', 1],
      ['ada', 'two', 2],
    ]);
    expect(messages.every(({ data }) => !('topic' in data))).toBe(true);
  });

  test('reaches every device of the user and nobody else', () => {
    const [phone, desk, eve] = [rig.connect('bob'), rig.connect('bob'), rig.connect('eve')];
    for (const each of [phone, desk, eve]) each.subscribe('@me');
    expect(client.ask('DirectMessage', { target_user: 'bob', payload: 1 }).data['recipients']).toBe(2);
    expect([phone, desk, eve].map((each) => flow(each.take()))).toEqual([['@me 1'], ['@me 1'], []]);
  });

  test('does not reveal whether a user exists', () => {
    const [known, unknown] = ['bob', 'nobody'].map((user) => {
      if (user === 'bob') rig.connect('bob');
      return client.ask('DirectMessage', { target_user: user, payload: 1 });
    });
    const shape = (frame: typeof known): unknown => [frame?.data['status'], Object.keys(frame?.data ?? {})];
    expect(shape(known)).toEqual(shape(unknown));
  });

  test('is idempotent with a key', () => {
    const message = { target_user: 'bob', payload: 1, idempotency_key: 'k' };
    const first = client.ask('DirectMessage', message);
    const again = client.ask('DirectMessage', message);
    expect(again.data).toEqual({ ...first.data, status: 'duplicate', message_id: again.reply_to });
    expect(client.ask('DirectMessage', { ...message, payload: 2 }).data['reason']).toBe('idempotency_conflict');
  });

  test('needs a role that may send them', () => {
    const guest = rig.connect('guest', { principal: { roles: ['guest'] } });
    expect(guest.ask('DirectMessage', { target_user: 'bob', payload: 1 })).toMatchObject({
      data: { code: 403, reason: 'not_allowed' },
    });
  });

  test('stays within the tenant', () => {
    const stranger = rig.connect('bob', { principal: { tenant: 'acme' } });
    stranger.subscribe('@me');
    client.ask('DirectMessage', { target_user: 'bob', payload: 1 });
    expect(stranger.take()).toEqual([]);
  });
});

describe('read-only mode', () => {
  test('refuses frames of applications that write, and serves those that do not', () => {
    const handle: FrameHandler['handle'] = () => Promise.resolve({});
    rig = new TestRig({
      frameHandlers: new Map([
        ['X-writes', { writes: true, cost: 1, handle }],
        ['X-reads', { writes: false, cost: 1, handle }],
      ]),
    });
    rig.node.isReadOnly = true;
    const [writer, reader] = [rig.connect('ada'), rig.connect('bob')];
    const written = writer.send('X-writes');
    const read = reader.send('X-reads');
    expect(writer.repliesTo(written)).toMatchObject([{ data: { code: 503, reason: 'read_only' } }]);
    // It is with its handler.
    expect(reader.repliesTo(read)).toEqual([]);
  });

  test('refuses what writes, with a time to come back, and serves the rest', () => {
    client.subscribe(TOPIC);
    rig.node.isReadOnly = true;
    for (const [type, data] of [
      ['Broadcast', { topic: TOPIC, payload: 1 }],
      ['DirectMessage', { target_user: 'bob', payload: 1 }],
    ] as const) {
      expect(client.ask(type, data)).toMatchObject({
        type: 'Error',
        data: { code: 503, reason: 'read_only', temporary: true, retry_after_ms: expect.any(Number) },
      });
    }
    expect(rig.broker.calls.publish).toBe(0);
    client.take();
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(['chat.a 1']);
    expect(client.ask('Subscribe', { topics: ['chat.b'] }).type).toBe('Status');
    expect(client.ask('History', { topic: TOPIC, limit: 1 }).type).toBe('Status');
    expect(client.ask('GetMissedMessages', { since: {} }).type).toBe('Status');
    rig.node.isReadOnly = false;
    expect(client.ask('Broadcast', { topic: TOPIC, payload: 1 }).type).toBe('Ack');
  });
});

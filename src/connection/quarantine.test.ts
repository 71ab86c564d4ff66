import { beforeEach, describe, expect, test } from 'vitest';
import { TestRig } from './test-rig.ts';
import { flow, run, type TestClient } from './test-rig-client.ts';

const TOPIC = 'chat.a';
const BOOM = 'chat.boom';

let rig: TestRig;
let client: TestClient;

function open(options: ConstructorParameters<typeof TestRig>[0] = {}): void {
  rig = new TestRig(options);
  rig.rights.throwOn.add(BOOM);
  client = rig.connect();
}

function fail(): string {
  return client.send('Broadcast', { topic: BOOM, payload: 1 });
}

beforeEach(() => open());

describe('a frame whose handling throws', () => {
  test('is answered once with 500 and put aside, and the connection goes on as it was', () => {
    client.subscribe(TOPIC);
    const id = fail();
    expect(client.repliesTo(id)).toMatchObject([{ type: 'Error', data: { code: 500, reason: 'quarantined' } }]);
    expect(rig.deadLetters.list()).toMatchObject([{ actor: client.connection.id, at: rig.clock.now() }]);
    expect(rig.deadLetters.list()[0]?.error).toContain(`a planted fault about ${BOOM}`);
    expect(JSON.parse(rig.deadLetters.list()[0]?.message ?? '')).toMatchObject({ type: 'Broadcast', topic: BOOM });
    client.take();
    rig.publish(TOPIC);
    expect(client.ask('Ping').type).toBe('Pong');
    expect(flow(client.take())).toEqual([...run(TOPIC, 1, 1), 'Pong']);
  });

  test('is put aside without what it carried', () => {
    const planted = 'PLANTED "x\n';
    client.send('Broadcast', { topic: BOOM, payload: { a: [planted] } });
    client.send('DirectMessage', { target_user: 'bob', payload: planted });
    for (const frame of [
      { type: 'Broadcast', id: 'i', trace: undefined, topic: BOOM, payload: '"PLANTED"', idempotencyKey: undefined },
      { type: 'DirectMessage', id: 'i', trace: undefined, targetUser: 'b', payload: '"PLANTED"', idempotencyKey: 'k' },
      { type: 'X-a', id: 'i', trace: undefined, data: { b: 'PLANTED' } },
      { type: 'Authenticate', id: 'i', trace: undefined, token: 'PLANTED' },
    ] as const) {
      const text = client.connection.describe(frame);
      expect(text).not.toContain('PLANTED');
      expect(JSON.parse(text)).toMatchObject({ type: frame.type, id: 'i' });
      expect(text).toMatch(/\[\d+ bytes\]/);
    }
    expect(JSON.stringify(rig.deadLetters.list())).not.toContain('PLANTED');
    let quoted: unknown;
    try {
      JSON.parse('PLANTED');
    } catch (error) {
      quoted = error;
    }
    rig.deadLetters.add({ at: 0, actor: 'a', error: String(quoted), message: null });
    expect(JSON.stringify(rig.deadLetters.list())).not.toContain('PLANTED');
  });

  test('does not hold up the frames behind it', () => {
    rig.broker.holds.add('retain');
    client.send('Subscribe', { topics: [TOPIC] });
    const ids = [fail(), client.send('Ping')];
    rig.broker.letGo();
    expect(ids.map((id) => client.repliesTo(id).map(({ type }) => type))).toEqual([['Error'], ['Pong']]);
  });

  test('keeps what is queued and what lags', () => {
    open({ limits: { mailboxCapacity: 3 } });
    client.subscribe(TOPIC, 'chat.b');
    client.stop();
    rig.publish(TOPIC, 8);
    rig.publish('chat.b', 2);
    fail();
    client.resume();
    expect(flow(client.take())).toEqual([
      ...run(TOPIC, 1, 1),
      'Error quarantined',
      ...run('chat.b', 1, 2),
      ...run(TOPIC, 2, 8, 'replayed'),
    ]);
    expect(rig.unaccounted()).toBe(0);
  });

  test('leaves no token in the dead letter', () => {
    rig.tokens.set('the.secret.token', new Error('verification failed'));
    expect(client.ask('Authenticate', { token: 'the.secret.token' })).toMatchObject({
      data: { code: 500, reason: 'quarantined' },
    });
    const [letter] = rig.deadLetters.list();
    expect(letter?.message).toContain('Authenticate');
    expect(JSON.stringify(letter)).not.toContain('the.secret.token');
    expect(client.ask('Ping').type).toBe('Pong');
  });

  test('in the answer of a port is answered once, too', () => {
    rig.broker.holds.add('publish');
    const id = client.send('Broadcast', { topic: TOPIC, payload: 1 });
    const recipients = rig.router.recipients.bind(rig.router);
    rig.router.recipients = () => {
      throw new Error('planted');
    };
    rig.broker.letGo();
    rig.router.recipients = recipients;
    expect(client.repliesTo(id)).toMatchObject([{ type: 'Error', data: { reason: 'quarantined' } }]);
    expect(rig.deadLetters.total).toBe(1);
    expect(client.ask('Ping').type).toBe('Pong');
  });

  test('after it was answered is not answered again', () => {
    const reply = client.connection.reply.bind(client.connection);
    client.connection.reply = (frame, control) => {
      reply(frame, control);
      throw new Error('planted after the reply');
    };
    const id = client.send('Ping');
    expect(client.repliesTo(id).map(({ type }) => type)).toEqual(['Pong']);
    expect(rig.deadLetters.total).toBe(1);
  });
});

describe('a Subscribe that fails half-way', () => {
  test('leaves no subscription of it, neither by name nor by pattern', () => {
    expect(client.ask('Subscribe', { topics: [TOPIC, 'room.*', BOOM, 'chat.b'] }).data['reason']).toBe('quarantined');
    expect(client.connection).toMatchObject({ subscriptions: [], patterns: null, joining: null });
    expect(rig.router.recipients(TOPIC)).toBe(0);
    client.take();
    for (const topic of [TOPIC, 'room.a', 'chat.b']) rig.publish(topic);
    expect(client.take()).toEqual([]);
  });

  test('can be sent again without its fault', () => {
    client.ask('Subscribe', { topics: [TOPIC, BOOM] });
    expect(client.subscribe(TOPIC)).toMatchObject({ topics: [TOPIC], active_subscriptions: 1 });
    rig.publish(TOPIC, 2);
    expect(flow(client.take())).toEqual(run(TOPIC, 1, 2));
  });

  test('also when the broker answers late', () => {
    rig.broker.holds.add('retain');
    const id = client.send('Subscribe', { topics: [TOPIC, 'room.*', BOOM] });
    rig.settle();
    expect(client.repliesTo(id)).toMatchObject([{ data: { reason: 'quarantined' } }]);
    expect(client.ask('Ping').type).toBe('Pong');
    rig.broker.letGo();
    rig.settle();
    expect(client.repliesTo(id)).toHaveLength(1);
    expect(client.connection).toMatchObject({ subscriptions: [], patterns: null });
    client.take();
    for (const topic of [TOPIC, 'room.a']) rig.publish(topic);
    expect(client.take()).toEqual([]);
    expect(client.ask('Ping').type).toBe('Pong');
  });

  test('leaves what was subscribed before as it was, also what was to start anew', () => {
    client.subscribe(TOPIC, 'room.*');
    rig.publish(TOPIC, 3);
    client.take();
    const { epoch } = rig.position(TOPIC);
    client.ask('Subscribe', { topics: [{ topic: TOPIC, epoch, sequence: 1 }, 'room.*', BOOM] });
    rig.publish(TOPIC, 2);
    rig.publish('room.a');
    expect(flow(client.take())).toEqual(['Error quarantined', ...run(TOPIC, 4, 5), 'room.a 1']);
    expect(rig.unaccounted()).toBe(0);
  });

  test('loses nothing of what was queued and was to start anew', () => {
    client.subscribe(TOPIC);
    client.stop();
    rig.publish(TOPIC, 4);
    const { epoch } = rig.position(TOPIC);
    client.send('Subscribe', { topics: [{ topic: TOPIC, epoch, sequence: 0 }, BOOM] });
    rig.publish(TOPIC);
    client.resume();
    const frames = flow(client.take()).filter((text) => text.startsWith(TOPIC));
    expect(frames.map((text) => text.replace(' replayed', ''))).toEqual(run(TOPIC, 1, 5));
    expect(client.connection).toMatchObject({ queuedCount: 0, queuedBytes: 0 });
    expect(rig.unaccounted()).toBe(0);
  });
});

describe('a connection that fails again and again', () => {
  test('goes on five times; the sixth closes with 4110 and raises one alert', () => {
    for (let at = 0; at < 5; at += 1) fail();
    expect(client.link.isClosed).toBe(false);
    expect(rig.alerts).toEqual([]);
    fail();
    expect(client.link.closeReason).toBe('actor_stopped');
    expect(rig.counters.closed.get('4110')).toBe(1);
    expect(rig.alerts).toMatchObject([{ actor: client.connection.id }]);
    expect(rig.deadLetters.total).toBe(6);
    expect(rig.connections).toEqual([]);
  });

  test('takes nobody along', () => {
    const other = rig.connect('bob');
    other.subscribe(TOPIC);
    client.subscribe(TOPIC);
    for (let at = 0; at < 6; at += 1) fail();
    rig.publish(TOPIC);
    expect(flow(other.take())).toEqual(run(TOPIC, 1, 1));
    expect(rig.router.recipients(TOPIC)).toBe(1);
    expect(rig.unaccounted()).toBe(0);
  });

  test('is forgiven when it fails less often', () => {
    for (let at = 0; at < 20; at += 1) {
      fail();
      rig.pass(13);
    }
    expect(client.link.isClosed).toBe(false);
    expect(rig.alerts).toEqual([]);
  });

  test('counts failures while it is written to, which cost the others nothing', () => {
    const other = rig.connect('bob');
    for (const each of [client, other]) each.subscribe(TOPIC);
    // A single frame is sent as it is, several under one cork.
    client.link.send = client.link.cork = () => {
      throw new Error('planted in the socket');
    };
    rig.publish(TOPIC, 5);
    expect(rig.deadLetters.total).toBe(5);
    expect(client.link.isClosed).toBe(false);
    rig.publish(TOPIC);
    expect(client.link.closeReason).toBe('actor_stopped');
    expect(flow(other.take())).toEqual(run(TOPIC, 1, 6));
    expect(rig.alerts).toHaveLength(1);
  });

  test('counts failures of its delivery like those of its frames', () => {
    client.subscribe(TOPIC);
    client.connection.schedule = () => {
      throw new Error('planted in the delivery');
    };
    const other = rig.connect('bob');
    other.subscribe(TOPIC);
    rig.publish(TOPIC, 6);
    expect(client.link.closeReason).toBe('actor_stopped');
    expect(rig.alerts).toHaveLength(1);
    expect(flow(other.take())).toEqual(run(TOPIC, 1, 6));
  });
});

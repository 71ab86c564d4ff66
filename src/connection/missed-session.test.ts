import { beforeEach, describe, expect, test } from 'vitest';
import type { Position } from '../protocol/position.ts';
import { sessionIdOf } from './sessions.ts';
import { TestRig } from './test-rig.ts';
import type { TestClient } from './test-rig-client.ts';

const TOPIC = 'chat.a';

let rig: TestRig;
let client: TestClient;

beforeEach(() => {
  rig = new TestRig();
  client = rig.connect();
});

const at = (topic: string, sequence: number): Position => ({ epoch: rig.position(topic).epoch, sequence });

describe('GetMissedMessages with a session', () => {
  test('of a closed connection covers what that connection was subscribed to', () => {
    client.subscribe(TOPIC, 'chat.b');
    rig.publish(TOPIC);
    const since = client.take()[0]?.id;
    const session = client.connection.sessionId;
    client.link.break();
    rig.publish(TOPIC, 2);
    rig.publish('chat.b');
    rig.publish('chat.c');
    const back = rig.connect();
    const details = back.askStatus('GetMissedMessages', { since, session_id: session });
    expect(details).toMatchObject({
      count: 4,
      complete: true,
      topics: { [TOPIC]: at(TOPIC, 3), 'chat.b': at('chat.b', 1) },
    });
    expect(Object.keys(details['topics'] as object)).toHaveLength(2);
  });

  test('of a connection that is still open works as well', () => {
    client.subscribe(TOPIC);
    client.link.isCut = true;
    rig.publish(TOPIC, 3);
    const since = `${rig.clock.now()}-1-abcdef`;
    const back = rig.connect();
    expect(back.askStatus('GetMissedMessages', { since, session_id: client.connection.sessionId })).toMatchObject({
      count: 3,
      complete: true,
      topics: { [TOPIC]: at(TOPIC, 3) },
    });
  });

  test('of another user is refused, open or closed', () => {
    client.subscribe(TOPIC);
    const session = client.connection.sessionId;
    const stranger = rig.connect('eve');
    for (const close of [false, true]) {
      if (close) client.link.break();
      const reply = stranger.ask('GetMissedMessages', { since: '1-1-abcdef', session_id: session });
      expect(reply).toMatchObject({ type: 'Error', data: { code: 404, reason: 'not_found' } });
    }
  });

  test('of the same name in another tenant is refused', () => {
    client.subscribe(TOPIC);
    const stranger = rig.connect('ada', { principal: { tenant: 'acme' } });
    const reply = stranger.ask('GetMissedMessages', {
      since: '1-1-abcdef',
      session_id: client.connection.sessionId,
    });
    expect(reply).toMatchObject({ type: 'Error', data: { code: 404 } });
  });

  test('that is still being looked up keeps a second request waiting', () => {
    rig.sessions.isHeld = true;
    const first = client.send('GetMissedMessages', { since: '1-1-abcdef', session_id: 's-nobody' });
    expect(client.ask('GetMissedMessages', { since: {} })).toMatchObject({
      type: 'Error',
      data: { code: 409, reason: 'request_pending' },
    });
    rig.sessions.letGo();
    expect(client.repliesTo(first)).toMatchObject([{ data: { reason: 'not_found' } }]);
    expect(client.ask('GetMissedMessages', { since: {} }).type).toBe('Status');
  });

  test('that was subscribed to nothing is not kept', () => {
    client.ask('Ping');
    client.link.break();
    expect(rig.sessions.saved.size).toBe(0);
  });

  test('that nobody knows is not found', () => {
    const reply = client.ask('GetMissedMessages', { since: '1-1-abcdef', session_id: 's-nobody' });
    expect(reply).toMatchObject({ type: 'Error', data: { code: 404, reason: 'not_found' } });
  });

  test('remembers the position that was acknowledged, else the one at subscribe', () => {
    rig.publish(TOPIC, 2);
    client.subscribe(TOPIC, 'chat.b', 'chat.*', 'typing.a');
    rig.publish(TOPIC, 4);
    client.send('Ack', { positions: { [TOPIC]: at(TOPIC, 5), 'chat.other': at(TOPIC, 1) } });
    client.link.break();
    const session = rig.sessions.saved.get(client.connection.sessionId);
    expect(session).toMatchObject({ user: 'ada', tenant: '' });
    expect(session?.subscriptions).toEqual([TOPIC, 'chat.b', 'typing.a', 'chat.*']);
    expect(session?.positions).toEqual({
      [TOPIC]: at(TOPIC, 5),
      'chat.b': { epoch: rig.position('chat.b').epoch, sequence: 0 },
    });
  });
});

test('session ids have 132 bits that nothing else of the connection tells', () => {
  const keys = ['one key of a node', 'another'];
  const ids = keys.flatMap((key) =>
    [1, 2, 3].map((number) => sessionIdOf(key, number).split('-').slice(1, -1).join('-')),
  );
  expect(new Set(ids).size).toBe(6);
  for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{22}$/);
  const [first, second] = [rig.connect('ada').connection, rig.connect('ada').connection];
  expect(first.sessionId).toBe(first.sessionId);
  expect(second.sessionId).not.toContain(second.id);
  expect(second.sessionId.slice(0, 24)).not.toBe(first.sessionId.slice(0, 24));
});

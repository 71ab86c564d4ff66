import { beforeEach, describe, expect, test } from 'vitest';
import { TestRig } from '../test-rig.ts';
import { flow, type TestClient } from '../test-rig-client.ts';

let rig: TestRig;
let client: TestClient;

beforeEach(() => {
  rig = new TestRig();
  client = rig.connect();
});

describe('Authenticate', () => {
  test('swaps the claims: what they no longer allow is ended and named, the rest goes on', () => {
    client.subscribe('chat.a', 'chat.b', 'room.*', '@me');
    rig.publish('room.x');
    client.take();
    rig.tokens.set('narrow', rig.principal('ada', { topics: { subscribe: ['chat.a'], publish: ['chat.a'] } }));
    expect(client.askStatus('Authenticate', { token: 'narrow' })).toEqual({
      expires_at: null,
      unsubscribed: ['chat.b', 'room.*'],
    });
    client.take();
    for (const topic of ['chat.a', 'chat.b', 'room.x', 'room.y']) rig.publish(topic);
    client.ask('DirectMessage', { target_user: 'ada', payload: 1 });
    expect(flow(client.take())).toEqual(['chat.a 1', 'Ack delivered', '@me 1']);
    expect(client.ask('Broadcast', { topic: 'chat.a', payload: 1 }).type).toBe('Ack');
    expect(client.ask('Broadcast', { topic: 'chat.b', payload: 1 }).data['reason']).toBe('not_allowed');
    expect(rig.unaccounted()).toBe(0);
  });

  test('widens what a client may do', () => {
    expect(client.ask('Broadcast', { topic: 'secret.a', payload: 1 }).data['reason']).toBe('not_allowed');
    rig.tokens.set('wide', rig.principal('ada', { roles: ['user', 'admin'] }));
    client.ask('Authenticate', { token: 'wide' });
    expect(client.ask('Broadcast', { topic: 'secret.a', payload: 1 }).type).toBe('Ack');
  });

  test.each([
    ['another user', { user: 'eve' }],
    ['another tenant', { tenant: 'acme' }],
  ])('with a token of %s is refused and closes with 4003', (_, claims) => {
    rig.tokens.set('other', { ...rig.principal('ada'), ...claims });
    const id = client.send('Authenticate', { token: 'other' });
    expect(client.repliesTo(id)).toMatchObject([{ type: 'Error', data: { code: 403, reason: 'not_allowed' } }]);
    expect(client.link.closeReason).toBe('forbidden');
    expect(rig.counters.closed.get('4003')).toBe(1);
  });

  test('with a bad token changes nothing', () => {
    client.subscribe('chat.a');
    expect(client.ask('Authenticate', { token: 'nonsense' })).toMatchObject({ data: { code: 401 } });
    expect(client.connection.principal.roles).toEqual(['user']);
    client.take();
    rig.publish('chat.a');
    expect(flow(client.take())).toEqual(['chat.a 1']);
  });
});

import { beforeEach, describe, expect, test } from 'vitest';
import { refusal } from '../protocol/errors.ts';
import type { FrameHandler } from './context.ts';
import { TestRig } from './test-rig.ts';
import type { TestClient } from './test-rig-client.ts';

const TOPIC = 'chat.a';

const frameHandlers = new Map<string, FrameHandler>([
  ['X-echo', { writes: true, cost: 1, handle: (frame) => Promise.resolve({ got: frame.data ?? null }) }],
  ['X-refuses', { writes: false, cost: 1, handle: () => Promise.resolve(refusal('not_allowed', 'no')) }],
  ['X-fails', { writes: false, cost: 1, handle: () => Promise.reject(new Error('planted')) }],
]);

let rig: TestRig;
let client: TestClient;

beforeEach(() => {
  rig = new TestRig({ frameHandlers });
  rig.publish(TOPIC, 3);
  client = rig.connect();
  client.subscribe('chat.before');
  rig.tokens.set('good', rig.principal('ada'));
  rig.tokens.set('boom', new Error('planted'));
  rig.rights.throwOn.add('chat.boom');
});

/** Lets promises settle: frame handlers answer with one. */
async function settled(): Promise<void> {
  for (let at = 0; at < 20; at += 1) await Promise.resolve();
  rig.settle();
}

const POSITION = { epoch: 'e', sequence: 1 };

/** Type, what is special, data, and the reply's type with its reason or status. */
const REQUESTS: readonly (readonly [string, string, object, string])[] = [
  ['Ping', 'with a time', { timestamp: 1 }, 'Pong'],
  ['Ping', 'with nonsense', { timestamp: 'now' }, 'Error invalid_field'],
  ['Subscribe', 'to a topic', { topics: ['chat.x'] }, 'Status subscribed'],
  ['Subscribe', 'to a topic again', { topics: ['chat.before'] }, 'Status subscribed'],
  ['Subscribe', 'to nothing that exists', { topics: ['not a topic'] }, 'Status subscribed'],
  [
    'Subscribe',
    'to a pattern with positions',
    { topics: [{ topic: 'chat.*', positions: { [TOPIC]: POSITION } }] },
    'Status subscribed',
  ],
  ['Subscribe', 'at a position', { topics: [{ topic: TOPIC, ...POSITION }] }, 'Status subscribed'],
  ['Subscribe', 'to the same topic twice', { topics: ['chat.x', 'chat.x'] }, 'Status subscribed'],
  ['Subscribe', 'without topics', { topics: [] }, 'Error invalid_field'],
  ['Subscribe', 'that fails', { topics: ['chat.x', 'chat.boom'] }, 'Error quarantined'],
  ['Unsubscribe', 'from a topic', { topics: ['chat.before'] }, 'Status unsubscribed'],
  ['Unsubscribe', 'from nothing', { topics: ['chat.nobody'] }, 'Status unsubscribed'],
  ['Unsubscribe', 'without topics', {}, 'Error invalid_field'],
  ['Broadcast', 'to a topic', { topic: TOPIC, payload: 1 }, 'Ack delivered'],
  ['Broadcast', 'to an ephemeral topic', { topic: 'typing.a', payload: null }, 'Ack delivered'],
  ['Broadcast', 'without a payload', { topic: TOPIC }, 'Error invalid_field'],
  ['Broadcast', 'to what is not allowed', { topic: 'secret.a', payload: 1 }, 'Error not_allowed'],
  ['Broadcast', 'that fails', { topic: 'chat.boom', payload: 1 }, 'Error quarantined'],
  ['DirectMessage', 'to a user', { target_user: 'bob', payload: 1 }, 'Ack queued'],
  ['DirectMessage', 'to nobody', { payload: 1 }, 'Error invalid_field'],
  ['GetMissedMessages', 'with positions', { since: { [TOPIC]: POSITION } }, 'Status missed_messages'],
  ['GetMissedMessages', 'with no positions', { since: {} }, 'Status missed_messages'],
  ['GetMissedMessages', 'with a message id', { since: '1-1-abcdef' }, 'Status missed_messages'],
  ['GetMissedMessages', 'with nonsense', { since: 'x' }, 'Error invalid_field'],
  ['GetMissedMessages', 'of no session', { since: {}, session_id: 's-x' }, 'Error not_found'],
  ['GetMissedMessages', 'about what fails', { since: { 'chat.boom': POSITION } }, 'Error quarantined'],
  ['History', 'of a topic', { topic: TOPIC, limit: 2 }, 'Status history'],
  ['History', 'of nobody’s topic', { topic: 'chat.nobody', limit: 2 }, 'Status history'],
  ['History', 'without a limit', { topic: TOPIC }, 'Error invalid_field'],
  ['History', 'that fails', { topic: 'chat.boom', limit: 1 }, 'Error quarantined'],
  ['Authenticate', 'with a good token', { token: 'good' }, 'Status authenticated'],
  ['Authenticate', 'with a bad token', { token: 'bad' }, 'Error token_invalid'],
  ['Authenticate', 'that fails', { token: 'boom' }, 'Error quarantined'],
  ['Ack', 'with nonsense', { positions: 7 }, 'Error invalid_field'],
  ['X-echo', 'with data', { some: 'data' }, 'Status X-echo'],
  ['X-refuses', 'whatever comes', {}, 'Error not_allowed'],
  ['X-fails', 'whatever comes', {}, 'Error quarantined'],
  ['X-nobody', 'whatever comes', {}, 'Error not_found'],
  ['Nonsense', 'whatever comes', {}, 'Error unknown_type'],
];

function summary(id: string): string[] {
  return client
    .repliesTo(id)
    .map(({ type, data }) => [type, data['reason'] ?? data['status'] ?? []].flat().map(String).join(' '));
}

describe('a frame with an id gets exactly one reply', () => {
  test.each(REQUESTS)('%s %s', async (type, _, data, expected) => {
    const id = client.send(type, data as Record<string, unknown>);
    await settled();
    expect(summary(id)).toEqual([expected]);
    rig.pass(3);
    expect(summary(id)).toHaveLength(1);
    expect((await ping()).length).toBe(1);
  });

  test('also when the broker answers everything late and at once', async () => {
    for (const call of ['retain', 'publish', 'read'] as const) rig.broker.holds.add(call);
    const sent = REQUESTS.filter(([type]) => ['Broadcast', 'DirectMessage', 'History'].includes(type)).map(
      ([type, , data, expected]) => ({ id: client.send(type, data as Record<string, unknown>), expected }),
    );
    const subscribe = client.send('Subscribe', { topics: ['chat.x', 'chat.y', { topic: TOPIC, ...POSITION }] });
    rig.broker.letGo();
    await settled();
    rig.settle();
    expect(summary(subscribe)).toEqual(['Status subscribed']);
    for (const { id, expected } of sent) {
      const replies = summary(id);
      expect(replies).toHaveLength(1);
      // Of two Historys at once the second is told to wait.
      expect([expected, 'Error request_pending']).toContain(replies[0]);
    }
  });

  test('in a batch each frame has its own', () => {
    const batching = rig.connect('bob', { batching: true });
    const frames = ['a', 'b', 'c'].map((id, at) => ({
      type: ['Ping', 'Nonsense', 'Broadcast'][at],
      id,
      data: { topic: TOPIC, payload: 1 },
    }));
    batching.sendRaw(JSON.stringify(frames));
    rig.settle();
    expect(['a', 'b', 'c'].map((id) => batching.repliesTo(id).map(({ type }) => type))).toEqual([
      ['Pong'],
      ['Error'],
      ['Ack'],
    ]);
  });

  test('an Ack of positions is the one that is not answered', async () => {
    const id = client.send('Ack', { positions: { 'chat.before': POSITION } });
    await settled();
    expect(client.repliesTo(id)).toEqual([]);
  });

  test('an id may be used again, and each use is answered', () => {
    const frame = JSON.stringify({ type: 'Ping', id: 'same' });
    for (let at = 0; at < 3; at += 1) client.sendRaw(frame);
    expect(client.repliesTo('same')).toHaveLength(3);
  });
});

test('what cannot be read is answered without an id', () => {
  client.take();
  for (const text of ['', '{', '[]', '"text"', '{"type":7}', '{"id":7,"type":"Ping"}']) client.sendRaw(text);
  const replies = client.take();
  expect(replies).toHaveLength(6);
  expect(replies.every(({ type, reply_to: id }) => type === 'Error' && id === undefined)).toBe(true);
});

async function ping(): Promise<string[]> {
  const id = client.send('Ping');
  await settled();
  return summary(id);
}

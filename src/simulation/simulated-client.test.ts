import { beforeEach, expect, test } from 'vitest';
import { Ledger } from './ledger.ts';
import { SimulatedClient } from './simulated-client.ts';

const TOPIC = 'chat.a';
const AT_FIVE = { epoch: 'e', sequence: 5 };
let ledger: Ledger;
let client: SimulatedClient;

/** Something that the server sends. */
function arrives(type: string, data: object): void {
  client.received(JSON.stringify({ type, data }), false);
}

function subscribed(recovery: object = {}): void {
  arrives('Status', {
    status: 'subscribed',
    details: { topics: [TOPIC], positions: { [TOPIC]: AT_FIVE }, recovery, rejected: [] },
  });
}

beforeEach(() => {
  ledger = new Ledger();
  client = new SimulatedClient('ada', 'json', false, ledger);
  arrives('Status', { status: 'connected', details: { session_id: 's', connection_id: 'c' } });
  subscribed();
});

test.each([
  ['trimmed', { from: 6, to: 7, count: 2 }],
  ['history_lost', { sequence: 9 }],
])('a Gap (%s) of the old start, before the answer to a restart, moves nothing', (cause, range) => {
  client.restart(TOPIC);
  arrives('Gap', { topic: TOPIC, cause, epoch: 'e', ...range });
  expect(client.resumeAt(TOPIC)).toEqual(AT_FIVE);
  subscribed({ [TOPIC]: { recovered: true, missed: 0 } });
});

test('a Gap of the old start is known to have been told', () => {
  client.restart(TOPIC);
  arrives('Gap', { topic: TOPIC, cause: 'trimmed', epoch: 'e', from: 6, to: 7, count: 2 });
  expect(ledger.wasTold('c', TOPIC, 6, 7)).toBe(true);
});

test('after the answer a Gap has to follow on where the client is', () => {
  client.restart(TOPIC);
  subscribed();
  expect(() => arrives('Gap', { topic: TOPIC, cause: 'trimmed', epoch: 'e', from: 7, to: 8, count: 2 })).toThrow(
    'gaps are exact',
  );
  arrives('Gap', { topic: TOPIC, cause: 'trimmed', epoch: 'e', from: 6, to: 7, count: 2 });
  expect(client.resumeAt(TOPIC)).toEqual({ epoch: 'e', sequence: 7 });
});

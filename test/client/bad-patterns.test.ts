/** Patterns and handlers of patterns that are wrong: a typed error where the caller can see it, and nothing else. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Client } from '../../src/client/index.ts';
import { patternOf } from '../../src/client/pattern/index.ts';
import { eventually } from '../harness/deadline.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { clientOf } from './rig.ts';
import { nothingUnhandled } from './unhandled.ts';

nothingUnhandled();

let server: TestServer;
/** A room that no other test has used. */
let room = '';
let tests = 0;
beforeAll(async () => {
  server = await openServer({ 'rate_limiting.enabled': 'false' });
});
afterAll(() => server.stop());
beforeEach(() => {
  tests += 1;
  room = `room${tests}`;
});

function reasonsOf(client: Client): string[] {
  const reasons: string[] = [];
  client.on('error', ({ reason }) => reasons.push(reason));
  return reasons;
}

test.each<[string, unknown]>([
  ['empty', ''],
  ['everything', '**'],
  ['not of segments', 'a b.*'],
  ['open in its middle', 'a.**.b'],
  ['half a segment', 'a.b*'],
  ['too long', `a.${'x'.repeat(300)}.*`],
  ['nothing', undefined],
  ['a number', 5],
])('a pattern that is %s is refused, and topics beside it are read', async (_name, pattern) => {
  const client = clientOf(server);
  const told: string[] = [];
  patternOf(client, pattern as string).on({
    message: () => {},
    gap: () => {},
    error: ({ reason }) => told.push(reason),
  });
  await eventually(() => told.length > 0, 'the refusal');
  expect(told).toEqual([expect.stringMatching(/^(invalid_topic|invalid_field|pattern_not_supported)$/)]);
  const topic = client.topic(`${room}.1`);
  topic.on({ message: () => {}, gap: () => {} });
  await eventually(() => topic.state === 'live', 'the topic to be live');
});

test.each<[string, ((error: unknown) => void) | undefined]>([
  ['no function for errors', undefined],
  [
    'one that throws too',
    () => {
      throw new Error('a fault of the application');
    },
  ],
])('a handler that throws, beside %s: the client tells it, and the next message comes', async (_name, error) => {
  const client = clientOf(server);
  const reasons = reasonsOf(client);
  const seen: unknown[] = [];
  let isLive = false;
  patternOf(client, `${room}.*`).on({
    message: ({ payload }) => {
      seen.push(payload);
      throw new Error('a fault of the application');
    },
    gap: () => {},
    live: () => (isLive = true),
    ...(error === undefined ? {} : { error }),
  });
  await eventually(() => isLive, 'the pattern to be live');
  for (const payload of [1, 2, 3]) await clientOf(server, 'bob').topic(`${room}.1`).publish(payload);
  await eventually(() => seen.length === 3, 'every message');
  await eventually(() => reasons.length === 3, 'every error');
  expect(new Set(reasons)).toEqual(new Set(['handler_failed']));
});

/** Client and server have one truth: the tables of src/protocol, and frames that the types of the client describe. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type { ErrorReason } from '../../src/client/index.ts';
import { CLOSE_CODES } from '../../src/protocol/close-codes.ts';
import { ERRORS, type Reason } from '../../src/protocol/errors.ts';
import { MAX_BATCH_FRAMES, MAX_HISTORY_LIMIT, MAX_TOPICS_PER_FRAME } from '../../src/protocol/limits.ts';
import type { ConnectedDetails, HistoryDetails, SubscribedDetails, WireError } from '../../src/protocol/wire.ts';
import { connect } from '../harness/client.ts';
import { startServer } from '../harness/server.ts';
import type { SERVER_DATA } from '../kit/server-frames.ts';

type Written<Type extends keyof typeof SERVER_DATA> = z.infer<(typeof SERVER_DATA)[Type]>;
/** A field that may be missing: zod says that it may also be there and undefined. */
type Exact<T> = T extends object ? { [Key in keyof T]: Exact<Exclude<T[Key], undefined>> } : T;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Reasons that only the library has. */
const OWN = new Set(['offline', 'signed_out', 'closed', 'deadline', 'handler_failed', 'user_changed']);

describe('types', () => {
  test('what the server writes, by the schemas that the page of the protocol is held against, is what the client reads', () => {
    expectTypeOf<Exact<Written<'Status connected'>>>().toExtend<ConnectedDetails>();
    expectTypeOf<Exact<Written<'Status subscribed'>>>().toExtend<SubscribedDetails>();
    expectTypeOf<Exact<Pick<Written<'Status history'>, 'topic' | 'complete' | 'position' | 'next'>>>().toExtend<
      Pick<HistoryDetails, 'topic' | 'complete' | 'position' | 'next'>
    >();
    expectTypeOf<Exact<Written<'Error'>>>().toExtend<WireError>();
    expectTypeOf<Reason>().toExtend<ErrorReason>();
  });

  test('reasons and close codes that the client names are in the tables', () => {
    const own = globSync('src/client/**/*.ts', { cwd: ROOT }).filter((path) => !path.endsWith('.test.ts'));
    expect(own.length).toBeGreaterThan(30);
    const known = new Set(Object.values(CLOSE_CODES).map(({ code }) => code as number));
    const text = own.map((path) => readFileSync(join(ROOT, path), 'utf8')).join('\n');
    const codes = [...text.matchAll(/(?<![\d_.])4[0-3]\d\d(?![\d_])/g)].map(([code]) => Number(code));
    expect(codes.filter((code) => !known.has(code) && code % 100 !== 0)).toEqual([]);
    const reasons = [...text.matchAll(/reason === '(\w+)'/g)].map(([, reason = '']) => reason);
    expect(reasons.length).toBeGreaterThan(5);
    expect(reasons.filter((reason) => !Object.hasOwn(ERRORS, reason) && !OWN.has(reason))).toEqual([]);
    expect(Object.keys(ERRORS).filter((reason) => OWN.has(reason))).toEqual([]);
  });
});

test('the first frame says when the token ends, the window of keys, topics of a frame, batches, pages and features', async () => {
  const server = await startServer();
  const { connected } = await connect(server.port, { batching: true });
  const inAnHour = Number((connected as Partial<ConnectedDetails>).token_expires_at) - Date.now();
  expect(inAnHour).toBeGreaterThan(3_500_000);
  expect(inAnHour).toBeLessThanOrEqual(3_600_000);
  expect(connected.limits).toMatchObject({
    max_topics_per_frame: MAX_TOPICS_PER_FRAME,
    max_batch: MAX_BATCH_FRAMES,
    history_limit: MAX_HISTORY_LIMIT,
    idempotency_window_ms: 300_000,
  });
  expect(connected.features).toEqual(['patterns', 'history', 'idempotency', 'direct_messages', 'batching']);
});

test('each rejected topic says whether and when it may be asked for again', async () => {
  const server = await startServer({ 'websocket.max_subscriptions': '1' });
  const client = await connect(server.port);
  const { rejected } = await client.subscribe('not a topic', 'chat.1', 'chat.2', '@user.x');
  const told = (rejected as readonly (WireError & { topic: string })[]).map(({ topic, reason, temporary }) => [
    topic,
    reason,
    temporary,
  ]);
  // When the right is undecided for a time it also says when: src/connection/decisions.test.ts.
  expect(told.toSorted(([one = ''], [other = '']) => (String(one) < String(other) ? -1 : 1))).toEqual([
    ['@user.x', 'invalid_topic', false],
    ['chat.2', 'topic_limit', true],
    ['not a topic', 'invalid_topic', false],
  ]);
});

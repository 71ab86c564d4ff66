/** Members that type and are never heard of again: some node says that they have stopped. */
import { expect, test } from 'vitest';
import type { Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { silentLog } from '../../../telemetry/log.ts';
import type { Host } from '../../host-api.ts';
import { CHAT_EVENTS } from '../chat/events.ts';
import { MARKETPLACE_EVENTS } from '../marketplace/events.ts';
import { tellTyping, TypingEnds } from './typing-ends.ts';

const ADA = { tenant: '', user: 'ada' };
const FOR_MS = 6_000;

interface Node {
  readonly host: Pick<
    Host,
    'node' | 'publish' | 'isRefusal' | 'emit' | 'on' | 'background' | 'clock' | 'scheduler' | 'log'
  >;
  readonly ends: TypingEnds;
  /** The process is killed: it says and hears nothing any more. */
  kill(): void;
}

/** Nodes that hear of one another, and what members are told of the typists, each key once. */
function nodes(count: number): { clock: VirtualClock; all: readonly Node[]; told: JsonValue[]; keys: unknown[] } {
  const clock = new VirtualClock();
  const told: JsonValue[] = [];
  const keys: unknown[] = [];
  const handlers = new Map<string, (data: JsonValue, from: { readonly node: string }) => void>();
  const all = Array.from({ length: count }, (_, at): Node => {
    const node = `n${at}`;
    let isAlive = true;
    const host: Node['host'] = {
      node,
      clock,
      scheduler: clock,
      background: async (_, work) => void (await work()),
      log: silentLog,
      isRefusal: (_answer): _answer is Refusal => false,
      publish: async (_topic, { payload, idempotencyKey }) => {
        const duplicate = idempotencyKey !== undefined && keys.includes(idempotencyKey);
        keys.push(idempotencyKey);
        if (!duplicate) told.push(payload);
        return { id: '', position: null, duplicate };
      },
      emit: (_event, data) => {
        if (isAlive) for (const handler of handlers.values()) handler(data, { node });
      },
      on: (_event, handler) => void handlers.set(node, handler),
    };
    const ends = new TypingEnds(host);
    const kill = (): void => {
      isAlive = false;
      handlers.delete(node);
      ends.stop();
    };
    return { host, ends, kill };
  });
  return { clock, all, told, keys };
}

function type({ host }: Node): void {
  tellTyping(host, ADA, 'c', host.clock.now() + FOR_MS);
}

const STOPPED = { event: 'typing', user: 'ada', isTyping: false };

test('D-13: a member that says nothing more has stopped when the time is over, and members are told once', async () => {
  const { clock, all, told, keys } = nodes(3);
  const [home] = all;
  if (home === undefined) throw new Error('no node');
  type(home);
  clock.advance(4_000);
  type(home);
  clock.advance(FOR_MS - 500);
  expect(told).toEqual([]);
  clock.advance(1_500);
  expect(told).toEqual([STOPPED]);
  // The answer of the log comes.
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(60_000);
  expect([told, keys]).toEqual([[STOPPED], [expect.any(String)]]);
});

test('D-13: a typist that has said that it stopped is not told of again', () => {
  const { clock, all, keys } = nodes(2);
  const [home] = all;
  if (home === undefined) throw new Error('no node');
  type(home);
  tellTyping(home.host, ADA, 'c', null);
  clock.advance(60_000);
  expect(keys).toEqual([]);
});

test('D-13: when the node of the typist is killed the others say it, once for all of them', () => {
  const { clock, all, told } = nodes(4);
  const [home] = all;
  if (home === undefined) throw new Error('no node');
  type(home);
  home.kill();
  clock.advance(FOR_MS + 1_000);
  expect(told).toEqual([]);
  clock.advance(2_000);
  expect(told).toEqual([STOPPED]);
});

test('D-13: clients of Socket.IO are told in their own words', () => {
  const publication = {
    type: 'Broadcast',
    topic: 'conversation.c.live',
    from: 'ada',
    payload: STOPPED,
    id: '',
    timestamp: 0,
  } as unknown as Parameters<NonNullable<typeof CHAT_EVENTS.published>>[0];
  expect(CHAT_EVENTS.published?.(publication)).toMatchObject({ event: 'stop_typing', except: { user: 'ada' } });
  expect(MARKETPLACE_EVENTS.published?.(publication)).toMatchObject({
    event: 'user:typing',
    args: [{ isTyping: false }],
    except: { user: 'ada' },
  });
});

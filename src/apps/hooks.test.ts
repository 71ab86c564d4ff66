import { expect, test } from 'vitest';
import { DeadLetters } from '../actor/dead-letters.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { Counters } from '../telemetry/counters.ts';
import { silentLog } from '../telemetry/log.ts';
import type { Hooks } from './app.ts';
import { Calls } from './calls.ts';
import { HookEvents } from './hooks.ts';

const PRINCIPAL = {
  tenant: '',
  user: 'ada',
  roles: [],
  topics: null,
  tokenId: undefined,
  issuedAt: 0,
  expiresAt: Infinity,
};
const FACTS = { id: 'c-1', principal: PRINCIPAL, address: '192.0.2.1', format: 'json' } as const;

function eventsWith(...given: readonly Hooks[]): { readonly events: HookEvents; readonly clock: VirtualClock } {
  const clock = new VirtualClock();
  const counters = new Counters();
  const ports = { clock, scheduler: clock, counters, deadLetters: new DeadLetters(10), blockingMs: 1_000 };
  const events = new HookEvents({
    scheduler: clock,
    deadlineMs: 1_000,
    decisionTimeoutMs: 1_000,
    dropped: counters.appHooksDropped,
  });
  for (const [at, hooks] of given.entries()) events.add(hooks, new Calls(`app${at}`, ports, silentLog));
  return { events, clock };
}

test('hooks are told at the end of the turn, and those that want to write down what happened at once', () => {
  const told: string[] = [];
  const { events, clock } = eventsWith(
    { subscribed: (_facts, topic) => void told.push(`later ${topic}`) },
    { atOnce: true, subscribed: (_facts, topic) => void told.push(`at once ${topic}`) },
  );
  events.subscribed(FACTS, 'chat.a');
  events.connected(FACTS);
  expect(told).toEqual(['at once chat.a']);
  clock.endTurn();
  expect(told).toEqual(['at once chat.a', 'later chat.a']);
});

test('a hook that waits keeps those of the same connection behind it, also when they are told at once', async () => {
  const told: string[] = [];
  const gate = Promise.withResolvers<void>();
  const { events } = eventsWith({
    atOnce: true,
    connected: () => gate.promise,
    disconnected: (_facts, code) => void told.push(`gone ${code}`),
  });
  events.connected(FACTS);
  events.disconnected(FACTS, 1000);
  expect(told).toEqual([]);
  gate.resolve();
  await events.settled();
  expect(told).toEqual(['gone 1000']);
});

/** The moment between the question which conversations a client follows and its being there. */
import { expect, test } from 'vitest';
import type { Host } from '../../host-api.ts';
import { follow, Following } from './following.ts';

/** One node. */
function node() {
  let elapsed = 0;
  const handlers: ((data: unknown) => void)[] = [];
  const subscribed: { readonly user: unknown; readonly topics: readonly string[] }[] = [];
  const host = {
    clock: { now: () => elapsed, elapsed: () => elapsed },
    on: (_: string, handler: (data: never) => void) => void handlers.push(handler as (data: unknown) => void),
    emit: (_: string, data: unknown) => handlers.forEach((handler) => handler(structuredClone(data))),
    subscribe: (user: unknown, topics: readonly string[]) => {
      subscribed.push({ user, topics });
      return Promise.resolve({ connections: 0, missed: [] });
    },
  } as unknown as Host;
  // Everybody is still in `c`.
  const query = {
    selectFrom: () => query,
    select: () => query,
    where: () => query,
    execute: () => [{ conversation: 'c' }],
  };
  const database = { tables: () => query } as never;
  const following = new Following({ host, database, settings: {} as never });
  const comes = (user: string): Promise<void> =>
    following.connected({ principal: { tenant: 't', user } } as Parameters<Following['connected']>[0]);
  return { host, subscribed, comes, sleep: (ms: number) => (elapsed += ms) };
}

test('a client whose user comes into a conversation while it connects follows it when it is there; a minute later nothing is remembered', async () => {
  const { host, subscribed, comes, sleep } = node();
  const ada = { user: { tenant: 't', user: 'ada' }, topics: ['conversation.c', 'conversation.c.live'] };
  await follow(host, 't', ['ada', 'bob'], 'c');
  expect(subscribed.splice(0)).toEqual([ada, { ...ada, user: { tenant: 't', user: 'bob' } }]);
  await comes('ada');
  await comes('eve');
  expect(subscribed.splice(0)).toEqual([ada]);
  sleep(60_000);
  await follow(host, 't', ['eve'], 'd');
  subscribed.length = 0;
  await comes('ada');
  expect(subscribed).toEqual([]);
});

test('all members of a large group are ordered, and told to the nodes in events that are not too large', async () => {
  const { host, subscribed } = node();
  const users = Array.from({ length: 1_000 }, (_, at) => `user-${at}`.padEnd(64, 'x'));
  const sizes: number[] = [];
  host.on('followed', (data) => sizes.push(JSON.stringify(data).length));
  await follow(host, 't', users, 'c');
  expect(new Set(subscribed.map(({ user }) => JSON.stringify(user))).size).toBe(1_000);
  expect(Math.max(...sizes)).toBeLessThan(65_536);
});

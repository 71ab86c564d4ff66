/** The list of a connection's subscriptions, when it is long. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Subscription } from '../router/subscription.ts';
import { findSubscription } from './subscriptions.ts';
import { TestRig } from './test-rig.ts';

const MANY = 2_000;

function names(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `chat.t${from + at}`);
}

test('a topic that one of very many subscriptions gives up is found and left without a walk through the others', () => {
  const rig = new TestRig({ maxTopics: 10_000, limits: { maxSubscriptions: MANY } });
  const client = rig.connect();
  for (let at = 0; at < MANY; at += 100) client.ask('Subscribe', { topics: names(at, 100) });
  let looks = 0;
  client.connection.subscriptions = new Proxy(client.connection.subscriptions, {
    get(list, key): unknown {
      if (typeof key === 'string' && /^\d+$/.test(key)) looks += 1;
      return Reflect.get(list, key) as unknown;
    },
  });
  for (const name of names(0, 10)) client.ask('Unsubscribe', { topics: [name] });
  expect(client.connection.subscriptions).toHaveLength(MANY - 10);
  expect(looks).toBeLessThan(200);
});

test('whatever comes and goes, every subscription is found under its topic, and no other', () => {
  const all = names(0, 60);
  const step = fc.record({
    isSubscribe: fc.boolean(),
    topics: fc.uniqueArray(fc.constantFrom(...all), { minLength: 1, maxLength: 40 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const rig = new TestRig({ limits: { maxSubscriptions: 100 } });
      const client = rig.connect();
      const model = new Set<string>();
      for (const { isSubscribe, topics } of steps) {
        client.ask(isSubscribe ? 'Subscribe' : 'Unsubscribe', { topics });
        for (const topic of topics) model[isSubscribe ? 'add' : 'delete'](topic);
        const found = all.filter((topic) => findSubscription(client.connection, topic)?.topic.name === topic);
        expect(found).toEqual(all.filter((topic) => model.has(topic)));
        const listed = client.connection.subscriptions.map(({ topic }: Subscription) => topic.name);
        expect(listed.toSorted()).toEqual([...model].toSorted());
      }
    }),
    { numRuns: 60 },
  );
});

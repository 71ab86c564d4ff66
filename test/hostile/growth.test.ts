/**
 * What one client can make large within its limits, doubled: the steps for the same work grow with it and no faster. On
 * virtual time and simulated sockets, over the router and broker of the server.
 */
import { expect, test } from 'vitest';
import { TestRig } from '../../src/connection/test-rig.ts';
import type { TestClient } from '../../src/connection/test-rig-client.ts';
import { scanProblem } from '../../src/protocol/msgpack-scan.ts';
import { LINEAR, type Prepare } from '../harness/growth.ts';
import { stepGrowthOf } from '../harness/steps.ts';

const MANY = 1_000_000;

function rig(): TestRig {
  return new TestRig({
    limits: {
      limitRates: false,
      maxSubscriptions: MANY,
      maxMatchedTopics: MANY,
      controlBytes: 1e9,
      controlCapacity: MANY,
    },
    maxTopics: MANY,
    inboxCapacity: MANY,
  });
}

const names = (count: number, name: (at: number) => string): string[] =>
  Array.from({ length: count }, (_, at) => name(at));
const positions = (topics: readonly string[]): object =>
  Object.fromEntries(topics.map((topic) => [topic, { epoch: 'e', sequence: 0 }]));

function subscribeAll(client: TestClient, topics: readonly string[]): void {
  for (let at = 0; at < topics.length; at += 100) client.subscribe(...topics.slice(at, at + 100));
}

function unsubscribeAll(client: TestClient, topics: readonly string[]): void {
  for (let at = 0; at < topics.length; at += 100) client.ask('Unsubscribe', { topics: topics.slice(at, at + 100) });
}

/** A node with topics that somebody else follows. */
function nodeWith(topics: readonly string[]): { rig: TestRig; client: TestClient } {
  const node = rig();
  const other = node.connect('bob');
  for (const name of topics) node.router.whenKept(node.router.join(name, other.connection).topic, () => {});
  node.settle();
  return { rig: node, client: node.connect() };
}

const DIMENSIONS: readonly { name: string; size: number; prepare: Prepare }[] = [
  {
    name: 'topics of the node, under a hundred patterns that match none of them',
    size: 400,
    prepare: (size) => {
      const { client } = nodeWith(names(size, (at) => `chat.${at}.a`));
      const patterns = names(100, (at) => `chat.*.z${at}`);
      return () => {
        client.subscribe(...patterns);
        client.ask('Unsubscribe', { topics: patterns });
      };
    },
  },
  {
    name: 'topics that a pattern brings',
    size: 1_000,
    prepare: (size) => {
      const { client } = nodeWith(names(size, (at) => `chat.${at}`));
      return () => {
        client.subscribe('chat.**');
        client.ask('Unsubscribe', { topics: ['chat.**'] });
      };
    },
  },
  {
    name: 'patterns of a node, while a topic is born',
    size: 2_000,
    prepare: (size) => {
      const { rig: node, client } = nodeWith([]);
      subscribeAll(
        client,
        names(size, (at) => `chat.${at}.*`),
      );
      let born = 0;
      return () => {
        for (let at = 0; at < 50; at += 1) node.publish(`chat.x${(born += 1)}.a`);
      };
    },
  },
  {
    name: 'patterns of a connection',
    size: 200,
    prepare: (size) => {
      const { client } = nodeWith([]);
      const patterns = names(size, (at) => `chat${at}.**`);
      return () => {
        subscribeAll(client, patterns);
        unsubscribeAll(client, patterns);
      };
    },
  },
  {
    name: 'positions of an Ack',
    size: 1_000,
    prepare: (size) => {
      const { rig: node, client } = nodeWith([]);
      const topics = names(size, (at) => `chat.${at}`);
      subscribeAll(client, topics);
      return () => {
        client.send('Ack', { positions: positions(topics) });
        node.settle();
      };
    },
  },
  {
    name: 'positions of an Ack, of a pattern’s topics that rest',
    size: 1_000,
    prepare: (size) => {
      const { rig: node, client } = nodeWith([]);
      subscribeAll(
        client,
        names(200, (at) => `c${at}.**`),
      );
      const topics = names(size, (at) => `c7.${at}`);
      return () => {
        client.send('Ack', { positions: positions(topics) });
        node.settle();
      };
    },
  },
  {
    // So many that a walk over all of them for each costs more than the rest.
    name: 'subscriptions of a connection',
    size: 2_000,
    prepare: (size) => {
      const { client } = nodeWith([]);
      const topics = names(size, (at) => `chat.${at}`);
      return () => {
        subscribeAll(client, topics);
        unsubscribeAll(client, topics);
      };
    },
  },
  {
    name: 'positions of a GetMissedMessages',
    size: 1_000,
    prepare: (size) => {
      const { client } = nodeWith([]);
      subscribeAll(
        client,
        names(200, (at) => `c${at}.**`),
      );
      const since = positions(names(size, (at) => `c7.${at}`));
      return () => void client.ask('GetMissedMessages', { since });
    },
  },
  {
    name: 'positions at which a pattern resumes',
    size: 400,
    prepare: (size) => {
      const { client } = nodeWith([]);
      const topics = [{ topic: 'chat.*', positions: positions(names(size, (at) => `chat.${at}`)) }];
      return () => {
        client.subscribe(...topics);
        client.ask('Unsubscribe', { topics: ['chat.*'] });
      };
    },
  },
  {
    name: 'subscriptions, when their connection ends',
    size: 1_000,
    prepare: (size) => {
      const { rig: node } = nodeWith([]);
      node.publish('chat.a');
      const topics = names(size, (at) => `chat.${at}`);
      return () => {
        const client = node.connect();
        subscribeAll(client, topics);
        client.link.break();
        node.settle();
      };
    },
  },
];

test('the counters see the loops of the source', () => {
  const growth = stepGrowthOf((size) => {
    const message = Uint8Array.from([0xdc, size >> 8, size & 0xff, ...new Uint8Array(size).fill(0x80)]);
    return () => void scanProblem(message);
  }, 1_000);
  expect(growth).toBeGreaterThan(1.9);
});

test.each(DIMENSIONS)('$name: twice as many take at most 2.5 times the steps', ({ prepare, size }) => {
  expect(stepGrowthOf(prepare, size)).toBeLessThanOrEqual(LINEAR);
});

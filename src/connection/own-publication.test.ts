/** The answer to a publication leaves together with the publication, and the books are right when it goes past the queues. */
import { expect, test } from 'vitest';
import { TestRig } from './test-rig.ts';
import { flow, type TestClient } from './test-rig-client.ts';

/** Writes down how many messages each write holds: those of one cork, or a single one. */
function writesOf({ link }: TestClient): number[] {
  const writes: number[] = [];
  let inCork = -1;
  const send = link.send.bind(link);
  link.send = (payload, binary) => {
    if (inCork === -1) writes.push(1);
    else inCork += 1;
    send(payload, binary);
  };
  link.cork = (work) => {
    inCork = 0;
    work();
    writes.push(inCork);
    inCork = -1;
  };
  return writes;
}

function published(client: TestClient, topic: string, payload: unknown): void {
  client.sendRaw(JSON.stringify({ type: 'Broadcast', id: `p${String(payload)}`, data: { topic, payload } }));
}

test('the only subscriber of a topic has its publication at once, behind the answer', () => {
  const rig = new TestRig();
  const client = rig.connect();
  client.subscribe('chat.a');
  client.take();
  published(client, 'chat.a', 1);
  expect(flow(client.take())).toEqual(['Ack delivered', 'chat.a 1']);
  rig.settle();
  // Behind the first of a turn they wait for its end.
  published(client, 'chat.a', 2);
  published(client, 'chat.a', 3);
  expect(flow(client.take())).toEqual(['Ack delivered', 'chat.a 2', 'Ack delivered']);
  rig.settle();
  expect(flow(client.take())).toEqual(['chat.a 3']);
  expect(rig.context.backlog.bytes).toBe(0);
  expect(rig.unaccounted()).toBe(0);
});

test('others of a topic have what one of them publishes at the end of the turn', () => {
  const rig = new TestRig();
  const [one, two] = [rig.connect('one'), rig.connect('two')];
  for (const client of [one, two]) client.subscribe('chat.a');
  published(one, 'chat.a', 1);
  expect(flow(one.take())).toEqual(['Ack delivered', 'chat.a 1']);
  expect(flow(two.take())).toEqual([]);
  rig.settle();
  expect(flow(two.take())).toEqual(['chat.a 1']);
  expect(rig.unaccounted()).toBe(0);
});

test('answers that come late leave with the publications that come in the same turn', () => {
  const rig = new TestRig();
  const client = rig.connect();
  client.subscribe('chat.a');
  client.take();
  rig.broker.holds.add('publish');
  for (const payload of [1, 2, 3]) published(client, 'chat.a', payload);
  rig.settle();
  client.take();
  const writes = writesOf(client);
  rig.broker.letGo();
  rig.publishAtOnce('chat.a', 1);
  rig.settle();
  expect(writes).toEqual([4]);
  expect(flow(client.take())).toEqual(['Ack delivered', 'Ack delivered', 'Ack delivered', 'chat.a 4']);
});

test('many late answers are written in between, and never close a connection that reads', () => {
  const rig = new TestRig({ limits: { controlCapacity: 20 } });
  const client = rig.connect();
  rig.broker.holds.add('publish');
  for (let payload = 0; payload < 100; payload += 1) published(client, 'chat.a', payload);
  rig.broker.letGo();
  rig.settle();
  expect(client.frames.filter(({ type }) => type === 'Ack')).toHaveLength(100);
  expect(client.connection.isOpen).toBe(true);
});

test('an answer that waits for the end of the turn goes out before a close', () => {
  const rig = new TestRig();
  const client = rig.connect();
  client.take();
  rig.broker.holds.add('publish');
  published(client, 'chat.a', 1);
  rig.broker.letGo();
  expect(client.take()).toEqual([]);
  client.connection.close('draining', 'the node ends');
  expect(flow(client.take())).toEqual(['Ack delivered']);
});

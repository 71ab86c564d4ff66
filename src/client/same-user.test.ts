/** Positions and the queue of one user are never used by another, also when the next token is of somebody else. */
import { expect, test } from 'vitest';
import { collect, rig } from './test-rig.ts';
import type { ClientStorage, Saved } from './storage.ts';
import type { SavedEntry } from './publishing.ts';

/** What it holds outlives clients. */
class Kept implements ClientStorage {
  readonly positions = new Map<string, Saved['positions'][string]>();
  readonly queue = new Map<string, SavedEntry>();

  open(): Promise<Saved> {
    return Promise.resolve({ positions: Object.fromEntries(this.positions), queue: [...this.queue.values()] });
  }

  commit(topic: string, position: Saved['positions'][string]): void {
    this.positions.set(topic, position);
  }

  entry(key: string, saved: SavedEntry | null): void {
    if (saved === null) this.queue.delete(key);
    else this.queue.set(key, saved);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  clear(): Promise<void> {
    this.positions.clear();
    this.queue.clear();
    return Promise.resolve();
  }
}

test('a token of somebody else after a reconnect: the client closes, and nothing is sent for the one before', async () => {
  const storage = new Kept();
  const { client, server, pass } = rig({ storage });
  const items = collect(client.topic('a'));
  await pass(100);
  server.publish('a', 'one');
  await pass(100);
  server.away();
  const unsent = expect(client.topic('a').publish('of me')).rejects.toMatchObject({ reason: 'signed_out' });
  await pass(100);
  const before = server.received.length;
  server.user = 'eve';
  server.heal();
  await pass(60_000);
  await unsent;
  expect(client.state).toMatchObject({ status: 'closed', error: { reason: 'user_changed' } });
  expect(items).toEqual(['live', 'one', 'error user_changed']);
  expect([server.received.length - before, storage.positions.size, storage.queue.size]).toEqual([0, 0, 0]);
});

test('what another user has left in the storage is not used, and what this one publishes is sent', async () => {
  const storage = new Kept();
  const first = rig({ storage });
  collect(first.client.topic('a'));
  collect(first.client.topic('b'));
  await first.pass(100);
  first.server.publish('a', 'one');
  await first.pass(100);
  first.server.away();
  first.client
    .topic('a')
    .publish('of me')
    .catch(() => {});
  await first.client.close();
  expect([storage.positions.size, storage.queue.size]).toEqual([3, 1]);

  const { client, server, pass, errors } = rig({ storage });
  server.user = 'eve';
  const items = collect(client.topic('a'));
  // It reads the log from the place of the first one, if nobody stops it.
  const second = collect(client.topic('a'));
  const published = client.topic('a').publish('of eve');
  await pass(5_000);
  await published;
  expect(server.frames('Subscribe').map(({ data }) => data['topics'])).toEqual([['a']]);
  expect(server.frames('Broadcast').map(({ data }) => data['payload'])).toEqual(['of eve']);
  expect([items, second, errors]).toEqual([['live', 'of eve'], ['live', 'of eve'], ['user_changed']]);
  expect([...storage.positions.keys()].sort(), 'what is stored is of the second one').toEqual(['@user', 'a']);
});

test('the same user goes on where it was', async () => {
  const storage = new Kept();
  const first = rig({ storage });
  collect(first.client.topic('a'));
  await first.pass(100);
  await first.client.close();
  const { client, server, pass, errors } = rig({ storage });
  collect(client.topic('a'));
  await pass(1_000);
  expect(server.frames('Subscribe')[0]?.data['topics']).toMatchObject([{ topic: 'a', sequence: 0 }]);
  expect(errors).toEqual([]);
});

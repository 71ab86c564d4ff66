/** Those who read the log leave the loop to those who are served live: whole slices only when nobody was for a while. */
import { expect, test } from 'vitest';
import { TestRig } from './test-rig.ts';
import { flow, run } from './test-rig-client.ts';

const PAGE = 3;

/** Replayed publications that arrive within one turn, so many ms after the last live delivery. */
function replayedInOneTurn(quietMs: number): number {
  const rig = new TestRig({ limits: { mailboxCapacity: 5, pageMessages: PAGE } });
  const live = rig.connect();
  live.subscribe('chat.live');
  const stalled = ['bob', 'cy', 'dora'].map((user) => rig.connect(user));
  for (const client of stalled) {
    client.subscribe('chat.a');
    client.take();
    client.stop();
  }
  rig.publish('chat.a', 30);
  rig.publish('chat.live');
  rig.clock.advance(quietMs);
  const settle = rig.settle.bind(rig);
  rig.settle = () => {};
  for (const client of stalled) client.resume();
  const got = new Map(stalled.map((client) => [client, [] as string[]]));
  const take = (): void => {
    for (const client of stalled) got.get(client)?.push(...flow(client.take()));
  };
  const replayed = (): number => [...got.values()].flat().filter((text) => text.endsWith('replayed')).length;
  for (take(); replayed() === 0; take()) rig.clock.endTurn();
  const count = replayed();
  settle();
  take();
  for (const all of got.values())
    expect(all.map((text) => text.replace(' replayed', ''))).toEqual(run('chat.a', 1, 30));
  return count;
}

test('one page a turn soon after a live delivery', () => {
  expect(replayedInOneTurn(19)).toBe(PAGE);
});

test('as many as fit into a slice when it has been quiet', () => {
  expect(replayedInOneTurn(20)).toBe(3 * PAGE);
});

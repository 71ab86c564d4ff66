/** Conversations at random over two nodes, held against counting message by message, and against what the answers said. */
import { expect } from 'vitest';
import { isRefusal } from '../../../protocol/errors.ts';
import { listConversations, unreadTotal } from './list.ts';
import { markDelivered, markRead } from './positions.ts';
import { actor, type PositionsRig } from './test-rig.ts';

interface Plan {
  readonly seed: number;
  readonly rounds: number;
  /** Members of each conversation. */
  readonly sizes: readonly number[];
  readonly prefix: string;
}

/** Of one round: what is under way at the same time. */
const STEPS = 60;

interface Talk {
  readonly id: string;
  readonly users: readonly string[];
  /** Sequences of messages. */
  readonly messages: number[];
  /** The newest message that somebody has read. */
  readonly readTo: Map<string, number>;
}

export async function randomly(rig: PositionsRig, other: PositionsRig, plan: Plan): Promise<void> {
  const next = generator(plan.seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const talks: Talk[] = [];
  for (const [at, size] of plan.sizes.entries()) {
    const users = Array.from({ length: size }, (_, n) => `${plan.prefix}-u${n}`);
    const id = await rig.make(`${plan.prefix}-${at}`, users);
    talks.push({ id, users, messages: [], readTo: new Map() });
  }
  for (let round = 0; round < plan.rounds; round += 1) {
    const steps = Array.from({ length: STEPS }, () => step(pick([rig, other]), pick(talks), next, pick));
    await Promise.all(steps.map((run) => run()));
    for (const talk of talks) await compare(pick([rig, other]), talk, pick);
  }
}

function step(
  node: PositionsRig,
  talk: Talk,
  next: () => number,
  pick: <T>(list: readonly T[]) => T,
): () => Promise<void> {
  const { id, users, messages } = talk;
  const user = pick(users);
  const kind = next();
  if (kind < 0.35)
    return async () => {
      const sequence = await node.send(id, user);
      messages.push(sequence);
      read(talk, user, sequence);
    };
  if (kind < 0.45) return async () => void (await node.react(id));
  if (kind < 0.5)
    return async () =>
      void (await node.database.sql`update conversations.members set archived_at = clock_timestamp()
        where conversation = ${id} and user_id = ${user}`.execute(node.database.tables()));
  // Old places, new ones, and some that are not there.
  const to = kind < 0.75 ? undefined : Math.floor(next() * (Math.max(0, ...messages) + 3));
  const move = kind < 0.6 ? markDelivered : markRead;
  return async () => {
    const answer = await move(node.ports, actor(user), { conversation: id, to });
    if (isRefusal(answer)) throw new Error(answer.message);
    if ('readTo' in answer) read(talk, user, answer.readTo);
  };
}

function read({ readTo }: Talk, user: string, to: number): void {
  readTo.set(user, Math.max(readTo.get(user) ?? 0, to));
}

async function compare(
  node: PositionsRig,
  { id, users, messages, readTo }: Talk,
  pick: <T>(list: readonly T[]) => T,
): Promise<void> {
  for (const user of new Set([pick(users), pick(users), pick(users), ...users.slice(0, 3)])) {
    const pages = await Promise.all(
      [false, true].map((archived) => listConversations(node.ports, actor(user), { archived, limit: 50 })),
    );
    const listed = pages.flatMap((page) => (isRefusal(page) ? [] : page.conversations));
    const unread = listed.find((it) => it.id === id)?.unread;
    const mine = readTo.get(user) ?? 0;
    const expected = messages.filter((sequence) => sequence > mine).length;
    expect([user, unread, await node.counted(id, user)]).toEqual([user, expected, expected]);
    const total = isRefusal(pages[0] ?? {}) ? 0 : listed.length;
    expect(total).toBeGreaterThan(0);
    const [shown] = pages;
    if (shown !== undefined && !isRefusal(shown))
      expect((await unreadTotal(node.ports, actor(user))).unread).toBe(
        shown.conversations.reduce((sum, it) => sum + it.unread, 0),
      );
  }
}

/** Mulberry32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

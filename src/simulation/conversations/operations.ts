/** What a schedule does: each step is a word and two numbers in [0, 1). */
import type { SeededRandom } from '../seeded-random.ts';
import { CONVERSATIONS, type ConversationsWorld } from './world.ts';

export interface Step {
  readonly name: keyof typeof OPERATIONS;
  readonly a: number;
  readonly b: number;
}

type Work = (world: ConversationsWorld, a: number, b: number) => void | Promise<void>;

const BURST = 6;

export const OPERATIONS = {
  send: (world, a, b) => {
    const client = clientAt(world, a);
    client.send(conversationOf(client.topics, b));
  },
  sendAgain: (world, a) => clientAt(world, a).sendAgain(),
  read: (world, a, b) => {
    const client = clientAt(world, a);
    client.move(b < 0.7 ? 'X-ConversationRead' : 'X-ConversationDelivered', conversationOf(client.topics, (b * 7) % 1));
  },
  live: (world, a) => clientAt(world, a).live(),
  network: (world, a) => flow(world, 1 + Math.floor(a * BURST)),
  time: (world, a) => world.clock.advance(1 + Math.floor(a * a * 1_500)),
  comeAndGo: (world, a, b) => {
    const client = clientAt(world, a);
    if (client.isConnected && b < 0.5) client.disconnect();
    else if (b > 0.8 || !client.isConnected) client.connect(world.nodeAt((b * 13) % 1));
    else client.subscribe();
  },
  slow: (world, a, b) => void (world.nodeAt(a).database.latencyMs = Math.floor(b * 400)),
  lost: (world, a, b) => {
    world.wasAway = true;
    world.nodeAt(a).database.lostAnswers += 1 + Math.floor(b * 2);
  },
  away: (world, _, b) => {
    world.wasAway = true;
    for (const [at, { database }] of world.nodes.entries()) if (b < 0.7 || at === 0) database.isAway = true;
  },
  back: (world) => mendDatabases(world),
  breakLog: (world, a, b) => {
    const { logs } = world.nodeAt(a);
    if (b < 0.4) logs.loseNotice();
    else if (b < 0.8) logs.breakCommands(Math.floor(b * 10) % 3);
    else logs.breakMessages();
  },
  mend: (world) => mendLogs(world),
  emptyRedis: (world) => {
    for (const { logs } of world.nodes) {
      logs.breakCommands(0);
      logs.breakMessages();
    }
    world.redis.empty();
    world.redis.renameServer();
  },
  /** Now, or behind one of its next statements: between what is stored and what is told. */
  kill: async (world, a, b) => {
    const at = Math.floor(a * world.nodes.length);
    const node = world.nodeAt(a);
    if (b < 0.3) {
      node.kill(Math.floor(b * 10));
      return world.startNode(at);
    }
    let left = Math.floor((b - 0.3) * 8);
    node.database.done = () => {
      if (left === 0) node.kill(0);
      left -= 1;
    };
  },
} as const satisfies Readonly<Record<string, Work>>;

/** So often each of them comes, of all together. */
const WEIGHTS: Readonly<Record<keyof typeof OPERATIONS, number>> = {
  send: 22,
  sendAgain: 6,
  read: 6,
  live: 3,
  network: 24,
  time: 16,
  comeAndGo: 7,
  slow: 3,
  lost: 2,
  away: 1.5,
  back: 4,
  breakLog: 2,
  mend: 4,
  emptyRedis: 0.7,
  kill: 1.5,
};

export function drawSchedule(random: SeededRandom, steps: number): Step[] {
  const names = Object.keys(WEIGHTS) as (keyof typeof OPERATIONS)[];
  const sum = names.reduce((total, name) => total + WEIGHTS[name], 0);
  return Array.from({ length: steps }, () => {
    let left = random.fraction() * sum;
    const name = names.find((it) => (left -= WEIGHTS[it]) < 0) ?? 'network';
    return { name, a: random.fraction(), b: random.fraction() };
  });
}

export async function perform(world: ConversationsWorld, { name, a, b }: Step): Promise<void> {
  await OPERATIONS[name](world, a, b);
  await world.rest();
  // Somebody starts a killed node again.
  for (const [at, node] of world.nodes.entries()) if (!node.isAlive) await world.startNode(at);
  await world.rest();
}

/** Calls reach the log, answers and notices come back. */
export function flow(world: ConversationsWorld, times: number): void {
  for (const { logs } of world.nodes)
    for (let at = 0; at < times; at += 1) {
      logs.work(at * 0.37 - Math.floor(at * 0.37));
      logs.deliverAnswer(0);
      logs.deliverNotice();
    }
}

export function mendDatabases(world: ConversationsWorld): void {
  for (const { database } of world.nodes) {
    database.isAway = false;
    database.latencyMs = 0;
  }
}

export function mendLogs(world: ConversationsWorld): void {
  for (const { logs } of world.nodes) logs.mend();
}

function clientAt({ clients }: ConversationsWorld, choice: number): ConversationsWorld['clients'][number] {
  return clients[Math.floor(choice * clients.length)] as ConversationsWorld['clients'][number];
}

function conversationOf(topics: readonly string[], choice: number): string {
  return (topics[Math.floor(choice * topics.length)] ?? `conversation.${CONVERSATIONS[0]}`).slice(
    'conversation.'.length,
  );
}

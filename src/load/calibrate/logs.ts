/** What the in-memory broker keeps for a topic and for a message, and what a message costs that a client missed. */
import { AwaitedCount } from './awaited-count.ts';
import { startOwnServer, type OwnServer } from './own-server.ts';
import type { Peer } from './peer.ts';
import { framesOf, least, microsOf, newPeers, PAYLOAD_BYTES, residentAtRest, type Rig } from './rig.ts';

/** Numbers that nothing else in a calibration has. */
const FIRST_TOPIC = 100_000;
const DEEP_TOPIC = 99_000;
const AT_ONCE = 200;
/** So many topics get that many messages more. */
const DEEP_TOPICS = 20;
const DEEP_MESSAGES = 900;
const READERS = 20;
const MISSED = 500;

export interface LogFigures {
  readonly topic_bytes: number;
  readonly message_bytes: number;
}

/** On a node of its own: logs would fill what a crowd has left free in V8's heap, and look smaller than they are. */
export async function measureLogs(rig: Rig): Promise<LogFigures> {
  const { sizes, say } = rig;
  say(`${sizes.topics} topics`);
  const server = await startOwnServer(rig);
  try {
    const [publisher] = (await newPeers(server, 1)) as [Peer];
    await deepen(publisher, DEEP_TOPIC);
    const empty = await residentAtRest(server);
    for (let at = 0; at < sizes.topics; at += AT_ONCE)
      await publisher.publish(Array.from({ length: AT_ONCE }, (_, step) => FIRST_TOPIC + at + step));
    const made = await residentAtRest(server);
    for (let topic = 0; topic < DEEP_TOPICS; topic += 1) await deepen(publisher, FIRST_TOPIC + topic);
    const deep = await residentAtRest(server);
    publisher.destroy();
    return {
      topic_bytes: least((made - empty) / sizes.topics - PAYLOAD_BYTES),
      message_bytes: least((deep - made) / DEEP_TOPICS / DEEP_MESSAGES - PAYLOAD_BYTES),
    };
  } finally {
    await server.stop();
  }
}

export interface ReplayFigures {
  readonly replay_us: number;
}

/** Clients that come back to a topic from behind, and as many that have all of it: the difference is the messages. */
export async function measureReplay(server: OwnServer): Promise<ReplayFigures> {
  const [publisher] = (await newPeers(server, 1)) as [Peer];
  try {
    await deepen(publisher, DEEP_TOPIC);
    const missed = await comeBack(server, DEEP_MESSAGES - MISSED);
    const missedAgain = await comeBack(server, DEEP_MESSAGES - MISSED);
    const none = await comeBack(server, DEEP_MESSAGES);
    return { replay_us: least(Math.min(missed, missedAgain) - none) / READERS / MISSED };
  } finally {
    publisher.destroy();
  }
}

async function deepen(publisher: Peer, topic: number): Promise<void> {
  for (let at = 0; at < DEEP_MESSAGES; at += AT_ONCE)
    await publisher.publish(Array.from({ length: Math.min(AT_ONCE, DEEP_MESSAGES - at) }, () => topic));
}

async function comeBack(server: OwnServer, sequence: number): Promise<number> {
  const received = new AwaitedCount();
  const readers = await newPeers(server, READERS, framesOf(), received);
  const goal = READERS * (DEEP_MESSAGES - sequence);
  for (const reader of readers) await reader.subscribe([DEEP_TOPIC]);
  const micros = await microsOf(server, async () => {
    await Promise.all(readers.map((reader) => reader.subscribe([DEEP_TOPIC], sequence)));
    await received.until(goal, 'replayed messages');
  });
  for (const reader of readers) reader.destroy();
  return micros;
}

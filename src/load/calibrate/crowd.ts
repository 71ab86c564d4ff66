/** Many connections that say nothing: memory of each and of its subscriptions, processor time to take it, again, and to subscribe it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { OwnServer } from './own-server.ts';
import { inParallel, openPeers, type Peer } from './peer.ts';
import { framesOf, least, microsOf, newPeers, newTokens, PREFIX, residentAtRest, SLICES, type Rig } from './rig.ts';

const WARM_UP = 200;
const WARM_UP_PUBLISHES = 300;
/** The crowd spreads over so many topics; each connection takes more of them afterwards. */
const TOPICS = 50;
const FURTHER = 5;
const STRIDE = 7;
const LEAVE_MS = 500;

export interface CrowdFigures {
  readonly node_bytes: number;
  readonly connection_bytes: number;
  readonly subscription_bytes: number;
  readonly accept_us: number;
  readonly resume_us: number;
  readonly subscribe_us: number;
}

export async function measureCrowd(server: OwnServer, { sizes, say }: Rig): Promise<CrowdFigures> {
  const count = sizes.connections;
  say(`${count} connections`);
  const warm = await newPeers(server, WARM_UP);
  await inParallel(warm, (peer) => peer.subscribe([0]));
  for (let at = 0; at < WARM_UP_PUBLISHES; at += 1) await warm[0]?.publish([at % TOPICS]);
  const node = await residentAtRest(server);
  const crowd = new Crowd(server, await newTokens(count));
  // The first part fills what V8 has already; the others need new memory.
  const first = await crowd.part(0);
  const filled = await residentAtRest(server);
  const parts = [first];
  for (let at = 1; at < SLICES; at += 1) parts.push(await crowd.part(at));
  const subscribed = await residentAtRest(server);
  await inParallel(crowd.peers, (peer, at) => peer.subscribe(furtherTopics(at)));
  const further = await residentAtRest(server);
  await crowd.leave();
  const again: PartCosts[] = [];
  for (let at = 0; at < SLICES; at += 1) again.push(await crowd.part(at));
  await crowd.leave();
  for (const peer of warm) peer.destroy();
  const each = least((further - subscribed) / count / FURTHER);
  const fewest = (of: readonly PartCosts[], cost: keyof PartCosts): number => Math.min(...of.map((part) => part[cost]));
  return {
    node_bytes: node,
    // The first subscription makes what a connection keeps its subscriptions in.
    connection_bytes: least((subscribed - filled) / (count - crowd.slice(0).to) - each),
    subscription_bytes: each,
    accept_us: fewest(parts, 'accept'),
    resume_us: fewest(again, 'accept'),
    subscribe_us: fewest(parts, 'subscribe'),
  };
}

/** µs of one connection. */
interface PartCosts {
  readonly accept: number;
  readonly subscribe: number;
}

/** Comes and goes in parts, so that other processes that disturb one of them do not disturb all. */
class Crowd {
  readonly peers: Peer[] = [];
  private readonly server: OwnServer;
  private readonly tokens: readonly string[];

  constructor(server: OwnServer, tokens: readonly string[]) {
    this.server = server;
    this.tokens = tokens;
  }

  slice(at: number): { from: number; to: number } {
    const { length } = this.tokens;
    return { from: Math.floor((length * at) / SLICES), to: Math.floor((length * (at + 1)) / SLICES) };
  }

  async part(at: number): Promise<PartCosts> {
    const { from, to } = this.slice(at);
    const options = { port: this.server.port, format: framesOf(), prefix: PREFIX };
    let more: Peer[] = [];
    const accept = await microsOf(this.server, async () => {
      more = await openPeers(this.tokens.slice(from, to), options);
    });
    const subscribe = await microsOf(this.server, () =>
      inParallel(more, (peer, index) => peer.subscribe([index % TOPICS])),
    );
    this.peers.push(...more);
    return { accept: accept / more.length, subscribe: subscribe / more.length };
  }

  async leave(): Promise<void> {
    for (const peer of this.peers.splice(0)) peer.destroy();
    await delay(LEAVE_MS);
  }
}

function furtherTopics(connection: number): number[] {
  return Array.from({ length: FURTHER }, (_, at) => TOPICS + ((connection + at * STRIDE) % TOPICS));
}

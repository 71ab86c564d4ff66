/** Many connections that say nothing: memory of each and of its subscriptions, processor time to take it, again, and to subscribe it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { OwnServer } from './own-server.ts';
import { inParallel, openPeers, type Peer } from './peer.ts';
import { framesOf, least, microsOf, newPeers, newTokens, PREFIX, residentAtRest, type Rig } from './rig.ts';

const WARM_UP = 200;
const WARM_UP_PUBLISHES = 300;
/** The crowd spreads over so many topics; each connection takes more of them afterwards. */
const TOPICS = 50;
const FURTHER = 10;
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
  const tokens = await newTokens(count);
  const open = (): Promise<Peer[]> => openPeers(tokens, { port: server.port, format: framesOf(), prefix: PREFIX });
  let peers: Peer[] = [];
  const accept = await microsOf(server, async () => (peers = await open()));
  const subscribe = await microsOf(server, () => inParallel(peers, (peer, at) => peer.subscribe([at % TOPICS])));
  const subscribed = await residentAtRest(server);
  await inParallel(peers, (peer, at) => peer.subscribe(furtherTopics(at)));
  const further = await residentAtRest(server);
  const leave = async (): Promise<void> => {
    for (const peer of peers) peer.destroy();
    await delay(LEAVE_MS);
  };
  await leave();
  const resume = await microsOf(server, async () => (peers = await open()));
  await leave();
  for (const peer of warm) peer.destroy();
  const each = least((further - subscribed) / count / FURTHER);
  return {
    node_bytes: node,
    // The first subscription makes what a connection keeps its subscriptions in.
    connection_bytes: least((subscribed - node) / count - each),
    subscription_bytes: each,
    accept_us: accept / count,
    resume_us: resume / count,
    subscribe_us: subscribe / count,
  };
}

function furtherTopics(connection: number): number[] {
  return Array.from({ length: FURTHER }, (_, at) => TOPICS + ((connection + at * STRIDE) % TOPICS));
}

/** Many connections that say nothing: memory of each and of its subscriptions, processor time to take it, again, and to subscribe it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { OwnServer } from './own-server.ts';
import { inParallel, openPeers, type Peer } from './peer.ts';
import { framesOf, least, microsOf, newPeers, newTokens, PREFIX, residentAtRest, SLICES, type Rig } from './rig.ts';

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
  const parts = Array.from({ length: SLICES }, (_, at) => slice(count, at));
  const peers: Peer[] = [];
  const open = (): Promise<number> =>
    leastOfParts(server, parts, async ({ from, to }) => {
      const more = await openPeers(tokens.slice(from, to), { port: server.port, format: framesOf(), prefix: PREFIX });
      peers.push(...more);
    });
  const accept = await open();
  const subscribe = await leastOfParts(server, parts, ({ from, to }) =>
    inParallel(peers.slice(from, to), (peer, at) => peer.subscribe([at % TOPICS])),
  );
  const subscribed = await residentAtRest(server);
  await inParallel(peers, (peer, at) => peer.subscribe(furtherTopics(at)));
  const further = await residentAtRest(server);
  const leave = async (): Promise<void> => {
    for (const peer of peers.splice(0)) peer.destroy();
    await delay(LEAVE_MS);
  };
  await leave();
  const resume = await open();
  await leave();
  for (const peer of warm) peer.destroy();
  const each = least((further - subscribed) / count / FURTHER);
  return {
    node_bytes: node,
    // The first subscription makes what a connection keeps its subscriptions in.
    connection_bytes: least((subscribed - node) / count - each),
    subscription_bytes: each,
    accept_us: accept,
    resume_us: resume,
    subscribe_us: subscribe,
  };
}

interface Slice {
  readonly from: number;
  readonly to: number;
}

function slice(count: number, at: number): Slice {
  return { from: Math.floor((count * at) / SLICES), to: Math.floor((count * (at + 1)) / SLICES) };
}

/** µs of one connection, in the part where they were fewest. */
async function leastOfParts(
  server: OwnServer,
  parts: readonly Slice[],
  work: (part: Slice) => Promise<void>,
): Promise<number> {
  let fewest = Infinity;
  for (const part of parts)
    fewest = Math.min(fewest, (await microsOf(server, () => work(part))) / (part.to - part.from));
  return fewest;
}

function furtherTopics(connection: number): number[] {
  return Array.from({ length: FURTHER }, (_, at) => TOPICS + ((connection + at * STRIDE) % TOPICS));
}

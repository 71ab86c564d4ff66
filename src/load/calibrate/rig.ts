/** What all parts of a calibration share: sizes, names, tokens, and measuring from rest to rest. */
import { setTimeout as delay } from 'node:timers/promises';
import { JsonFrames } from '../json-frames.ts';
import { allAtRest, atRest, residentBytes } from '../process-figures.ts';
import { mintTokens } from '../tokens.ts';
import type { AwaitedCount } from './awaited-count.ts';
import { CALIBRATION_SECRET, type OwnServer } from './own-server.ts';
import { openPeers, type Peer } from './peer.ts';

/** How much is done of each. V8 compiles within the first thousands; what comes before the figures must not be fewer. */
export interface Sizes {
  readonly connections: number;
  readonly topics: number;
  /** Rounds of publications that are counted, by a factor. */
  readonly effort: number;
  readonly restSeconds: number;
  /** On Redis. */
  readonly sessions: number;
  /** Connections with a heartbeat every second. */
  readonly beating: number;
}

export const FULL: Sizes = {
  connections: 10_000,
  topics: 20_000,
  effort: 5,
  restSeconds: 10,
  sessions: 2_000,
  beating: 2_000,
};
export const QUICK: Sizes = {
  connections: 3_000,
  topics: 4_000,
  effort: 0.5,
  restSeconds: 2,
  sessions: 500,
  beating: 1_000,
};

/** As short as the smallest run of the load generator needs them. */
export const PREFIX = 'plan.figure';
export const PAYLOAD_BYTES = 128;
/** Of the work of each figure. */
export const SLICES = 4;
const LOOK_MS = 150;
const STILL_LOOKS = 3;
const LOOKS = 40;

export interface Rig {
  readonly sizes: Sizes;
  /** Starts the command line of Signalbox. */
  readonly command: readonly string[];
  readonly say: (what: string) => void;
}

export function framesOf(payloadBytes = PAYLOAD_BYTES, batching = false): JsonFrames {
  return new JsonFrames({ topicPrefix: PREFIX, payloadBytes, batching });
}

let crowds = 0;

/** Connections of as many users whom nobody has seen before. */
export async function newTokens(count: number): Promise<string[]> {
  crowds += 1;
  const credentials = { kind: 'secret', secret: CALIBRATION_SECRET, roles: ['user'], users: count } as const;
  const numbers = Array.from({ length: count }, (_, at) => at);
  const tokens = await mintTokens(credentials, { runId: String(crowds).padStart(6, '0') }, numbers);
  return tokens.flatMap((token) => token ?? []);
}

export async function newPeers(
  { port }: OwnServer,
  count: number,
  format = framesOf(),
  received?: AwaitedCount,
): Promise<Peer[]> {
  const tokens = await newTokens(count);
  return openPeers(tokens, { port, format, prefix: PREFIX, ...(received !== undefined && { received }) });
}

/** µs of processor time of a process, from rest to rest. */
export async function microsOf({ pid }: OwnServer, work: () => Promise<unknown>): Promise<number> {
  const before = await atRest(pid);
  await work();
  return ((await atRest(pid)) - before) * 1e6;
}

/** The same of several that work for each other. */
export async function microsOfAll(servers: readonly OwnServer[], work: () => Promise<unknown>): Promise<number[]> {
  const pids = servers.map(({ pid }) => pid);
  const before = await allAtRest(pids);
  await work();
  const after = await allAtRest(pids);
  return after.map((seconds, at) => (seconds - (before[at] ?? 0)) * 1e6);
}

/**
 * The least of several slices of the same work: what other processes of the machine take from its caches is not the server's.
 */
export async function leastOf(slices: number, measure: () => Promise<number>): Promise<number> {
  let least = Infinity;
  for (let at = 0; at < slices; at += 1) least = Math.min(least, await measure());
  return least;
}

/** Resident memory once it stands still: V8 gives some back a moment after the work. */
export async function residentAtRest({ pid }: OwnServer): Promise<number> {
  await atRest(pid);
  let bytes = residentBytes(pid);
  for (let still = 0, looks = 0; still < STILL_LOOKS && looks < LOOKS; looks += 1) {
    await delay(LOOK_MS);
    const now = residentBytes(pid);
    still = now === bytes ? still + 1 : 0;
    bytes = now;
  }
  return bytes;
}

/** Not below nothing: a difference of two measurements may be, where there is little to measure. */
export function least(value: number): number {
  return Math.max(0, value);
}

/**
 * What publications cost: in turns of their own and many in one turn, with few and many subscribers, small and large, with
 * and without batching. How many are in a turn is decided here, by one write, and not by how busy the machine is.
 */
import { AwaitedCount } from './awaited-count.ts';
import { leastSquares, type Sample } from './least-squares.ts';
import type { OwnServer } from './own-server.ts';
import type { Peer } from './peer.ts';
import { framesOf, leastOf, microsOf, newPeers, PAYLOAD_BYTES, SLICES, type Rig } from './rig.ts';

export interface Round {
  readonly fanOut: number;
  readonly payloadBytes: number;
  /** Publications of one turn. */
  readonly burst: number;
  readonly isBatched: boolean;
  /** Publications that are counted at effort 1. */
  readonly publications: number;
}

const BURST = 32;
const LARGE_BYTES = 4_096;
const MANY = 100;

const plain = { payloadBytes: PAYLOAD_BYTES, burst: 1, isBatched: false } as const;
const burst = { ...plain, burst: BURST } as const;
const ROUNDS: readonly Round[] = [
  { ...plain, fanOut: 0, publications: 1_500 },
  { ...plain, fanOut: 1, publications: 1_500 },
  { ...plain, fanOut: 10, publications: 1_000 },
  { ...plain, fanOut: MANY, publications: 300 },
  { ...plain, fanOut: 0, payloadBytes: LARGE_BYTES, publications: 1_000 },
  { ...plain, fanOut: MANY, payloadBytes: LARGE_BYTES, publications: 200 },
  { ...burst, fanOut: 0, publications: 6_400 },
  { ...burst, fanOut: MANY, publications: 1_280 },
  { ...burst, fanOut: MANY, isBatched: true, publications: 1_280 },
];
const WARM_UP = 0.5;
const KIB = 1_024;

export interface DeliveryFigures {
  readonly turn_us: number;
  readonly publish_us: number;
  readonly publish_kb_us: number;
  readonly write_us: number;
  readonly message_us: number;
  readonly batched_message_us: number;
  readonly message_kb_us: number;
  readonly frame_bytes: number;
  readonly publish_frame_bytes: number;
}

export async function measureDeliveries(server: OwnServer, { sizes, say }: Rig): Promise<DeliveryFigures> {
  const samples: Sample[] = [];
  let wire = { frame_bytes: 0, publish_frame_bytes: 0 };
  for (const [at, round] of ROUNDS.entries()) {
    say(
      `publications ${at + 1} of ${ROUNDS.length}: ${round.burst} in a turn to ${round.fanOut} subscribers, ${round.payloadBytes} bytes${round.isBatched ? ', batched' : ''}`,
    );
    const { micros, frameBytes, publishFrameBytes } = await measureRound(server, round, at, sizes.effort);
    samples.push({ counts: countsOf(round), measured: micros });
    // All but the batched are alike; the last is that of many subscribers.
    if (!round.isBatched && round.fanOut > 0)
      wire = { frame_bytes: frameBytes, publish_frame_bytes: publishFrameBytes };
  }
  const [turn = 0, publication = 0, publicationKb = 0, write = 0, delivery = 0, batched = 0, deliveryKb = 0] =
    leastSquares(samples);
  return {
    turn_us: turn,
    publish_us: publication,
    publish_kb_us: publicationKb,
    write_us: write,
    message_us: delivery,
    batched_message_us: batched,
    message_kb_us: deliveryKb,
    ...wire,
  };
}

/** Of one publication: turns, publications, their KiB, writes, deliveries, those that are batched, KiB of all deliveries. */
function countsOf({ fanOut, payloadBytes, burst: publications, isBatched }: Round): number[] {
  const kib = payloadBytes / KIB;
  const plainly = isBatched ? 0 : fanOut;
  return [1 / publications, 1, kib, fanOut / publications, plainly, fanOut - plainly, fanOut * kib];
}

interface Measured {
  /** Of one publication. */
  readonly micros: number;
  readonly frameBytes: number;
  readonly publishFrameBytes: number;
}

/** @param topic a number that no other round has */
async function measureRound(server: OwnServer, round: Round, topic: number, effort: number): Promise<Measured> {
  const { fanOut, payloadBytes } = round;
  const received = new AwaitedCount();
  const readers = await newPeers(server, fanOut, framesOf(payloadBytes, round.isBatched), received);
  const [publisher] = (await newPeers(server, 1, framesOf(payloadBytes))) as [Peer];
  try {
    for (const reader of readers) await reader.subscribe([topic]);
    const turns = Math.ceil((round.publications * effort) / round.burst / SLICES);
    await publish(publisher, received, round, topic, Math.ceil(turns * SLICES * WARM_UP));
    const count = turns * round.burst;
    const bytes = readers.map((reader) => reader.bytes);
    const publishBytes = publisher.publishBytes;
    const micros = await leastOf(SLICES, () =>
      microsOf(server, () => publish(publisher, received, round, topic, turns)),
    );
    const delivered = readers.reduce((sum, reader, at) => sum + reader.bytes - (bytes[at] ?? 0), 0);
    return {
      micros: micros / count,
      frameBytes: fanOut === 0 ? 0 : delivered / count / SLICES / fanOut - payloadBytes,
      publishFrameBytes: (publisher.publishBytes - publishBytes) / count / SLICES - payloadBytes,
    };
  } finally {
    for (const peer of [publisher, ...readers]) peer.destroy();
  }
}

/** The next turn waits for all deliveries of the one before, so that none are joined that are not of one turn. */
export async function publish(
  publisher: Peer,
  received: AwaitedCount,
  { burst: publications, fanOut }: Pick<Round, 'burst' | 'fanOut'>,
  topic: number,
  turns: number,
): Promise<void> {
  const topics = Array.from({ length: publications }, () => topic);
  let goal = received.value;
  for (let turn = 0; turn < turns; turn += 1) {
    goal += publications * fanOut;
    await publisher.publish(topics);
    await received.until(goal, 'deliveries');
  }
}

/** The promises that a record must keep, whatever has happened. Each violation is one line that says what was expected. */
import { checkAcknowledged } from './check-acknowledged.ts';
import { checkContent } from './check-content.ts';
import { checkSubscriber } from './check-subscriber.ts';
import type { Acknowledged, Disturbance, Record } from './record.ts';

interface Recovery {
  readonly name: string;
  readonly from: number;
  /** Milliseconds from the moment at which the service could work again until every topic flowed; null: never. */
  readonly ms: number | null;
  /** Whether the next fault had begun by then, so that it has a part in the time. */
  readonly isDisturbed: boolean;
}

export interface Verdict {
  readonly violations: readonly string[];
  /** Acknowledged messages of which a subscriber was told that it missed them. */
  readonly announced: number;
  /** Acknowledged messages that a subscriber knows nothing of but a new epoch: the tail that a failover lost. */
  readonly forgotten: number;
  readonly recoveries: readonly Recovery[];
}

/** @param slowestMs a recovery that takes longer is a violation */
export function check(record: Record, slowestMs: number): Verdict {
  const { violations, announced, forgotten } = checkAcknowledged(record);
  const recoveries = recoveriesOf(record);
  return {
    violations: [
      ...record.failures,
      ...[...record.heard].flatMap(([subscriber, heard]) => checkSubscriber(subscriber, heard)),
      ...checkContent(record),
      ...violations,
      ...checkOrder(record.acknowledged),
      ...checkLast(record),
      ...checkRecoveries(recoveries, slowestMs),
    ],
    announced,
    forgotten,
    recoveries,
  };
}

/** Publishes of one connection to one topic get their sequences in the order in which they were sent. */
function checkOrder(acknowledged: readonly Acknowledged[]): string[] {
  const violations: string[] = [];
  const streams = Map.groupBy(
    acknowledged.filter(({ isDuplicate }) => !isDuplicate),
    ({ connection, topic, epoch }) => `${connection} ${topic} ${epoch}`,
  );
  for (const [stream, acks] of streams) {
    const sorted = acks.toSorted((a, b) => a.order - b.order);
    for (const [at, ack] of sorted.entries()) {
      const before = sorted[at - 1];
      if (before !== undefined && before.sequence >= ack.sequence)
        violations.push(
          `order: ${stream}: expected ${ack.payload}, sent after ${before.payload}, to come after its sequence ${before.sequence}, got ${ack.sequence}`,
        );
    }
  }
  return violations;
}

/** Everybody is where the log is, in the end. */
function checkLast({ heard, last }: Record): string[] {
  const violations: string[] = [];
  for (const [subscriber, list] of heard) {
    const seen = new Set(list.map((event) => (event.kind === 'received' ? event.payload : '')));
    for (const [topic, payload] of last)
      if (!seen.has(payload)) violations.push(`stuck: expected ${subscriber} to get ${payload}, the last of ${topic}`);
  }
  return violations;
}

function recoveriesOf({ disturbances, sent, acknowledged, heard, last }: Record): Recovery[] {
  const sentAt = new Map(sent.map(({ payload, at }) => [payload, at]).toReversed() as [string, number][]);
  const taken = new Set(acknowledged.map(({ payload }) => payload));
  const arrivals = [...heard.values()]
    .flat()
    .filter((event) => event.kind === 'received')
    .filter(({ payload }) => taken.has(payload))
    .map(({ topic, at, payload }) => ({ topic, at, sentAt: sentAt.get(payload) ?? 0 }))
    .toSorted((a, b) => a.at - b.at);
  return disturbances.map((disturbance, at) => {
    const { name, from, healed } = disturbance;
    const ms = flowsAfter(disturbance, arrivals, [...last.keys()]);
    const next = disturbances[at + 1]?.from ?? Number.POSITIVE_INFINITY;
    return { name, from, ms, isDisturbed: ms !== null && healed + ms > next };
  });
}

function flowsAfter(
  { healed }: Disturbance,
  arrivals: readonly { readonly topic: string; readonly at: number; readonly sentAt: number }[],
  topics: readonly string[],
): number | null {
  let latest: number | null = 0;
  for (const topic of topics) {
    const arrival = arrivals.find((arrival) => arrival.topic === topic && arrival.sentAt >= healed);
    if (arrival === undefined || latest === null) return null;
    latest = Math.max(latest, arrival.at - healed);
  }
  return latest;
}

function checkRecoveries(recoveries: readonly Recovery[], slowestMs: number): string[] {
  return recoveries
    .filter(({ ms }) => ms === null || ms > slowestMs)
    .map(
      ({ name, from, ms }) =>
        `recovery: expected every topic to flow within ${slowestMs} ms after ${name} (begun at ${Math.round(from)} ms), ` +
        (ms === null ? 'never did' : `took ${Math.round(ms)} ms`),
    );
}

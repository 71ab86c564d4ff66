import type { Broker, History } from '../broker/broker.ts';
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import type { Position } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';

/** The payloads of a log, and where it stands. */
export async function payloadsOf(
  broker: Broker,
  topic: Topic,
): Promise<{ readonly position: Position; readonly payloads: readonly unknown[] }> {
  const answer = await new Promise<History | Refusal>((resolve) =>
    broker.read(topic, { after: 'earliest', limit: 1_000, maxBytes: 10_000_000 }, resolve),
  );
  if (isRefusal(answer)) throw new Error(answer.message);
  const { epoch, top, publications } = answer;
  return {
    position: { epoch, sequence: top },
    payloads: publications.map(({ payload }) => JSON.parse(payload) as unknown),
  };
}

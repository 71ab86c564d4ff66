/** The topics in which the client of a stream is present while it lasts. Pure. */
import { quote, refusal, type Refusal } from '../protocol/errors.ts';
import { readFrame } from '../protocol/guard.ts';
import { MAX_PRESENCE_TOPICS } from '../protocol/limits.ts';

/**
 * @param value `presence` of a body: names of topics, or objects with `topic` and `data`
 * @returns frames that enter, whose ids are `presence-0` and so on
 */
export function presencesOf(value: unknown): readonly string[] | Refusal {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > MAX_PRESENCE_TOPICS)
    return refusal(
      'invalid_field',
      `presence: expected an array of at most ${MAX_PRESENCE_TOPICS} topics, got ${quote(value)}`,
    );
  const frames: string[] = [];
  for (const [at, entry] of (value as unknown[]).entries()) {
    const data = dataOf(entry);
    const read = readFrame({ type: 'Presence', data }, JSON.stringify);
    if (read.type === 'rejected')
      return refusal(read.refusal.reason, read.refusal.message.replace(/^data\b/, `presence[${at}]`));
    frames.push(JSON.stringify({ type: 'Presence', id: `presence-${at}`, data }));
  }
  return frames;
}

function dataOf(entry: unknown): object {
  if (typeof entry !== 'object' || entry === null) return { topic: entry, action: 'enter' };
  const { topic, data } = entry as { readonly topic?: unknown; readonly data?: unknown };
  return { topic, action: 'enter', ...(data === undefined ? {} : { data }) };
}

/** The query of a history page, as the `History` frame that it stands for. */
import { quote, refusal, type Refusal } from '../protocol/errors.ts';
import type { HistoryFrame } from '../protocol/frames.ts';
import { readFrame } from '../protocol/guard.ts';
import type { Position } from '../protocol/position.ts';

const DEFAULT_LIMIT = 100;
const NAMES = ['limit', 'since', 'before', 'reverse'];

/** Unknown names are refused: a misspelt `since` would give the wrong page. */
export function pageOf(topic: string, query: URLSearchParams): HistoryFrame | Refusal {
  const names = [...query.keys()];
  const stray = names.find((name, at) => !NAMES.includes(name) || names.indexOf(name) !== at);
  if (stray !== undefined)
    return refusal('invalid_field', `expected each of ${NAMES.join(', ')} at most once, got ${quote(stray)}`);
  const limit = query.get('limit') ?? String(DEFAULT_LIMIT);
  const reverse = query.get('reverse') ?? 'false';
  if (reverse !== 'true' && reverse !== 'false')
    return refusal('invalid_field', `reverse: expected true or false, got ${quote(reverse)}`);
  const bounds: Record<string, Position> = {};
  for (const name of ['since', 'before']) {
    const text = query.get(name);
    if (text === null) continue;
    const position = readPosition(text);
    if (position === null) return refusal('invalid_field', `${name}: expected <epoch>:<sequence>, got ${quote(text)}`);
    bounds[name] = position;
  }
  const data = {
    topic,
    limit: /^\d{1,9}$/.test(limit) ? Number(limit) : limit,
    reverse: reverse === 'true',
    ...bounds,
  };
  const frame = readFrame({ type: 'History', data }, JSON.stringify);
  if (frame.type === 'rejected') return refusal(frame.refusal.reason, frame.refusal.message.replace(/^data\./, ''));
  return frame as HistoryFrame;
}

/** A position in one query parameter. */
export function positionText({ epoch, sequence }: Position): string {
  return `${epoch}:${sequence}`;
}

function readPosition(text: string): Position | null {
  const match = /^(.*):(\d{1,16})$/.exec(text);
  return match === null ? null : { epoch: match[1] ?? '', sequence: Number(match[2]) };
}

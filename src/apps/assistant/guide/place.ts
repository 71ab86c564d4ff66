/** Where a client stands in a session: behind which message, and which end of an answer it knows. Pure. */
import type { NewestAttempt } from '../answers/records.ts';

export interface Place {
  readonly sequence: number;
  /** {@link endedOf} of the last answer that the client was told of; `null` where the client does not say. */
  readonly known: string | null;
}

const NONE = '0.0';
const FORM = /^(0|[1-9]\d{0,14})(?:~(\d{1,15}\.\d{1,9}))?$/;

/** Of a place as {@link placeOf} writes it, an id of a message of this session, or a sequence; `null` for anything else. */
export function placeIn(session: string, text: string): Place | null {
  const rest = text.startsWith(`${session}.`) ? text.slice(session.length + 1) : text;
  const [, sequence, known] = FORM.exec(rest) ?? [];
  return sequence === undefined ? null : { sequence: Number(sequence), known: known ?? null };
}

export function placeOf({ sequence, known }: Place): string {
  return known === null ? String(sequence) : `${sequence}~${known}`;
}

/** The attempt that has ended last, without a message that would tell of it. */
export function endedOf(answer: NewestAttempt | null): string {
  return answer === null || answer.status === 'running' ? NONE : `${answer.question}.${answer.attempt}`;
}

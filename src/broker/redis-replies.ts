/** What the scripts answer, as values. */
import type { Refusal } from '../protocol/errors.ts';
import type { Appended } from './broker.ts';
import type { Era, Head, LogPage, Stored, StoredRecord } from './topic-logs.ts';

export function readHead([epoch = '', first = '', top = '', lineage = '', withdrawn = '0']: readonly string[]): Head {
  return {
    epoch: decodeURIComponent(epoch),
    first: Number(first),
    top: Number(top),
    lineage: readLineage(lineage),
    withdrawn: Number(withdrawn),
  };
}

/** The fields e, f, n, l and w of a topic's hash. */
export function readState([epoch, first, top, lineage, withdrawn]: readonly (string | null)[]): Head | null {
  if (epoch === null || epoch === undefined) return null;
  return readHead([epoch, first ?? '', top ?? '', lineage ?? '', withdrawn ?? '0']);
}

export function readPage(answer: readonly string[]): LogPage | null {
  if (answer.length === 0) return null;
  const [epoch = '', first = '', top = '', lineage = '', oldest = '', after = '', lost = '', withdrawn = ''] = answer;
  const records: StoredRecord[] = [];
  for (let at = 8; at < answer.length; at += 3)
    records.push({ sequence: Number(answer[at]), time: Number(answer[at + 1]), record: answer[at + 2] ?? '' });
  return {
    ...readHead([epoch, first, top, lineage, withdrawn]),
    oldest: Number(oldest),
    after: Number(after),
    lost: lost === 'history_lost' || lost === 'unknown_epoch' ? lost : null,
    records,
  };
}

/** @param crowded what is said of a message that would push out what others have sent */
export function readStored(answer: readonly (string | number)[], crowded: Refusal): Stored[] {
  const epoch = readEpoch(String(answer[0]));
  const time = Number(answer[1]);
  const stored: Stored[] = [];
  for (let at = 2; at < answer.length; at += 1) {
    const outcome = answer[at] as string | number;
    stored.push(
      typeof outcome === 'number'
        ? { epoch, sequence: outcome, time, duplicate: false }
        : readOtherOutcome(outcome, crowded),
    );
  }
  return stored;
}

function readOtherOutcome(outcome: string, crowded: Refusal): Stored {
  const [kind, first = '', sequence, at] = outcome.split(' ');
  if (kind === 'F') return crowded;
  if (kind !== 'D') return 'conflict';
  return { epoch: readEpoch(first), sequence: Number(sequence), time: Number(at), duplicate: true };
}

/** Epochs of owners may have characters that mean something in lists; ours have none. */
export function readEpoch(text: string): string {
  return text.includes('%') ? decodeURIComponent(text) : text;
}

export function readAppended([status, expected]: readonly string[]): Appended {
  if (status === 'ahead') return { status, expected: Number(expected) };
  return { status: status === 'appended' || status === 'duplicate' ? status : 'conflict' };
}

/** Newest first. */
function readLineage(text: string): Era[] {
  if (text === '') return [];
  return text.split(',').map((era) => {
    const [epoch = '', first] = era.split(':');
    return { epoch: decodeURIComponent(epoch), first: Number(first) };
  });
}

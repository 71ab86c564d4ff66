/**
 * The sending transaction. Messages that arrive in one turn are one call and one commit: it locks their conversations, in one
 * order so that two nodes do not wait for each other, gives each message the next numbers of its conversation, keeps it, and
 * moves its sender's read position (migrations/0002-messages.sql). A message that is there, by its sender and the id of its
 * sender, keeps its first place.
 */
import type { Database } from '../../database/database.ts';
import type { GroupCommit } from '../../database/group-commit.ts';
import type { Sending } from './sending-message.ts';
import { SendingBatch } from './sending-batch.ts';

export type { Sending };

export interface Sent {
  readonly epoch: string;
  readonly sequence: number;
  /** Its number among messages. */
  readonly n: number;
  /** Milliseconds since 1970, by the clock of the database. */
  readonly sentAt: number;
  /** As it is stored, without `n`. */
  readonly payload: string;
  readonly isNew: boolean;
}

/** Of a conversation of others and of none: `not_found`. `wrong_state`: it is closed. */
export type Unsent = 'not_found' | 'not_allowed' | 'wrong_state';
export type Sender = GroupCommit<Sending, Sent | Unsent>;

/** Of payloads: no JSON text has it. */
const SEPARATOR = '\u001f';

/** Two lanes make batches half as large, which cost more than the wait for a commit: 11,159 messages a second instead of 22,307. */
const LANES = 1;

/** What the function answers of one message; the text is that of one that is known. */
type Row = readonly [
  n: number,
  outcome: 'new' | 'known' | Unsent,
  epoch: string,
  sequence: number,
  message: number,
  sentAt: number,
  payload: string | null,
];
/** And of a conversation, when all are stored: what it had before. */
type Before = readonly [epoch: string, head: number, messages: number, sentAt: number];
type Answers = { readonly all: readonly Before[] } | { readonly each: readonly Row[] };

export function senderOf(database: Database): Sender {
  let isHopeful = true;
  return database.groupCommit<Sending, Sent | Unsent>({
    lanes: LANES,
    write: async (given) => {
      const batch = new SendingBatch(given);
      const sent = await store(database, batch, isHopeful);
      // Where one is sent again or refused, others may follow: to try all at once costs more then.
      isHopeful = sent.every((it) => typeof it !== 'string' && it.isNew);
      return answersOf(batch, sent);
    },
  });
}

/** The same message twice in a batch is new once. */
function answersOf({ indexes }: SendingBatch, sent: readonly (Sent | Unsent)[]): readonly (Sent | Unsent)[] {
  if (sent.length === indexes.length) return sent;
  const told = new Set<number>();
  return indexes.map((index) => {
    const answer = sent[index] as Sent | Unsent;
    if (typeof answer === 'string') return answer;
    const isNew = answer.isNew && !told.has(index);
    told.add(index);
    return { ...answer, isNew };
  });
}

async function store(database: Database, batch: SendingBatch, isHopeful: boolean): Promise<readonly (Sent | Unsent)[]> {
  const areUploads = someOf(batch.areUploads, false);
  const areServices = someOf(batch.areServices, false);
  // Not as a `select`: that may be done again when its connection breaks, and a message without an id would be there twice.
  const { rows } = await database.sql<{ readonly answers: string }>`with stored as (select conversations.send(
    ${batch.tenants}::text[], ${batch.ids}::text[], ${batch.counts}::int4[],
    ${batch.places}::int4[], ${batch.senders}::text[], ${batch.lasts}::int4[],
    ${batch.froms}::int4[], ${batch.numbers}::int4[], ${batch.payloads.join(SEPARATOR)}::text, ${batch.clientIds}::text[],
    ${someOf(batch.parents, null)}::int8[], ${someOf(batch.threads, null)}::int8[],
    ${areUploads}::bool[], ${areServices}::bool[], ${isHopeful && areServices === null}::bool
  ) as answers) select answers from stored`.execute(database.tables());
  const answers = JSON.parse(rows[0]?.answers ?? '{"each":[]}') as Answers;
  return 'all' in answers ? allStored(batch, answers.all) : eachJudged(batch, answers.each);
}

function allStored({ froms, places, numbers, payloads }: SendingBatch, all: readonly Before[]): readonly Sent[] {
  return payloads.map((payload, at) => {
    const number = numbers[at] as number;
    const [epoch, head, messages, sentAt] = all[(places[(froms[at] as number) - 1] as number) - 1] as Before;
    return { epoch, sequence: head + number, n: messages + number, sentAt, payload, isNew: true };
  });
}

function eachJudged({ payloads }: SendingBatch, each: readonly Row[]): readonly (Sent | Unsent)[] {
  const sent: (Sent | Unsent)[] = [];
  for (const [place, outcome, epoch, sequence, n, sentAt, text] of each) {
    const payload = text ?? payloads[place - 1] ?? '';
    const isNew = outcome === 'new';
    sent[place - 1] = isNew || outcome === 'known' ? { epoch, sequence, n, sentAt, payload, isNew } : outcome;
  }
  if (Object.keys(sent).length !== payloads.length)
    throw new Error(`expected an answer for each of ${payloads.length} messages`);
  return sent;
}

/** What few messages have costs nothing where none has it. */
function someOf<T>(values: readonly T[], nothing: T): readonly T[] | null {
  return values.every((value) => value === nothing) ? null : values;
}

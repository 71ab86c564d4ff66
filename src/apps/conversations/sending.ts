/**
 * The sending transaction. Messages that arrive in one turn are one call and one commit: it locks their conversations, in one
 * order so that two nodes do not wait for each other, gives each message the next numbers of its conversation, keeps it, and
 * moves its sender's read position (migrations/0002-messages.sql). A message that is there, by its sender and the id of its
 * sender, keeps its first place.
 */
import type { Database } from '../../database/database.ts';
import type { GroupCommit } from '../../database/group-commit.ts';
import { joinParts } from '../../protocol/parts.ts';

export interface Sending {
  readonly tenant: string;
  readonly conversation: string;
  readonly sender: string;
  /** The sender's own id; without, every message is a new one. */
  readonly clientId: string | null;
  /** JSON text, without `n`. */
  readonly payload: string;
  /** The message that it answers, and the first of its thread. */
  readonly parent?: number | null;
  readonly thread?: number | null;
  /** It needs the right to upload, too. */
  readonly hasUploads?: boolean;
  /** Comes from a backend, which is no member. */
  readonly isService?: boolean;
}

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

/** Two lanes make batches half as large, which cost more than the wait for a commit: 11,159 messages a second instead of 22,307. */
const LANES = 1;

/** What the function answers; the text is that of a message that is known. */
type Row = readonly [
  n: number,
  outcome: 'new' | 'known' | Unsent,
  epoch: string,
  sequence: number,
  message: number,
  sentAt: number,
  payload: string | null,
];

export function senderOf(database: Database): Sender {
  return database.groupCommit<Sending, Sent | Unsent>({
    lanes: LANES,
    laneOf: ({ tenant, conversation }) => `${tenant}/${conversation}`,
    write: (batch) => storeAll(database, batch),
  });
}

/** The same message twice in a batch is stored once. */
async function storeAll(database: Database, batch: readonly Sending[]): Promise<readonly (Sent | Unsent)[]> {
  const firsts = new Map<string, number>();
  const unique: Sending[] = [];
  const places = batch.map((it) => {
    if (it.clientId === null) return unique.push(it) - 1;
    const key = joinParts(it.tenant, it.conversation, it.sender, it.clientId);
    const first = firsts.get(key);
    if (first !== undefined) return first;
    firsts.set(key, unique.length);
    return unique.push(it) - 1;
  });
  const rows: Row[] = [];
  for (const row of await storeOnce(database, unique)) rows[row[0] - 1] = row;
  const told = new Set<number>();
  return batch.map((it, at) => {
    const place = places[at] ?? 0;
    const row = rows[place];
    if (row === undefined) throw new Error(`expected an answer for each of ${unique.length} messages`);
    const [, outcome, epoch, sequence, n, sentAt, text] = row;
    if (outcome !== 'new' && outcome !== 'known') return outcome;
    const isNew = outcome === 'new' && !told.has(place);
    told.add(place);
    return { epoch, sequence, n, sentAt, payload: text ?? unique[place]?.payload ?? it.payload, isNew };
  });
}

async function storeOnce(database: Database, batch: readonly Sending[]): Promise<readonly Row[]> {
  const { rows } = await database.sql<{ readonly answers: string }>`select conversations.send(
    ${batch.map((it) => it.tenant)}::text[],
    ${batch.map((it) => it.conversation)}::text[],
    ${batch.map((it) => it.sender)}::text[],
    ${batch.map((it) => it.clientId)}::text[],
    ${batch.map((it) => it.payload)}::text[],
    ${someOf(batch, ({ parent }) => parent ?? null)}::int8[],
    ${someOf(batch, ({ thread }) => thread ?? null)}::int8[],
    ${someOf(batch, ({ hasUploads }) => hasUploads ?? null)}::bool[],
    ${someOf(batch, ({ isService }) => isService ?? null)}::bool[]
  ) as answers`.execute(database.tables());
  return JSON.parse(rows[0]?.answers ?? '[]') as readonly Row[];
}

/** What few messages have costs nothing where none has it. */
function someOf<T>(batch: readonly Sending[], read: (sending: Sending) => T | null): readonly (T | null)[] | null {
  const values = batch.map(read);
  return values.every((value) => value === null) ? null : values;
}

/** Where a simulated owner keeps the messages of a topic under sequences of its own: what is in it is true, whatever a log has. */
import type { Draft, HistorySource, OwnHistory, Reply } from '../broker/broker.ts';
import { messageId, type Publication } from '../protocol/position.ts';
import { topicDigest, type Topic } from '../protocol/topic.ts';
import type { StoredAt } from '../service/topic-owners.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Ledger } from './ledger.ts';

/** The topic whose messages the owner numbers. */
export const NUMBERED = 'chat.n';
const EPOCH = 'table';

export class SimulatedTable implements HistorySource {
  readonly rows: StoredAt[] = [];
  /** Answers a read, at once or later. */
  private readonly answer: (work: () => void) => void;
  private readonly clock: Clock;
  private readonly ledger: Ledger;

  constructor(clock: Clock, ledger: Ledger, answer: (work: () => void) => void) {
    this.clock = clock;
    this.ledger = ledger;
    this.answer = answer;
  }

  /** Stores a message at the next sequence, or says where it was stored before. */
  store(draft: Draft): StoredAt {
    const known = this.rows.find(({ draft: { payload, from } }) => payload === draft.payload && from === draft.from);
    if (known !== undefined) return { ...known, draft, duplicate: true };
    const position = { epoch: EPOCH, sequence: this.nextSequence() };
    const row = { position, timestamp: this.clock.now(), draft, duplicate: false };
    this.rows.push(row);
    this.ledger.record({ topic: NUMBERED, position, payload: draft.payload });
    return row;
  }

  read(topic: Topic, after: number, before: number, limit: number, reply: Reply<OwnHistory>): void {
    this.answer(() => reply(this.page(topic, after, before, limit)));
  }

  protected nextSequence(): number {
    return this.rows.length + 1;
  }

  protected page(topic: Topic, after: number, before: number, limit: number): OwnHistory {
    const rows = this.rows.filter(({ position: { sequence } }) => sequence > after && sequence < before);
    return {
      first: 1,
      head: this.rows.at(-1)?.position ?? null,
      publications: rows.slice(0, limit).map((row) => publicationOf(topic, row)),
    };
  }
}

/** A table keeps who sent what, and nothing of the frame that brought it. */
function publicationOf(topic: Topic, { position, timestamp, draft: { payload, from } }: StoredAt): Publication {
  const id = messageId(timestamp, position.sequence, topicDigest(topic));
  return { topic, id, position, payload, from, timestamp, clientId: undefined, trace: undefined };
}

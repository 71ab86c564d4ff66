/** An application that owns `poll.**`, answers when the test says so, and keeps what it has stored in a table. */
import type { Principal } from '../auth/principal.ts';
import type { Action } from '../auth/rights.ts';
import type { Draft, HistorySource, OwnHistory, Reply } from '../broker/broker.ts';
import type { Refusal } from '../protocol/errors.ts';
import { messageId, type Publication } from '../protocol/position.ts';
import { covers, matches, overlaps, topicDigest, wireName, type Topic } from '../protocol/topic.ts';
import type { Overlap, StoredAt, TopicOwner, TopicOwners } from './topic-owners.ts';

const OWNED = 'poll.**';
export const EPOCH = 'table';

interface Question {
  /** `ada subscribe poll.1`. */
  readonly who: string;
  readonly reply: (problem: Refusal | null) => void;
}

interface Submitted {
  readonly name: string;
  readonly draft: Draft;
  readonly reply: (answer: Draft | StoredAt | Refusal) => void;
}

export class TestOwner implements TopicOwners {
  readonly asked: Question[] = [];
  readonly submitted: Submitted[] = [];
  readonly table = new Table();
  readonly owner: TopicOwner;

  /** @param parts what it does: decides, sees messages, keeps history */
  constructor(parts: { readonly decides?: boolean; readonly publishes?: boolean } = {}) {
    this.owner = {
      app: 'poll',
      mayAct: parts.decides === true ? (...question) => this.question(...question) : null,
      publishing: parts.publishes === true ? (...message) => this.submit(...message) : null,
      history: parts.publishes === true ? this.table : null,
    };
  }

  of(topic: Topic): TopicOwner | null {
    return matches(OWNED, wireName(topic)) ? this.owner : null;
  }

  overlapping(pattern: Topic): readonly Overlap[] {
    const name = wireName(pattern);
    return overlaps(OWNED, name) ? [{ owner: this.owner, isWhole: covers(OWNED, name) }] : [];
  }

  /** Answers everything that waits, the oldest first. */
  decide(problem: Refusal | null): void {
    for (const { reply } of this.asked.splice(0)) reply(problem);
  }

  private question({ user }: Principal, action: Action, name: string, reply: Question['reply']): void {
    this.asked.push({ who: `${user} ${action} ${name}`, reply });
  }

  private submit(_: Principal, name: string, draft: Draft, reply: Submitted['reply']): void {
    this.submitted.push({ name, draft, reply });
  }
}

/** Messages under the owner's own sequence, of one topic. */
export class Table implements HistorySource {
  readonly rows: StoredAt[] = [];

  store(draft: Draft, timestamp: number): StoredAt {
    const { idempotencyKey: key } = draft;
    const known = this.rows.find((row) => key !== undefined && row.draft.idempotencyKey === key);
    if (known !== undefined) return { ...known, duplicate: true };
    const position = { epoch: EPOCH, sequence: this.rows.length + 1 };
    const row: StoredAt = { position, timestamp, draft, duplicate: false };
    this.rows.push(row);
    return row;
  }

  /** A table keeps who sent what, and nothing of the frame that brought it. */
  read(topic: Topic, after: number, before: number, limit: number, reply: Reply<OwnHistory>): void {
    const rows = this.rows.filter(({ position: { sequence } }) => sequence > after && sequence < before);
    const publications = rows.slice(0, limit).map(({ position, timestamp, draft: { payload, from } }): Publication => ({
      topic,
      position,
      payload,
      from,
      timestamp,
      id: messageId(timestamp, position.sequence, topicDigest(topic)),
      clientId: undefined,
      trace: undefined,
    }));
    reply({ first: 1, head: this.rows.at(-1)?.position ?? null, publications });
  }
}

/**
 * The sending transaction. Messages that arrive in one turn are one statement and one commit: it locks their conversations, in
 * one order so that two nodes do not wait for each other, gives each message the next number of its conversation, and keeps
 * it. A message that is there, by its sender and the id of its sender, keeps its first number.
 */
import type { Database } from '../../database/database.ts';
import type { GroupCommit } from '../../database/group-commit.ts';

export interface Sending {
  readonly tenant: string;
  readonly conversation: string;
  readonly sender: string;
  /** The sender's own id; without, every message is a new one. */
  readonly clientId: string | null;
  /** JSON text. */
  readonly payload: string;
}

export interface Sent {
  readonly epoch: string;
  readonly sequence: number;
  readonly sentAt: Date;
  /** As it was stored the first time. */
  readonly payload: string;
  readonly isNew: boolean;
}

/** Conversations of different lanes are stored at the same time. */
const LANES = 4;

interface Row {
  readonly n: number;
  readonly epoch: string;
  readonly sequence: number;
  readonly sentAt: Date;
  readonly payload: string;
  readonly isNew: boolean;
}

/** `null` for a sender who is no active member that may write: also where there is no such conversation. */
export function senderOf(database: Database): GroupCommit<Sending, Sent | null> {
  return database.groupCommit<Sending, Sent | null>({
    lanes: LANES,
    laneOf: ({ tenant, conversation }) => `${tenant}/${conversation}`,
    write: (batch) => storeAll(database, batch),
  });
}

async function storeAll(database: Database, batch: readonly Sending[]): Promise<readonly (Sent | null)[]> {
  const { sql } = database;
  const { rows } = await sql<Row>`
    with input as (
      select * from unnest(
        ${batch.map((_, n) => n)}::int[],
        ${batch.map((it) => it.tenant)}::text[],
        ${batch.map((it) => it.conversation)}::text[],
        ${batch.map((it) => it.sender)}::text[],
        ${batch.map((it) => it.clientId)}::text[],
        ${batch.map((it) => it.payload)}::text[]
      ) as given (n, tenant, conversation, sender, client_id, payload)
    ),
    -- The newest head, even where this statement had to wait for another node's.
    locked as materialized (
      select id as conversation, tenant, epoch, head, greatest(clock_timestamp(), changed_at) as sent_at
      from conversations.conversations
      where (tenant, id) in (select tenant, conversation from input)
      order by tenant, id
      for update
    ),
    allowed as (
      select input.*, locked.epoch, locked.head, locked.sent_at
      from input
      join locked using (tenant, conversation)
      join conversations.members as member
        on member.tenant = input.tenant and member.conversation = input.conversation and member.user_id = input.sender
      where member.status = 'active' and member.role <> 'reader'
    ),
    known as (
      select allowed.n, message.sequence, message.sent_at, message.payload
      from allowed
      join conversations.messages as message using (tenant, conversation, sender, client_id)
    ),
    -- Of the same message twice in a batch the first one.
    fresh as (
      select distinct on (tenant, conversation, sender, client_id, case when client_id is null then n end) *
      from allowed
      where not exists (select from known where known.n = allowed.n)
      order by tenant, conversation, sender, client_id, case when client_id is null then n end, n
    ),
    numbered as (
      select fresh.*, head + row_number() over (partition by tenant, conversation order by n) as sequence from fresh
    ),
    stored as (
      insert into conversations.messages (tenant, conversation, sequence, sender, client_id, payload, sent_at)
      select tenant, conversation, sequence, sender, client_id, payload, sent_at from numbered
    ),
    counted as (
      update conversations.conversations as conversation
      set head = newest.sequence, changed_at = newest.sent_at
      from (select tenant, conversation, max(sequence) as sequence, max(sent_at) as sent_at from numbered group by 1, 2) as newest
      where conversation.tenant = newest.tenant and conversation.id = newest.conversation
    )
    select
      allowed.n,
      allowed.epoch,
      coalesce(known.sequence, numbered.sequence) as sequence,
      coalesce(known.sent_at, numbered.sent_at) as "sentAt",
      coalesce(known.payload, numbered.payload) as payload,
      known.n is null and numbered.n = allowed.n as "isNew"
    from allowed
    left join known using (n)
    left join numbered
      on numbered.tenant = allowed.tenant
      and numbered.conversation = allowed.conversation
      and numbered.sender = allowed.sender
      and (numbered.n = allowed.n or numbered.client_id = allowed.client_id)`.execute(database.tables());
  const answers: (Sent | null)[] = batch.map(() => null);
  for (const { n, ...sent } of rows) answers[n] = sent;
  return answers;
}

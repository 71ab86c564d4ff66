/** Conversations in tables, as the application would have made them. */
import { Client } from 'pg';

export interface Crowd {
  /** Of the ids of its users and conversations: `user` is `user-0`, `user-1` and so on. */
  readonly prefix: string;
  readonly conversations: number;
  readonly members: number;
  /** Of each conversation. */
  readonly messages: number;
  readonly users: number;
}

export async function open(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('set search_path = conversations');
  return client;
}

/** Members are spread evenly: each user has `conversations * members / users` of them. Their read positions are anything. */
export async function seed(client: Client, { prefix, conversations, members, messages, users }: Crowd): Promise<void> {
  await client.query(
    `insert into conversations (tenant, id, kind, epoch, created_by, head, messages, appended, last_message, last_message_at)
    select '', $1 || '-' || c, 'group', 'e', 'bench', $3::int8, $3::int8, $3::int8, nullif($3::int8, 0), now() - c * interval '1 second'
    from generate_series(0, $2::int8 - 1) as c`,
    [prefix, conversations, messages],
  );
  await client.query(
    `insert into members (tenant, conversation, user_id, read_to, read_messages, delivered_to)
    select '', $1 || '-' || c, $1 || '-' || (c * $3::int8 + m) % $4::int8, place, place, place
    from generate_series(0, $2::int8 - 1) as c, generate_series(0, $3::int8 - 1) as m, lateral (select (c * 7 + m * 13) % ($5::int8 + 1) as place) as p`,
    [prefix, conversations, members, users, messages],
  );
  await client.query(
    `insert into events (tenant, conversation, sequence, message, sender, payload, sent_at)
    select '', $1 || '-' || c, n, n, 'bench', '{"event":"message","type":"text","content":"message number ' || n || '"}', now()
    from generate_series(0, $2::int8 - 1) as c, generate_series(1, $3::int8) as n`,
    [prefix, conversations, messages],
  );
  await client.query('analyze');
}

-- One numbering: head is the sequence of the newest message, here and in the topic's log. What lies between appended and head may
-- be missing in the log, and the relay appends it: the table of messages is its own outbox.
create table conversations (
  tenant text not null,
  id text not null,
  kind text not null,
  epoch text not null,
  head bigint not null default 0,
  appended bigint not null default 0,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  primary key (tenant, id),
  constraint conversations_kind check (kind in ('private', 'group', 'space')),
  constraint conversations_numbers check (0 <= appended and appended <= head)
);

create index conversations_unappended on conversations (changed_at) where appended < head;

-- Positions and not counts: what is unread is head - read_to, which cannot drift.
create table members (
  tenant text not null,
  conversation text not null,
  user_id text not null,
  role text not null default 'member',
  status text not null default 'active',
  read_to bigint not null default 0,
  delivered_to bigint not null default 0,
  joined_at timestamptz not null default now(),
  primary key (tenant, conversation, user_id),
  foreign key (tenant, conversation) references conversations on delete cascade,
  constraint members_role check (role in ('owner', 'admin', 'member', 'reader')),
  constraint members_status check (status in ('active', 'left', 'removed'))
);

create index members_of_user on members (tenant, user_id, conversation);

-- Its one writer holds the row of the conversation: a foreign key would look for that once more per message.
create table messages (
  tenant text not null,
  conversation text not null,
  sequence bigint not null,
  sender text not null,
  client_id text,
  payload text not null,
  sent_at timestamptz not null,
  primary key (tenant, conversation, sequence)
);

-- The same message again finds its first place.
create unique index messages_once on messages (client_id, sender, conversation, tenant) where client_id is not null;

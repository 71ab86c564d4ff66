-- One numbering: head is the sequence of the newest event, here and in the topic's log. What lies between appended and head may
-- be missing in the log, and the relay appends it: the table of events is its own outbox.
create table conversations (
  tenant text not null,
  id text not null,
  kind text not null,
  epoch text not null,
  status text not null default 'active',
  name text,
  description text,
  -- JSON of whoever made it, not looked into: a booking, the id of a space.
  metadata text,
  created_by text not null,
  head bigint not null default 0,
  -- How many of the events are messages.
  messages bigint not null default 0,
  appended bigint not null default 0,
  -- What an index is made of changes seldom: each message changes head and changed_at, and would be a new entry in every index.
  is_behind boolean not null generated always as (appended < head) stored,
  -- The oldest sequence that is kept; retention moves it forward.
  first bigint not null default 1,
  -- How many messages were before it: nobody can read these any more, so they are unread for nobody.
  gone bigint not null default 0,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  -- Of the newest message: what lists are ordered by.
  last_message bigint,
  last_message_at timestamptz not null default now(),
  -- Whether its first members were told that it has begun.
  is_told bool not null default true,
  primary key (tenant, id),
  constraint conversations_kind check (kind in ('private', 'group', 'space')),
  constraint conversations_status check (status in ('active', 'resolved', 'closed')),
  constraint conversations_numbers check (0 <= appended and appended <= head and messages <= head)
);

create index conversations_untold on conversations (created_at) where not is_told;
create index conversations_behind on conversations (tenant, id) where is_behind;

-- Positions and not counts: what is unread is messages - greatest(read_messages, gone), which cannot drift.
create table members (
  tenant text not null,
  conversation text not null,
  user_id text not null,
  role text not null default 'member',
  status text not null default 'active',
  -- What a product calls this side of a private conversation: customer, artist.
  label text,
  can_send boolean,
  can_upload boolean,
  can_add boolean,
  can_remove boolean,
  notifications boolean not null default true,
  -- Sequences, and read_to as a number among messages.
  read_to bigint not null default 0,
  read_messages bigint not null default 0,
  delivered_to bigint not null default 0,
  -- What this member may read: after history_from, and up to history_to where the member has left or was removed.
  history_from bigint not null default 0,
  history_to bigint,
  archived_at timestamptz,
  joined_at timestamptz not null default now(),
  primary key (tenant, conversation, user_id),
  foreign key (tenant, conversation) references conversations on delete cascade,
  constraint members_role check (role in ('owner', 'admin', 'moderator', 'member', 'reader')),
  constraint members_status check (status in ('active', 'left', 'removed', 'pending'))
);

create index members_of_user on members (tenant, user_id, conversation);

-- Its one writer holds the row of the conversation: a foreign key would look for that once more per event.
create table events (
  tenant text not null,
  conversation text not null,
  sequence bigint not null,
  -- Its number among messages; null for what changes a message or the members.
  message bigint,
  sender text not null,
  client_id text,
  -- JSON text of the publication, without n.
  payload text not null,
  sent_at timestamptz not null,
  edited_at timestamptz,
  deleted_at timestamptz,
  -- The message that this one answers, and the first of its thread: sequences of the same conversation.
  parent bigint,
  thread bigint,
  -- JSON: what users were told beside it, in their inboxes; the relay of another node says it again.
  notices text,
  primary key (tenant, conversation, sequence)
);

-- The same event again finds its first place.
create unique index events_once on events (client_id, sender, conversation, tenant) where client_id is not null;
create index events_of_thread on events (tenant, conversation, thread, sequence) where thread is not null;

create table reactions (
  tenant text not null,
  conversation text not null,
  sequence bigint not null,
  user_id text not null,
  emoji text not null,
  primary key (tenant, conversation, sequence, user_id, emoji)
);

-- Who saw or did what without being a member, and who was refused.
create table audit (
  id bigint generated always as identity primary key,
  tenant text not null,
  actor text not null,
  action text not null,
  conversation text,
  is_allowed boolean not null,
  details text,
  address text,
  agent text,
  at timestamptz not null default now()
);

create index audit_by_time on audit (tenant, at);

-- A session is a conversation of its user and the assistant (apps/conversations), whose id it has; here stands what that lacks.
create table sessions (
  tenant text not null,
  id text not null,
  user_id text not null,
  client_name text,
  -- For the prompt.
  context text,
  -- JSON of the client, not looked into.
  metadata text,
  status text not null default 'active',
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  active_at timestamptz not null default now(),
  expires_at timestamptz not null,
  deleted_at timestamptz,
  primary key (tenant, id),
  constraint sessions_status check (status in ('active', 'closed'))
);

create index sessions_of_user on sessions (tenant, user_id, active_at desc, id);
create index sessions_created on sessions (created_at);
create index sessions_deleted on sessions (deleted_at) where deleted_at is not null;

-- One for each attempt at an answer. A node holds it while it runs, and says so again before the hold ends: an answer whose hold
-- has ended is interrupted, by whichever node looks first.
create table answers (
  tenant text not null,
  session text not null,
  -- Sequence of the message that asks.
  question bigint not null,
  attempt int not null,
  user_id text not null,
  status text not null default 'running',
  failure text,
  -- Sequence of the message that answers.
  message bigint,
  held_until timestamptz,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  primary key (tenant, session, question, attempt),
  foreign key (tenant, session) references sessions on delete cascade,
  constraint answers_status check (status in ('running', 'done', 'stopped', 'failed', 'interrupted'))
);

-- One answer at a time in a session.
create unique index answers_running on answers (tenant, session) where status = 'running';
create index answers_held on answers (held_until) where status = 'running';
create index answers_of_user on answers (tenant, user_id, started_at);

-- Customers by the number of the business that they write to. The id says nothing about the number: it stands in logs and conversations.
create table customers (
  tenant text not null,
  id text not null,
  phone_number_id text not null,
  -- Digits.
  number text not null,
  name text,
  created_at timestamptz not null,
  seen_at timestamptz not null,
  primary key (tenant, id)
);

create unique index customers_by_number on customers (tenant, phone_number_id, number);
create index customers_by_digits on customers (tenant, number, seen_at desc);

-- A conversation of apps/conversations, whose id a mapping has, and the one at Genesys, which is known later.
create table mappings (
  tenant text not null,
  id text not null,
  customer text not null,
  desk_conversation text,
  status text not null default 'active',
  created_at timestamptz not null,
  active_at timestamptz not null,
  ended_at timestamptz,
  primary key (tenant, id),
  foreign key (tenant, customer) references customers on delete cascade,
  constraint mappings_status check (status in ('active', 'expired'))
);

-- One at a time for a customer.
create unique index mappings_active on mappings (tenant, customer) where status = 'active';
create index mappings_of_customer on mappings (tenant, customer, created_at desc);
create index mappings_idle on mappings (active_at) where status = 'active';
create index mappings_ended on mappings (ended_at) where status = 'expired';

-- What has become of each message. Its words are in the conversation.
create table messages (
  tenant text not null,
  id text not null,
  mapping text not null,
  direction text not null,
  kind text not null,
  -- Null until WhatsApp has given it one.
  wamid text,
  -- Of Genesys. Null for what Genesys has not answered yet, and for further parts of a long message.
  desk_id text,
  status text not null default 'pending',
  -- pending, sending and unknown 0, sent 1, failed 2, delivered 3, read 4: it only grows.
  rank int not null default 0,
  reason text,
  -- What became of the file of a message.
  media text,
  -- Its place in the conversation.
  sequence bigint,
  -- Which message of the queue is at it: another one with the same words is a repetition.
  claim text,
  -- [stage, milliseconds since 1970, node] of each step, each as JSON.
  stages text[] not null default '{}',
  -- What an unsupported message was, as JSON.
  raw text,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  primary key (tenant, id),
  foreign key (tenant, mapping) references mappings on delete cascade,
  constraint messages_direction check (direction in ('in', 'out'))
);

create unique index messages_by_wamid on messages (tenant, wamid) where wamid is not null;
create unique index messages_by_desk_id on messages (tenant, desk_id) where desk_id is not null;
create index messages_of_mapping on messages (tenant, mapping, created_at desc);
create index messages_old on messages (created_at);

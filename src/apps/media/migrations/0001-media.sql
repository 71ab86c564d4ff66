-- A row is made before its bytes come: what never comes, and what nobody keeps, is removed by age.
create table uploads (
  -- 128 random bits: what cannot be guessed.
  id text primary key,
  tenant text not null,
  owner text not null,
  purpose text not null,
  -- What it was uploaded for; an upload belongs to one conversation for ever.
  conversation text,
  -- Where the storage has it, without the tenant.
  key text not null,
  -- As clients know it.
  url text not null,
  name text not null,
  type text not null,
  max_bytes bigint not null,
  -- Null until the bytes are stored and their type was looked at.
  bytes bigint,
  -- SHA-256 in hex; null for what went to the storage directly.
  digest text,
  created_at timestamptz not null default now(),
  -- Since when no message and no profile names it; null while one does.
  loose_since timestamptz default now(),
  constraint uploads_purpose check (purpose in ('image', 'message_attachment', 'avatar')),
  constraint uploads_bytes check (bytes is null or bytes between 0 and max_bytes)
);

create unique index uploads_by_url on uploads (tenant, url);
create index uploads_loose on uploads (loose_since) where loose_since is not null;
create index uploads_avatars on uploads (tenant, owner) where purpose = 'avatar';

-- Signs links, the same on all nodes.
create table keys (
  name text primary key,
  secret text not null,
  created_at timestamptz not null default now()
);

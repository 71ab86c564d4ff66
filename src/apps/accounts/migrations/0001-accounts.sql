create table users (
  -- The claim sub.
  id text not null primary key,
  tenant text not null,
  -- As it is compared: trimmed, NFC, lower case. One account has it, whatever the tenant: it says who logs in.
  email text not null,
  display_name text not null,
  avatar text,
  bio text,
  roles text[] not null,
  -- $scrypt$ln=…,r=…,p=…$salt$hash; null: nobody logs in with a password.
  password text,
  is_active boolean not null default true,
  -- Counts revocations of everything at once; tokens issued until tokens_from are of none of its versions.
  token_version bigint not null default 0,
  tokens_from timestamptz,
  created_at timestamptz not null,
  changed_at timestamptz not null
);

create unique index users_email on users (email);
create index users_tenant_name on users (tenant, lower(display_name), id);
create index users_tokens_from on users (tokens_from) where tokens_from is not null;

-- A login and all that was refreshed from it: the family of its refresh tokens.
create table sessions (
  id text not null primary key,
  user_id text not null references users on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_because text,
  address text not null,
  agent text
);

create index sessions_user on sessions (user_id);
create index sessions_expires on sessions (expires_at);
create index sessions_ended on sessions (ended_at) where ended_at is not null;

create table refresh_tokens (
  -- SHA-256: the token itself is nowhere.
  digest text not null primary key,
  session text not null references sessions on delete cascade,
  -- The claim jti of the access token that was given with it.
  access_id text not null,
  issued_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  -- Digest of the token that it was exchanged for.
  successor text
);

create index refresh_tokens_session on refresh_tokens (session, issued_at);
create index refresh_tokens_access on refresh_tokens (access_id);

-- Logins that were tried, by a digest of the address or the account.
create table attempts (
  key text not null primary key,
  tries bigint not null,
  until timestamptz not null
);

create index attempts_until on attempts (until);

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  tenant text not null,
  action text not null,
  -- The user who did it; null: not known.
  actor text,
  -- The account that it was about.
  user_id text,
  address text,
  agent text
);

create index audit_at on audit (at);
create index audit_user on audit (user_id, at);

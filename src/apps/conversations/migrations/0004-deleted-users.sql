-- Users who are deleted: out of every conversation at once, and their words blanked when the time is over.
create table deleted_users (
  tenant text not null,
  user_id text not null,
  deleted_at timestamptz not null default now(),
  -- When their words were blanked.
  blanked_at timestamptz,
  primary key (tenant, user_id)
);

create index deleted_users_due on deleted_users (deleted_at) where blanked_at is null;

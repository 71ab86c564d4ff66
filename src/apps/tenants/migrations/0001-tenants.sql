create table tenants (
  -- The claim tenant of its users' tokens. Never used again, so that nobody inherits topics and conversations.
  id text not null primary key,
  name text not null,
  status text not null,
  plan text not null,
  -- Requests a minute, over all nodes.
  rate_limit bigint not null,
  subdomain text,
  -- JSON.
  settings text not null,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  constraint tenants_status check (status in ('active', 'suspended', 'deleted'))
);

create unique index tenants_subdomain on tenants (subdomain);
create index tenants_changed on tenants (changed_at);

-- What webhooks call a tenant by: ids of WhatsApp numbers, ids of Genesys integrations. One tenant has it.
create table handles (
  kind text not null,
  id text not null,
  tenant text not null references tenants,
  primary key (kind, id)
);

create index handles_tenant on handles (tenant);

-- Sealed: nobody reads them without the key, which is not in the database.
create table credentials (
  tenant text not null references tenants,
  kind text not null,
  sealed text not null,
  -- Which key sealed it.
  sealed_by text not null,
  changed_at timestamptz not null,
  primary key (tenant, kind)
);

create index credentials_sealed_by on credentials (sealed_by);

create table api_keys (
  -- SHA-256: the key itself is nowhere.
  digest text not null primary key,
  id text not null,
  tenant text not null references tenants,
  name text not null,
  roles text[] not null,
  -- Its last four characters, for people who look for it.
  ending text not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz
);

create unique index api_keys_id on api_keys (id);
create index api_keys_tenant on api_keys (tenant, created_at);

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  tenant text not null,
  action text not null,
  actor text not null,
  address text,
  -- What changed, without secrets. JSON.
  details text not null
);

create index audit_tenant on audit (tenant, id);
create index audit_at on audit (at);

-- When the provider may be asked again, where it has said so: a client that was away when the answer failed is told the same.
alter table answers add column retry_at timestamptz;

-- Rows that are older than audit_days are found by their age.
create index audit_by_age on audit (at);

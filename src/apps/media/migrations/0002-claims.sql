-- What named a loose upload first, until something else names it too: if that is not stored after all, the upload is loose again.
alter table uploads add column claimed_by text;

-- The id of the message in the conversation: by it the server's own trace names the steps of this application.
alter table messages add column published text;
create index messages_by_published on messages (published) where published is not null;

-- The message that an edit or a deletion is about: what it says goes when the message is deleted.
alter table events add column about bigint;
create index events_about on events (tenant, conversation, about) where about is not null;

-- Rows that every message changes: there is room for their next version on the same page.
alter table conversations set (fillfactor = 60);
alter table members set (fillfactor = 60);

-- Stores messages that came together, and answers for each, as a JSON list of lists, which costs a third of rows: its number in the
-- call, the outcome (`new`, `known`, `not_found`, `not_allowed`, `wrong_state`), and its epoch, sequence, number among messages,
-- time (ms), and text, where it is known. A function, as its plan is kept by the session. The last four lists may be null.
create function send(
  tenants text[], ids text[], senders text[], client_ids text[], payloads text[], parents bigint[], threads bigint[],
  are_uploads boolean[], are_services boolean[]
) returns text
language plpgsql
-- A planner without statistics, or with those of an empty table, is not to read whole tables.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  answers text;
begin
  -- In one order, so that two nodes do not wait for each other. What follows sees what others have stored meanwhile.
  perform from conversations.conversations as conversation
  where (conversation.tenant, conversation.id) in (select * from unnest(tenants, ids))
  order by conversation.tenant, conversation.id
  for update;

  with judged as materialized (
    select given.*, conversation.epoch, conversation.head, conversation.messages,
      greatest(clock_timestamp(), conversation.changed_at) as sent_at,
      case
        when conversation.id is null then 'not_found'
        when is_service then 'new'
        when member.status is null or member.status <> 'active' then 'not_found'
        when member.role = 'reader' or member.can_send is false or (is_upload and member.can_upload is false) then 'not_allowed'
        when conversation.status = 'closed' then 'wrong_state'
        else 'new'
      end as outcome
    from unnest(tenants, ids, senders, client_ids, payloads, parents, threads, are_uploads, are_services) with ordinality
      as given (tenant, conversation, sender, client_id, payload, parent, thread, is_upload, is_service, n)
    left join conversations.conversations as conversation
      on conversation.tenant = given.tenant and conversation.id = given.conversation
    left join conversations.members as member
      on member.tenant = given.tenant and member.conversation = given.conversation and member.user_id = given.sender
  ),
  -- The tenant as an expression keeps the primary key out, by which a planner reads whole conversations.
  known as materialized (
    select judged.n, judged.epoch, event.sequence, event.message, event.sent_at, event.payload
    from judged
    join conversations.events as event
      on event.client_id = judged.client_id and event.sender = judged.sender
      and event.conversation = judged.conversation and event.tenant || '' = judged.tenant
    where judged.outcome <> 'not_found'
  ),
  numbered as materialized (
    select judged.*, row_number() over (partition by tenant, conversation order by n) as number
    from judged
    where outcome = 'new' and not exists (select from known where known.n = judged.n)
  ),
  stored as (
    insert into conversations.events (tenant, conversation, sequence, message, sender, client_id, payload, sent_at, parent, thread)
    select tenant, conversation, head + number, messages + number, sender, client_id, payload, sent_at, parent, thread
    from numbered
  ),
  counted as (
    update conversations.conversations as conversation
    set head = newest.head, messages = newest.messages, changed_at = newest.sent_at, last_message = newest.head,
      last_message_at = newest.sent_at
    from (
      select tenant, conversation, max(head + number) as head, max(messages + number) as messages, max(sent_at) as sent_at
      from numbered group by 1, 2
    ) as newest
    where conversation.tenant = newest.tenant and conversation.id = newest.conversation
  ),
  -- Whoever answers has read what was there.
  touched as (
    select tenant, conversation, sender, max(head + number) as head, max(messages + number) as messages
    from numbered group by 1, 2, 3
  ),
  read as (
    update conversations.members as member
    set read_to = touched.head, read_messages = touched.messages, delivered_to = greatest(member.delivered_to, touched.head)
    from touched
    where member.tenant = touched.tenant and member.conversation = touched.conversation and member.user_id = touched.sender
      and member.read_to < touched.head
  )
  select json_agg(json_build_array(n, outcome, epoch, sequence, message, floor(extract(epoch from sent_at) * 1000)::int8, payload))
  into answers
  from (
    select n, 'new' as outcome, epoch, head + number as sequence, messages + number as message, sent_at, null::text as payload
    from numbered
    union all
    select n, 'known', epoch, sequence, message, sent_at, payload from known
    union all
    select n, outcome, null, null, null, null, null from judged
    where outcome <> 'new' and not exists (select from known where known.n = judged.n)
  ) as answered;
  return answers;
end
$$;

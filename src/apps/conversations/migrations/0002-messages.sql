-- The message that an edit or a deletion is about: what it says goes when the message is deleted.
alter table events add column about bigint;
create index events_about on events (tenant, conversation, about) where about is not null;

-- Rows that every message changes: there is room for their next version on the same page.
alter table conversations set (fillfactor = 60);
alter table members set (fillfactor = 60);

-- Stores messages that came together. `tenants` and `ids` are their conversations, `counts` how many messages each gets; `places`,
-- `senders`, `are_uploads` and `are_services` those who send into them, `lasts` the number of their last message among those of the
-- conversation; `froms`, `numbers` and the rest the messages, in order within a conversation. Payloads have a unit separator between
-- them, which no JSON text contains. The last six but the payloads may be null where none has one.
-- The answer is JSON: `{"all": [[epoch, head, messages, ms], …]}`, what each conversation had before, when all are stored as they were
-- numbered; else `{"each": [[n, outcome, epoch, sequence, message, ms, payload], …]}` of `send_each`.
create function send(
  tenants text[], ids text[], counts int[], places int[], senders text[], lasts int[], froms int[], numbers int[], payloads text,
  client_ids text[], parents bigint[], threads bigint[], are_uploads boolean[], are_services boolean[], is_hopeful boolean
) returns text
language plpgsql
-- A planner without statistics, or with those of an empty table, is not to read whole tables.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  heads bigint[];
  totals bigint[];
  times timestamptz[];
  answers text;
  begun timestamptz := clock_timestamp();
  done bigint;
begin
  -- Nearly always all may be stored, and none is known: then this is two thirds of the work. What is found in the way undoes it.
  if is_hopeful then
    begin
      -- In one order, so that two nodes do not wait for each other. What follows sees what others have stored meanwhile.
      with given as materialized (
        select * from unnest(tenants, ids, counts) with ordinality as given (tenant, id, count, n) order by tenant, id
      ),
      counted as (
        update conversations.conversations as conversation
        set head = conversation.head + given.count, messages = conversation.messages + given.count,
          changed_at = greatest(begun, conversation.changed_at), last_message = conversation.head + given.count,
          last_message_at = greatest(begun, conversation.changed_at)
        from given
        where conversation.tenant = given.tenant and conversation.id = given.id and conversation.status <> 'closed'
        returning given.n, conversation.epoch, conversation.head - given.count as head,
          conversation.messages - given.count as messages, conversation.changed_at as sent_at
      )
      select array_agg(head), array_agg(messages), array_agg(sent_at),
        json_agg(json_build_array(epoch, head, messages, floor(extract(epoch from sent_at) * 1000)::int8))
      into heads, totals, times, answers
      from (select * from counted order by n) as counted;
      if cardinality(heads) is distinct from cardinality(ids) then raise no_data_found; end if;
      -- Whoever answers has read what was there.
      update conversations.members as member
      set read_to = heads[place] + last, read_messages = totals[place] + last,
        delivered_to = greatest(member.delivered_to, heads[place] + last)
      from unnest(places, senders, lasts, are_uploads) as given (place, sender, last, is_upload)
      where member.tenant = tenants[place] and member.conversation = ids[place] and member.user_id = sender
        and member.status = 'active' and member.role <> 'reader' and member.can_send is not false
        and (is_upload is not true or member.can_upload is not false);
      get diagnostics done = row_count;
      if done <> cardinality(senders) then raise no_data_found; end if;
      insert into conversations.events (tenant, conversation, sequence, message, sender, client_id, payload, sent_at, parent, thread)
      select tenants[place], ids[place], heads[place] + number, totals[place] + number, senders[origin], client_id, payload, times[place],
        parent, thread
      from unnest(froms, numbers, string_to_array(payloads, chr(31)), client_ids, parents, threads)
        as given (origin, number, payload, client_id, parent, thread)
      cross join lateral (select places[origin] as place) as of_one;
      return '{"all":' || answers || '}';
    exception when unique_violation or no_data_found then
    end;
  end if;
  return '{"each":' || conversations.send_each(
    tenants, ids, places, senders, froms, payloads, client_ids, parents, threads, are_uploads, are_services
  ) || '}';
end
$$;

-- The same, where some may not be stored or are there, each judged alone. Outcomes are `new`, `known`, `not_found`, `not_allowed` and
-- `wrong_state`; the text is that of a message that is known.
create function send_each(
  tenants text[], ids text[], places int[], senders text[], froms int[], payloads text, client_ids text[], parents bigint[],
  threads bigint[], are_uploads boolean[], are_services boolean[]
) returns text
language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  answers text;
begin
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
    from (
      select tenants[places[origin]] as tenant, ids[places[origin]] as conversation, senders[origin] as sender,
        are_uploads[origin] as is_upload, are_services[origin] as is_service, client_id, payload, parent, thread, n
      from unnest(froms, string_to_array(payloads, chr(31)), client_ids, parents, threads) with ordinality
        as message (origin, payload, client_id, parent, thread, n)
    ) as given
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

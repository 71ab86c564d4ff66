-- Moves positions forward, never back, and answers for each: outcome `moved`, `same`, `not_found`, or `busy`. A read position moves to
-- the newest message up to the place; without a place, to the newest of all. A row that another transaction has is passed over, as
-- a transaction that has rows and waits for others may wait for one that waits for it. A call for a single one may wait.
create function move_positions(
  tenants text[], ids text[], users text[], places bigint[], are_reads boolean[], is_waiting boolean
) returns table (n int, outcome text, read_to bigint, delivered_to bigint, unread bigint)
language plpgsql
-- A planner without statistics, or with those of an empty table, is not to read whole tables.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  mine conversations.members;
  talk conversations.conversations;
  place bigint;
  number bigint;
begin
  for at in 1 .. cardinality(ids) loop
    n := at;
    outcome := 'not_found'; read_to := null; delivered_to := null; unread := null;
    if is_waiting then
      select * into mine from conversations.members as member
      where member.tenant = tenants[at] and member.conversation = ids[at] and member.user_id = users[at] and member.status = 'active'
      for no key update;
    else
      select * into mine from conversations.members as member
      where member.tenant = tenants[at] and member.conversation = ids[at] and member.user_id = users[at] and member.status = 'active'
      for no key update skip locked;
    end if;
    if not found then
      perform from conversations.members as member
      where member.tenant = tenants[at] and member.conversation = ids[at] and member.user_id = users[at] and member.status = 'active';
      if found then outcome := 'busy'; end if;
      return next;
      continue;
    end if;
    -- Behind the lock: who has sent has moved both rows at once.
    select * into talk from conversations.conversations as conversation
    where conversation.tenant = tenants[at] and conversation.id = ids[at];
    place := talk.last_message;
    number := talk.messages;
    if places[at] < talk.last_message then
      place := null;
      select event.sequence, event.message into place, number from conversations.events as event
      where event.tenant = tenants[at] and event.conversation = ids[at] and event.sequence <= places[at] and event.message is not null
      order by event.sequence desc limit 1;
    end if;
    place := coalesce(place, 0);
    outcome := 'same';
    if are_reads[at] and place > mine.read_to then
      outcome := 'moved';
      mine.read_to := place;
      mine.read_messages := number;
    end if;
    if place > mine.delivered_to then
      if not are_reads[at] then outcome := 'moved'; end if;
      mine.delivered_to := place;
    end if;
    if outcome = 'moved' then
      update conversations.members as member
      set read_to = mine.read_to, read_messages = mine.read_messages, delivered_to = mine.delivered_to
      where member.tenant = tenants[at] and member.conversation = ids[at] and member.user_id = users[at];
    end if;
    read_to := mine.read_to;
    delivered_to := mine.delivered_to;
    unread := greatest(talk.messages - greatest(mine.read_messages, talk.gone), 0);
    return next;
  end loop;
end
$$;

-- The conversations of a user, newest message first, with what a list shows of each. `after_us` and `after_id`: where the page before ended.
create function list_conversations(
  whose_tenant text, whose text, is_archived bool, after_us bigint, after_id text, passed bigint, most bigint, others_most bigint
) returns table (
  id text, kind text, status text, name text, metadata text, messages bigint, head bigint, last_us bigint, last_message_at timestamptz,
  role text, label text, read_to bigint, read_messages bigint, last_message bigint, n bigint, sender text, payload text,
  deleted_at timestamptz, sent_at timestamptz, others text, members bigint
)
language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  return query
  with page as materialized (
    select talk.*, mine.role, mine.label, mine.read_to, greatest(mine.read_messages, talk.gone) as read_messages,
      (extract(epoch from talk.last_message_at) * 1000000)::bigint as last_us
    from conversations.members as mine
    join conversations.conversations as talk on talk.tenant = mine.tenant and talk.id = mine.conversation
    where mine.tenant = whose_tenant and mine.user_id = whose and mine.status = 'active'
      -- A newer message brings back what was put away.
      and (mine.archived_at is not null and mine.archived_at >= talk.last_message_at) = is_archived
      and (after_us is null or ((extract(epoch from talk.last_message_at) * 1000000)::bigint, talk.id) < (after_us, after_id))
    order by talk.last_message_at desc, talk.id desc
    offset passed limit most
  )
  select page.id, page.kind, page.status, page.name, page.metadata, page.messages, page.head, page.last_us, page.last_message_at,
    page.role, page.label, page.read_to, page.read_messages, page.last_message, event.message, event.sender, event.payload,
    event.deleted_at, event.sent_at,
    coalesce((
      select json_agg(json_build_object('user', other.user_id, 'label', other.label) order by other.user_id)
      from (
        select member.user_id, member.label from conversations.members as member
        where member.tenant = whose_tenant and member.conversation = page.id and member.status = 'active'
          and member.user_id <> whose
        order by member.user_id limit others_most
      ) as other
    ), '[]')::text,
    (
      select count(*) from (
        select from conversations.members as member
        where member.tenant = whose_tenant and member.conversation = page.id and member.status = 'active' limit 1000
      ) as active
    )
  from page
  left join conversations.events as event
    on event.tenant = whose_tenant and event.conversation = page.id and event.sequence = page.last_message
  order by page.last_message_at desc, page.id desc;
end
$$;

create function unread_total(whose_tenant text, whose text) returns table (unread bigint, conversations bigint)
language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  return query
  select coalesce(sum(talk.messages - greatest(mine.read_messages, talk.gone)), 0)::bigint, count(*)
  from conversations.members as mine
  join conversations.conversations as talk on talk.tenant = mine.tenant and talk.id = mine.conversation
  where mine.tenant = whose_tenant and mine.user_id = whose and mine.status = 'active'
    and (mine.archived_at is not null and mine.archived_at >= talk.last_message_at) = false
    and talk.messages > greatest(mine.read_messages, talk.gone);
end
$$;

-- The newest conversations of a user: what a new connection follows.
create function newest_conversations(whose_tenant text, whose text, most bigint) returns table (id text)
language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  return query
  select talk.id
  from conversations.members as mine
  join conversations.conversations as talk on talk.tenant = mine.tenant and talk.id = mine.conversation
  where mine.tenant = whose_tenant and mine.user_id = whose and mine.status = 'active'
  order by talk.last_message_at desc, talk.id desc
  limit most;
end
$$;

-- Holds what is derived against the events that it is derived from, a page of conversations at a time, and mends what differs: nothing
-- ever should. The page ends early behind many messages. `tenant` and `id`: the last one that was looked at; null: there was none.
create function recount(after_tenant text, after_id text, most bigint, events_most bigint) returns table (
  tenant text, id text, conversations bigint, members bigint, messages bigint, corrections bigint
)
language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  talk record;
  counted record;
  changed bigint;
begin
  tenant := null; id := null; conversations := 0; members := 0; messages := 0; corrections := 0;
  for talk in
    select given.tenant, given.id from conversations.conversations as given
    where (given.tenant, given.id) > (after_tenant, after_id)
    order by given.tenant, given.id limit most
  loop
    tenant := talk.tenant; id := talk.id;
    conversations := conversations + 1;
    -- In one statement, so of one moment.
    select given.messages as said, given.gone as said_gone, coalesce(found.newest, given.messages) as newest, coalesce(found.oldest, given.messages + 1) as oldest, found.total,
      coalesce(found.head, given.head) as head, given.head as said_head
    into counted
    from conversations.conversations as given
    cross join lateral (
      select count(event.message) as total, max(event.message) as newest, min(event.message) as oldest, max(event.sequence) as head
      from conversations.events as event where event.tenant = given.tenant and event.conversation = given.id
    ) as found
    where given.tenant = talk.tenant and given.id = talk.id;
    messages := messages + counted.total;
    -- Numbers without holes: else no arithmetic of them is right, and nothing here can mend them.
    if counted.total > 0 and counted.total <> counted.newest - counted.oldest + 1 then
      raise exception 'expected the messages of conversation % to be numbered without holes', talk.id;
    end if;
    if counted.said <> counted.newest or counted.said_head < counted.head or counted.said_gone <> counted.oldest - 1 then
      update conversations.conversations as given
      set messages = counted.newest, head = greatest(given.head, counted.head), gone = counted.oldest - 1
      where given.tenant = talk.tenant and given.id = talk.id and given.messages = counted.said and given.head = counted.said_head
        and given.gone = counted.said_gone;
      get diagnostics changed = row_count;
      corrections := corrections + changed;
    end if;
    select members + count(*) into members from conversations.members as member
    where member.tenant = talk.tenant and member.conversation = talk.id;
    update conversations.members as member
    set read_messages = right_one.number
    from (
      select seen.user_id, seen.read_to,
        -- Of what retention has deleted only the numbers behind it are known.
        coalesce(event.message, case when counted.oldest = 1 then 0 else least(seen.read_messages, counted.oldest - 1) end) as number
      from conversations.members as seen
      left join lateral (
        select given.message from conversations.events as given
        where given.tenant = seen.tenant and given.conversation = seen.conversation and given.sequence <= seen.read_to
          and given.message is not null
        order by given.sequence desc limit 1
      ) as event on true
      where seen.tenant = talk.tenant and seen.conversation = talk.id
    ) as right_one
    where member.tenant = talk.tenant and member.conversation = talk.id and member.user_id = right_one.user_id
      and member.read_to = right_one.read_to and member.read_messages <> right_one.number;
    get diagnostics changed = row_count;
    corrections := corrections + changed;
    exit when messages >= events_most;
  end loop;
  return next;
end
$$;

-- What decides over rights, of many members at once. Whoever is no member has no row.
create function find_standings(tenants text[], ids text[], users text[]) returns table (
  n int, role text, status text, can_send bool, can_upload bool, can_add bool, can_remove bool, history_from bigint
)
language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  return query
  select given.n::int, member.role, member.status, member.can_send, member.can_upload, member.can_add, member.can_remove,
    -- What retention has deleted is no loss: the history begins behind it.
    greatest(member.history_from, conversation.first - 1)
  from unnest(tenants, ids, users) with ordinality as given (tenant, conversation, user_id, n)
  join conversations.members as member
    on member.tenant = given.tenant and member.conversation = given.conversation and member.user_id = given.user_id
  join conversations.conversations as conversation
    on conversation.tenant = member.tenant and conversation.id = member.conversation;
end
$$;

-- Where conversations stand, of many at once. What is not there has no row.
create function find_heads(tenants text[], ids text[]) returns table (n int, epoch text, head bigint, first bigint)
language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
  return query
  select given.n::int, talk.epoch, talk.head,
    coalesce((
      select min(event.sequence) from conversations.events as event
      where event.tenant = given.tenant and event.conversation = given.conversation
    ), talk.head + 1)
  from unnest(tenants, ids) with ordinality as given (tenant, conversation, n)
  join conversations.conversations as talk on talk.tenant = given.tenant and talk.id = given.conversation;
end
$$;

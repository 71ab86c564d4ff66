/**
 * Every metric, once: name, type, help, labels and where its values come from. docs/metrics.md is generated from this
 * table. Labels take their values from our own tables only, so the number of series is bounded.
 */
import type { FrameTally, Tally } from './counters.ts';
import { DATABASE_METRICS } from './database-metrics.ts';
import { QUEUE_METRICS } from './queue-metrics.ts';
import { counter, gauge, histogram, one, type MetricEntry, type Sample } from './metric-entry.ts';
import { REDIS_METRICS } from './redis-metrics.ts';

export const METRICS: readonly MetricEntry[] = [
  gauge(
    'connections',
    'Open connections, by what they came over and what they speak.',
    ['transport', 'format'],
    (_, { connections, transports, formats }) =>
      transports.flatMap((transport, row) =>
        formats
          // Without a WebSocket there is one format.
          .filter((__, at) => row === 0 || at === 0)
          .map((format, at) => one(connections[row]?.[at] ?? 0, { transport, format })),
      ),
  ),
  counter('connections_accepted_total', 'Connections admitted and upgraded.', [], ({ accepted }) => [one(accepted)]),
  counter('connections_refused_total', 'Handshakes refused, by reason of docs/errors.md.', ['reason'], ({ refused }) =>
    tally(refused, 'reason'),
  ),
  counter(
    'connections_closed_total',
    'Connections closed, by close code of docs/errors.md; 1006 is a socket that broke, other a code that only a client made up.',
    ['code'],
    ({ closed }) => tally(closed, 'code'),
  ),
  counter(
    'authentication_failures_total',
    'Tokens refused, at the handshake, by HTTP and for administration, by reason.',
    ['reason'],
    ({ authenticationFailures }) => tally(authenticationFailures, 'reason'),
  ),
  counter(
    'token_lookups_total',
    'Tokens of handshakes and HTTP requests, by result: hit (verified before, and remembered) or miss (to be verified).',
    ['result'],
    ({ tokenLookups }) => tally(tokenLookups, 'result'),
  ),
  histogram(
    'handshake_seconds',
    'From a handshake to its admission: token, applications that are asked, limits.',
    ({ handshake }) => handshake,
  ),
  gauge('users', 'Users with a connection, or whose rate limit is not full again yet.', [], (_, { users }) => [
    one(users),
  ]),
  gauge('subscriptions', 'Topics that connections listen to, matched ones included.', [], (_, { subscriptions }) => [
    one(subscriptions),
  ]),

  counter(
    'messages_received_total',
    'Frames from clients; invalid ones count as type invalid.',
    ['type', 'format'],
    ({ received }, { formats }) => frames(received, formats),
  ),
  counter('received_bytes_total', 'Bytes of messages from clients.', [], ({ receivedBytes }) => [one(receivedBytes)]),
  counter(
    'messages_sent_total',
    'Frames to clients; publications of every kind count as type Broadcast.',
    ['type', 'format'],
    ({ controlSent, publicationsSent }, { formats }) => [
      ...frames(controlSent, formats),
      ...formats.map((format, at) => one(publicationsSent.get(at), { type: 'Broadcast', format })),
    ],
  ),
  counter('sent_bytes_total', 'Bytes of messages to clients.', [], ({ sentBytes }) => [one(sentBytes)]),
  counter('errors_sent_total', 'Refused frames, by reason of docs/errors.md.', ['reason'], ({ errors }) =>
    tally(errors, 'reason'),
  ),
  counter(
    'callers_refused_total',
    'Callers with a good token or key whom an application does not let be served, by reason.',
    ['reason'],
    ({ callersRefused }) => tally(callersRefused, 'reason'),
  ),
  counter('rate_limited_total', 'Frames refused by a rate limit, by scope.', ['scope'], ({ rateLimited }) =>
    tally(rateLimited, 'scope'),
  ),
  counter('published_total', 'Messages accepted from clients.', [], ({ published }) => [one(published)]),
  counter('published_duplicates_total', 'Publishes answered from an idempotency key.', [], ({ duplicates }) => [
    one(duplicates),
  ]),

  counter(
    'http_requests_total',
    'HTTP requests answered, by route (other: no route) and class of status; handshakes are counted above.',
    ['route', 'status'],
    ({ httpRequests }) => pairs(httpRequests, 'route', 'status'),
  ),
  counter(
    'http_request_seconds_total',
    'Seconds from the head of a request to its answer, by route and class of status; divided by http_requests_total they are the mean.',
    ['route', 'status'],
    ({ httpSeconds }) => pairs(httpSeconds, 'route', 'status'),
  ),

  gauge('mailbox_messages', 'Messages that wait in all mailboxes.', [], (_, { mailboxMessages }) => [
    one(mailboxMessages),
  ]),
  gauge('mailbox_bytes', 'Bytes that wait in all mailboxes.', [], (_, { mailboxBytes }) => [one(mailboxBytes)]),
  gauge(
    'mailbox_largest_messages',
    'Messages in the fullest mailbox.',
    [],
    (_, { mailboxLargestMessages }) => [one(mailboxLargestMessages)],
    'max',
  ),
  gauge(
    'mailbox_oldest_age_seconds',
    'Age of the oldest message in any mailbox.',
    [],
    (_, { mailboxOldestSeconds }) => [one(mailboxOldestSeconds)],
    'max',
  ),
  gauge('connections_blocked', 'Connections whose socket has no room.', [], (_, { connectionsBlocked }) => [
    one(connectionsBlocked),
  ]),
  gauge('subscriptions_lagging', "Subscriptions that read their topic's log.", [], (_, { subscriptionsLagging }) => [
    one(subscriptionsLagging),
  ]),
  counter('displaced_total', 'Messages that gave way in a full mailbox.', [], ({ displaced }) => [one(displaced)]),
  counter('deferred_total', 'Messages not queued because their subscription lagged.', [], ({ deferred }) => [
    one(deferred),
  ]),
  counter('replayed_total', 'Messages written from a log or tail.', [], ({ replayed }) => [one(replayed)]),
  counter('gaps_total', 'Losses announced, by cause.', ['cause'], ({ gaps }) => tally(gaps, 'cause')),
  gauge(
    'delivery_unaccounted',
    'Messages that the books cannot explain. Anything but 0 is a bug of this server.',
    [],
    (_, { unaccounted }) => [one(unaccounted)],
  ),
  counter(
    'native_dropped_total',
    'Messages dropped by the socket library. Anything but 0 is a bug of this server.',
    [],
    ({ nativeDropped }) => [one(nativeDropped)],
  ),
  histogram(
    'publish_to_write_seconds',
    "From a message's arrival at this node to its write to a socket; the oldest of each flush.",
    ({ publishToWrite }) => publishToWrite,
  ),
  histogram('ping_round_trip_seconds', 'From a ping to its pong.', ({ pingRoundTrip }) => pingRoundTrip),

  gauge(
    'presence_members',
    'Connections of this node that are present in topics, each counted once per topic; those in their grace included.',
    [],
    (_, { presenceMembers }) => [one(presenceMembers)],
  ),
  counter(
    'presence_changes_total',
    'Changes of presence that were stored, by op (enter, leave) and reason.',
    ['op', 'reason'],
    ({ presenceChanges }) => pairs(presenceChanges, 'op', 'reason'),
  ),
  counter(
    'presence_coalesced_total',
    'Changes of presence that came too soon, and were made later with the newest data.',
    [],
    ({ presenceCoalesced }) => [one(presenceCoalesced)],
  ),
  counter(
    'presence_reaped_total',
    'Connections that this node removed from presence because their node was lost.',
    [],
    ({ presenceReaped }) => [one(presenceReaped)],
  ),

  gauge('resting_topics', 'Silent topics that only patterns bring: a position each.', [], (_, { restingTopics }) => [
    one(restingTopics),
  ]),
  gauge('routed_topics', 'Topics that somebody listens or lately listened to.', [], (_, { routedTopics }) => [
    one(routedTopics),
  ]),
  gauge(
    'tail_bytes',
    'Memory of the tails from which subscribers are served, without what they share with the logs of the in-memory broker.',
    [],
    (_, { tailBytes }) => [one(tailBytes)],
  ),
  gauge(
    'log_topics',
    'Topics of the in-memory broker, inboxes of direct messages included.',
    [],
    (_, { logTopics }) => [one(logTopics)],
  ),
  gauge('log_inboxes', 'Inboxes of direct messages of the in-memory broker.', [], (_, { logInboxes }) => [
    one(logInboxes),
  ]),
  counter(
    'log_topics_evicted_total',
    'Topics that nobody used and that this node let go to make room, because their user, their tenant or all had too many.',
    [],
    (_, { logTopicsEvicted }) => [one(logTopicsEvicted)],
  ),
  gauge('log_bytes', 'Memory of the logs of the in-memory broker.', [], (_, { logBytes }) => [one(logBytes)]),
  gauge('idempotency_keys', 'Idempotency keys remembered.', [], (_, { idempotencyKeys }) => [one(idempotencyKeys)]),
  gauge('sessions', 'Sessions remembered in memory.', [], (_, { sessions }) => [one(sessions)]),

  ...REDIS_METRICS,
  ...DATABASE_METRICS,
  ...QUEUE_METRICS,

  counter('actor_restarts_total', 'Failures after which an actor went on.', [], ({ actorFailures }) => [
    one(actorFailures),
  ]),
  counter(
    'actors_stopped_total',
    'Actors stopped because they failed too often. Each is a critical alert.',
    [],
    ({ actorsStopped }) => [one(actorsStopped)],
  ),
  counter('dead_letters_total', 'Messages put aside because handling them failed.', [], (_, { deadLetters }) => [
    one(deadLetters),
  ]),
  gauge(
    'event_loop_lag_seconds',
    'How late the last heartbeat of the node was.',
    [],
    (_, { eventLoopLagSeconds }) => [one(eventLoopLagSeconds)],
    'max',
  ),
  counter(
    'log_lines_lost_total',
    'Lines of the log that standard output did not take: a full disk, or a reader that hangs.',
    [],
    (_, { logLinesLost }) => [one(logLinesLost)],
  ),
  counter(
    'app_failures_total',
    'Handlers of applications that threw or answered with something that is no answer; each is a dead letter too.',
    ['app', 'part'],
    ({ appFailures }) => pairs(appFailures, 'app', 'part'),
  ),
  counter(
    'app_deadlines_total',
    'Handlers of applications that were cut because they had not answered in time.',
    ['app', 'part'],
    ({ appDeadlines }) => pairs(appDeadlines, 'app', 'part'),
  ),
  counter(
    'app_blocking_total',
    'Handlers of applications that kept the event loop for apps.blocking_ms or longer; the log names them.',
    ['app', 'part'],
    ({ appBlocking }) => pairs(appBlocking, 'app', 'part'),
  ),
  counter(
    'app_hooks_dropped_total',
    'Events that were not told to an application because too many waited for its hooks.',
    ['app'],
    ({ appHooksDropped }) => tally(appHooksDropped, 'app'),
  ),
  gauge(
    'mode',
    'The mode of the node: 1 for the current one.',
    ['mode'],
    (_, { mode }) => MODES.map((name) => one(name === mode ? 1 : 0, { mode: name })),
    'max',
  ),
  gauge(
    'build_info',
    'Always 1; the labels say what runs.',
    ['version', 'node', 'uws'],
    (_, { build }) => [one(1, build)],
    'first',
  ),
];

const MODES = ['starting', 'running', 'read_only', 'draining', 'stopped'];

function tally(counts: Tally, label: string): Sample[] {
  return [...counts.counts].map(([key, value]) => one(value, { [label]: key }));
}

/** Keys of the form `left right`. */
function pairs(counts: Tally, left: string, right: string): Sample[] {
  return [...counts.counts].map(([key, value]) => {
    const [first = '', second = ''] = key.split(' ');
    return one(value, { [left]: first, [right]: second });
  });
}

function frames(counts: FrameTally, formats: readonly string[]): Sample[] {
  return formats.flatMap((format, at) =>
    [...counts.of(at).counts].map(([type, value]) => one(value, { type, format })),
  );
}

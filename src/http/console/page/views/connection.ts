/** One connection: what it is, what waits for it, where it stands in its topics, what it did wrong, and how to close it. */
import { changeForm } from '../change-form.ts';
import type { Desk, View } from '../desk.ts';
import { h } from '../dom.ts';
import { Facts } from '../facts.ts';
import { Rates } from '../rates.ts';
import { Table } from '../table.ts';
import { bytes, count, dateTime, duration, millis } from '../text.ts';
import type { ConnectionAnswer, Entry, RefusedFrame, SubscriptionRow } from './connection-answer.ts';

export function connectionView(desk: Desk): View {
  const id = desk.place.about;
  const facts = new Facts();
  const rates = new Rates();
  const [subscriptions, errors, entries] = [subscriptionTable(desk, rates), errorTable(), entryTable()];
  desk.poll(2_000, async (signal) => {
    const path = `/admin/connections/${encodeURIComponent(id)}`;
    const answer = await desk.api.get<ConnectionAnswer>(path, {}, signal);
    rates.look(performance.now(), countsOf(answer));
    facts.show(factsOf(answer, rates));
    subscriptions.show(answer.subscriptions);
    errors.show(answer.last_errors);
    entries.show(answer.next_entries);
  });
  const close = changeForm(desk, {
    title: 'Close this connection',
    about: 'Without coming back the client stays away (4009); with it, it connects again (4107).',
    method: 'DELETE',
    path: () => `/admin/connections/${encodeURIComponent(id)}`,
    fields: [{ name: 'reconnect', label: 'It may come back', type: 'tick' }],
    done: () => desk.say('The connection is closed.'),
  });
  const back = h('p', {}, h('a', { href: desk.href('connections') }, 'All connections'));
  const tables = [subscriptions, errors, entries].map(({ element }) => element);
  return { title: `Connection ${id}`, element: h('div', {}, back, facts.element, ...tables, close.element) };
}

/** Counters that grow; what they grow by in a second is their rate. */
function countsOf({ health, subscriptions }: ConnectionAnswer): Readonly<Record<string, number>> {
  const written = subscriptions.map(({ topic, counts }) => [`topic ${topic}`, counts.live + counts.replayed] as const);
  return {
    frames: health.messages_processed,
    messages: written.reduce((sum, [, sent]) => sum + sent, 0),
    ...Object.fromEntries(written),
  };
}

function factsOf(answer: ConnectionAnswer, rates: Rates): readonly (readonly [string, string])[] {
  const { lanes, health, token } = answer;
  return [
    ['User', `${answer.tenant === '' ? '' : `${answer.tenant}/`}${answer.user} (${answer.roles.join(', ')})`],
    ['Address', answer.address],
    ['Over', `${answer.transport}, ${answer.format}${answer.batching ? ', batches' : ''}`],
    [
      'State',
      `${answer.state}, open for ${duration(answer.connected_secs)}, silent for ${duration(answer.silent_secs)}`,
    ],
    ['Token', token.expires_at === null ? 'without end' : `until ${dateTime(token.expires_at)}`],
    [
      'Mailbox',
      `${count(lanes.data.messages)} messages, ${bytes(lanes.data.bytes)}, the oldest for ${millis(answer.oldest_age_ms)}`,
    ],
    ['Replies that wait', `${count(lanes.control.messages)}, ${bytes(lanes.control.bytes)}`],
    ['Socket', `${bytes(lanes.socket.buffered_bytes)} not taken yet${lanes.socket.blocked ? ', no room' : ''}`],
    ['Lag', `${count(answer.lag)} messages to be read from the log`],
    ['Written', `${rates.text('messages')} messages per second`],
    [
      'Received',
      `${rates.text('frames')} frames per second, ${count(health.messages_processed)} in all, ${millis(health.processing_time_ms)} each`,
    ],
    ['Inbox', `${count(health.mailbox_size)} frames`],
    [
      'Failures',
      health.last_error === null
        ? `${health.restart_count} restarts`
        : `${health.last_error}; ${health.restart_count} restarts`,
    ],
    ['Patterns', answer.patterns.join(', ') || 'none'],
    ['Present in', answer.presence.join(', ') || 'no topic'],
  ];
}

function subscriptionTable(desk: Desk, rates: Rates): Table<SubscriptionRow> {
  return new Table<SubscriptionRow>({
    caption: 'Subscriptions',
    keyOf: ({ topic }) => topic,
    none: 'It listens to no topic.',
    columns: [
      { title: 'Topic', text: ({ topic }) => topic, href: ({ topic }) => desk.href('topics', topic) },
      { title: 'State', text: ({ state }) => state, mark: ({ state }) => (state === 'lagging' ? 'warn' : '') },
      { title: 'Position', text: ({ position }) => `${position.epoch}:${position.sequence}` },
      { title: 'Head', text: ({ head }) => count(head), isNumber: true },
      { title: 'Behind', text: ({ behind }) => count(behind), isNumber: true },
      { title: 'Queued', text: ({ queued }) => count(queued), isNumber: true },
      { title: 'Per second', text: ({ topic }) => rates.text(`topic ${topic}`), isNumber: true },
      { title: 'Live', text: ({ counts }) => count(counts.live), isNumber: true },
      { title: 'Replayed', text: ({ counts }) => count(counts.replayed), isNumber: true },
      { title: 'Displaced', text: ({ counts }) => count(counts.displaced), isNumber: true },
      {
        title: 'Lost',
        text: ({ counts }) => count(counts.lost),
        isNumber: true,
        mark: ({ counts }) => (counts.lost > 0 ? 'bad' : ''),
      },
      { title: 'Open gap', text: ({ open_gap: gap }) => (gap === null ? '' : JSON.stringify(gap)) },
    ],
  });
}

function errorTable(): Table<RefusedFrame> {
  return new Table<RefusedFrame>({
    caption: 'Last refused frames',
    keyOf: ({ at, reason }) => `${at} ${reason}`,
    none: 'Nothing was refused lately.',
    columns: [
      { title: 'At', text: ({ at }) => dateTime(at) },
      { title: 'Reason', text: ({ reason }) => reason, mark: () => 'bad' },
      { title: 'Frame', text: ({ frame }) => frame ?? 'no frame' },
    ],
  });
}

function entryTable(): Table<Entry> {
  return new Table<Entry>({
    caption: 'Next in its mailbox',
    keyOf: ({ topic, sequence }) => `${topic} ${sequence}`,
    none: 'Nothing waits.',
    columns: [
      { title: 'Topic', text: ({ topic }) => topic },
      { title: 'Sequence', text: ({ sequence }) => String(sequence), isNumber: true },
      { title: 'Bytes', text: (entry) => bytes(entry.bytes), isNumber: true },
      { title: 'Age', text: ({ age_ms: age }) => millis(age), isNumber: true },
    ],
  });
}

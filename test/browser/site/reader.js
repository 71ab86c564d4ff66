// Reads a topic by the library and keeps what it brought; the same in a page and in a worker.
import { createClient } from 'signalbox/client';
import { msgpack } from 'signalbox/client/msgpack';
import { indexedDbOf, localStorageOf } from 'signalbox/client/persist';
import { overHttp } from 'signalbox/client/sse';

const storages = { indexedDB: indexedDbOf, localStorage: localStorageOf };

/** @param changed called whenever the record has */
export function read(search, changed) {
  const query = new URLSearchParams(search);
  const record = { payloads: [], sequences: [], kinds: [], states: [], errors: [], violations: [], asked: [] };
  const note = (list, value) => {
    list.push(value);
    changed();
  };
  const client = createClient({
    url: `ws://127.0.0.1:${query.get('port')}/ws`,
    token: async ({ reason, signal }) => {
      note(record.asked, reason);
      const answer = await fetch(`/token?reason=${reason}`, { signal });
      return answer.text();
    },
    backoff: { minMs: 20, maxMs: 200 },
    ...(query.get('codec') === 'msgpack' && { codec: msgpack }),
    ...(query.has('storage') && { storage: storages[query.get('storage')]('alice') }),
    ...(query.has('fallback') && { fallback: overHttp() }),
  });
  client.on('state', ({ status }) => note(record.states, status));
  client.on('error', (error) => note(record.errors, String(error)));
  client.on('violation', (topic) => note(record.violations, topic));
  client.topic(query.get('topic')).on({
    message: ({ payload, sequence }) => {
      record.kinds.push('message');
      record.sequences.push(sequence);
      note(record.payloads, payload);
    },
    gap: ({ cause }) => note(record.kinds, `gap ${cause}`),
    live: () => note(record.kinds, 'live'),
    error: (error) => note(record.errors, String(error)),
  });
  return { client, record };
}

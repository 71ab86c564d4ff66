// The browser's own EventSource, with nothing else than docs/http-streams.md says.
import { changed } from './watch.js';

const record = { payloads: [], sequences: [], kinds: [], violations: [], opened: 0, codes: [], state: 0 };
globalThis.record = record;

const query = new URLSearchParams(location.search);
const token = await (await fetch('/token?reason=connect')).text();
const address = `http://127.0.0.1:${query.get('port')}/sse?topics=${query.get('topic')}&token=${token}`;

const stream = new EventSource(address);
const listen = (event, take) =>
  stream.addEventListener(event, ({ data }) => {
    if (data !== undefined) take(JSON.parse(data).data);
    changed();
  });
listen('message', ({ sequence, payload }) => {
  // A browser that is cut off within a group of events hears some of them again.
  if (sequence <= (record.sequences.at(-1) ?? 0)) return;
  record.sequences.push(sequence);
  record.payloads.push(payload);
});
listen('gap', ({ cause }) => record.kinds.push(`gap ${cause}`));
listen('status', ({ status }) => record.kinds.push(status));
listen('error', ({ code }) => record.codes.push(code));
stream.addEventListener('open', () => {
  record.opened += 1;
  changed();
});
// Also without data, when the stream has ended or was refused.
stream.addEventListener('error', () => {
  record.state = stream.readyState;
  changed();
});

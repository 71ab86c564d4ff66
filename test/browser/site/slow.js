// Takes its time with every message, and keeps none of them.
import { createClient } from 'signalbox/client';
import { changed } from './watch.js';

const query = new URLSearchParams(location.search);
const record = { isLive: false, count: 0, wrong: 0, gaps: 0, violations: 0, left: 0 };
const client = createClient({
  url: `ws://127.0.0.1:${query.get('port')}/ws`,
  token: async ({ reason }) => (await fetch(`/token?reason=${reason}`)).text(),
});
const topic = client.topic(query.get('topic'));

globalThis.record = record;
globalThis.pauseMs = 5;
client.on('violation', () => {
  record.violations += 1;
});
topic.onState(() => {
  if (topic.state === 'paused') record.left += 1;
});
topic.on({
  message: async ({ sequence, payload }) => {
    if (globalThis.pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, globalThis.pauseMs));
    record.count += 1;
    if (sequence !== record.count || payload.at !== record.count) record.wrong += 1;
    changed();
  },
  gap: () => {
    record.gaps += 1;
  },
  live: () => {
    record.isLive = true;
    changed();
  },
});

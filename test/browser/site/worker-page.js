import { changed } from './watch.js';

const worker = new Worker(`/worker.js${location.search}`, { type: 'module' });
worker.addEventListener('message', ({ data }) => {
  globalThis.record = data;
  changed();
});
globalThis.record = { payloads: [], sequences: [], kinds: [], states: [], errors: [], violations: [], asked: [] };

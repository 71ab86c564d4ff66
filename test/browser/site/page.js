import { read } from './reader.js';
import { changed } from './watch.js';

const { client, record } = read(location.search, changed);
globalThis.client = client;
globalThis.record = record;

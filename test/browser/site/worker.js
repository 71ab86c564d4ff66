import { read } from './reader.js';

const { record } = read(location.search, () => queueMicrotask(() => postMessage(record)));

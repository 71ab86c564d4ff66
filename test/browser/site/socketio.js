// The official client of Socket.IO as it is shipped, with nothing else than docs/socketio.md says.
import { io } from 'socket.io-client';
import { changed } from './watch.js';

const record = { payloads: [], sequences: [], kinds: [], violations: [], recovered: [], transport: '', errors: [] };
globalThis.record = record;

const query = new URLSearchParams(location.search);
const token = await (await fetch('/token?reason=connect')).text();
const socket = io(`http://127.0.0.1:${query.get('port')}`, { auth: { token }, reconnectionDelay: 100 });
const listen = (event, take) =>
  socket.on(event, (...args) => {
    take(...args);
    changed();
  });
listen('message', ({ sequence, payload }) => {
  record.sequences.push(sequence);
  record.payloads.push(payload);
});
listen('gap', ({ cause }) => record.kinds.push(`gap ${cause}`));
listen('subscribed', () => record.kinds.push('live'));
listen('connect_error', ({ message }) => record.errors.push(message));
listen('connect', () => {
  record.recovered.push(socket.recovered);
  if (!socket.recovered) void socket.emitWithAck('subscribe', query.get('topic'));
});
socket.io.on('open', () => {
  socket.io.engine.on('upgrade', ({ name }) => {
    record.transport = name;
    changed();
  });
});

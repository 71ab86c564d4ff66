// A Socket.IO client as its documentation has it: reconnects by itself, joins its room anew where nothing was recovered.
import { io } from 'socket.io-client';

// A manager of its own for each: sockets of one process would share a connection.
const open = (url) => io(url, { transports: ['websocket'], forceNew: true });

export function openReader(url, room, events) {
  const socket = open(url);
  socket.on('node', (name) => events.at(name));
  socket.on('m', (payload) => events.message(payload));
  socket.on('connect', () => {
    if (socket.recovered) return;
    socket.emit('subscribe', room, () => events.live());
  });
  socket.on('disconnect', () => events.broken());
  return () => socket.disconnect();
}

export function openPublisher(url) {
  const socket = open(url);
  return {
    publish: (room, payload) => new Promise((resolve) => socket.emit('publish', room, payload, resolve)),
    close: () => socket.disconnect(),
  };
}

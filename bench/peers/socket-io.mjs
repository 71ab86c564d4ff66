// Socket.IO with rooms, WebSocket only.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });

io.on('connection', (socket) => {
  socket.on('subscribe', async (topic, done) => {
    await socket.join(topic);
    done();
  });
  socket.on('publish', (topic, payload) => io.to(topic).emit('m', payload));
  socket.on('say', (topic, payload, done) => {
    io.to(topic).emit('m', payload);
    done();
  });
  socket.on('echo', (payload, done) => done(payload));
});
http.listen(0, '127.0.0.1', () => process.stdout.write(`port ${http.address().port}\n`));

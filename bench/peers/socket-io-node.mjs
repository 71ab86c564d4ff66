// One of several Socket.IO nodes on Redis: rooms, WebSocket only, connection state recovery. Argument: the URL of Redis.
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';

const [url, name] = process.argv.slice(2);
const redis = new Redis(url);
// What proxies and the benchmark ask.
const http = createServer((request, response) => response.writeHead(request.url === '/health/ready' ? 200 : 404).end());
const io = new Server(http, {
  transports: ['websocket'],
  perMessageDeflate: false,
  serveClient: false,
  adapter: createAdapter(redis),
  connectionStateRecovery: {},
});

io.on('connection', (socket) => {
  socket.emit('node', name);
  socket.on('subscribe', async (topic, done) => {
    await socket.join(topic);
    done();
  });
  socket.on('publish', (topic, payload, done) => {
    io.to(topic).emit('m', payload);
    done();
  });
});
http.listen(0, '127.0.0.1', () => process.stdout.write(`port ${http.address().port}\n`));

async function leave() {
  await io.close();
  // The states of the connections are being stored.
  await redis.quit();
  process.exit(0);
}

process.once('SIGTERM', () => void leave());

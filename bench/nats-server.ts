/** nats-server as a peer: core NATS, and with a JetStream that stores everything in memory or in a file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, start, type ServerProcess } from './processes.ts';

/** What Signalbox keeps of a topic unless it is told otherwise, and how long. */
const STREAM = {
  name: 'BENCH',
  subjects: ['bench.>'],
  retention: 'limits',
  discard: 'old',
  num_replicas: 1,
  max_msgs_per_subject: 1_000,
  max_age: 3_600_000_000_000,
};

export function startNats(): Promise<ServerProcess> {
  return begin(() => '').then(({ server }) => server);
}

/** @param storage `file` is written to at once, but flushed to the disk every two minutes only: the default */
export async function startJetStream(storage: 'memory' | 'file'): Promise<ServerProcess> {
  const { server, port } = await begin(
    (directory) =>
      `jetstream { store_dir: "${directory}", max_memory_store: 1073741824, max_file_store: 4294967296 }\n`,
  );
  try {
    await createStream(port, storage);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

async function begin(more: (directory: string) => string): Promise<{ server: ServerProcess; port: number }> {
  const [port, webSocket] = [await freePort(), await freePort()];
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-bench-'));
  const path = join(directory, 'nats.conf');
  writeFileSync(
    path,
    `port: ${port}\nhost: 127.0.0.1\nwrite_deadline: "60s"\nmax_pending: 268435456
websocket { host: 127.0.0.1, port: ${webSocket}, no_tls: true, compression: false }\n${more(directory)}`,
  );
  const argv = ['nats-server', '-c', path, '-l', '/dev/null'];
  const server = await start({ argv, env: { GOMAXPROCS: '1' }, port: webSocket });
  const stop = (): Promise<void> => server.stop().then(() => rmSync(directory, { recursive: true, force: true }));
  return { server: { ...server, stop }, port };
}

/** @throws with the server's answer when it says no */
function createStream(port: number, storage: string): Promise<void> {
  const order = JSON.stringify({ ...STREAM, storage });
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(
        `CONNECT {"verbose":false}\r\nSUB made 1\r\nPUB $JS.API.STREAM.CREATE.${STREAM.name} made ${order.length}\r\n${order}\r\n`,
      ),
    );
    socket.once('error', reject);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (!/MSG made[^\n]*\n[^\n]*\n/.test(text)) return;
      socket.destroy();
      if (text.includes('"error"')) reject(new Error(`expected a JetStream, got ${text}`));
      else resolve();
    });
  });
}

/** Memory of idle subscribed connections: each with a user and token of its own, spread over topics. */
import { LeanSocket } from '../src/load/lean-socket.ts';
import { cpuSeconds, residentBytes, startServer } from './server-process.ts';
import { benchToken } from './tokens.ts';

export interface IdleOptions {
  readonly connections: number;
  readonly topics: number;
}

export interface IdleResult {
  readonly connections: number;
  readonly bytesPerConnection: number;
  readonly connectsPerSecond: number;
  readonly cpuMicrosecondsPerConnect: number;
}

/** Handshakes under way at once. */
const PARALLEL = 50;
const SETTLE_MS = 3_000;

export async function idle(options: IdleOptions): Promise<IdleResult> {
  const server = await startServer();
  const tokens = await Promise.all(
    Array.from({ length: options.connections }, (_, index) => benchToken(`user-${index}`)),
  );
  const sockets: LeanSocket[] = [];
  try {
    // A few connections first, so that what the process allocates only once is not counted.
    for (let index = 0; index < 100; index += 1)
      sockets.push(await subscribe(server.port, await benchToken(`warm-${index}`), `warm.${index}`));
    await wait(SETTLE_MS);
    const before = { bytes: residentBytes(server.pid), cpu: cpuSeconds(server.pid), at: performance.now() };
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < options.connections; index = next++) {
        sockets.push(await subscribe(server.port, tokens[index] as string, `idle.${index % options.topics}`));
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    const seconds = (performance.now() - before.at) / 1_000;
    const cpu = cpuSeconds(server.pid) - before.cpu;
    await wait(SETTLE_MS);
    return {
      connections: options.connections,
      bytesPerConnection: (residentBytes(server.pid) - before.bytes) / options.connections,
      connectsPerSecond: options.connections / seconds,
      cpuMicrosecondsPerConnect: (cpu / options.connections) * 1e6,
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    await server.stop();
  }
}

/** Resolves when the subscription is acknowledged. */
function subscribe(port: number, token: string, topic: string): Promise<LeanSocket> {
  return new Promise((resolve, reject) => {
    const opening = LeanSocket.open({
      host: '127.0.0.1',
      port,
      path: `/ws?token=${token}`,
      onMessage: (bytes, start, end) => {
        if (bytes.toString('latin1', start, end).includes('"subscribed"')) opening.then(resolve, reject);
      },
    });
    opening.then((socket) => socket.send(`{"type":"Subscribe","id":"s","data":{"topics":["${topic}"]}}`), reject);
  });
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/**
 * One topic, many subscribers, so many publishes in flight: deliveries per second of server CPU. A publish counts as in
 * flight until as many deliveries as it causes have arrived. Sequences are checked at the offset at which the message id
 * stands in every publication frame.
 */
import { LeanSocket } from '../src/load/lean-socket.ts';
import { cpuSeconds, startServer } from './server-process.ts';
import { benchToken } from './tokens.ts';

export interface FanOutOptions {
  readonly subscribers: number;
  readonly payloadBytes: number;
  readonly inFlight: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

export interface FanOutResult {
  readonly deliveries: number;
  readonly perServerCpuSecond: number;
  readonly perSecond: number;
  readonly serverCpuShare: number;
  readonly clientCpuShare: number;
  readonly outOfOrder: number;
  readonly missing: number;
  readonly bytesPerDelivery: number;
}

const TOPIC = 'bench.topic';
const BROADCAST = Buffer.from('{"type":"Broadcast"');
/** `{"type":"Broadcast","id":"<13 digits>-`: where the sequence begins. */
const SEQUENCE_AT = 40;

export async function fanOut(options: FanOutOptions): Promise<FanOutResult> {
  const server = await startServer();
  try {
    return await drive(options, server.pid, server.port);
  } finally {
    await server.stop();
  }
}

async function drive(options: FanOutOptions, pid: number, port: number): Promise<FanOutResult> {
  const state = { received: 0, bytes: 0, outOfOrder: 0, sent: 0, running: true };
  const token = await benchToken('bench');
  const path = `/ws?token=${token}`;
  const last: number[] = Array.from({ length: options.subscribers }, () => 0);
  const sockets: LeanSocket[] = [];
  for (let index = 0; index < options.subscribers; index += 1) sockets.push(await subscriber(index));
  const publisher = await LeanSocket.open({ host: '127.0.0.1', port, path, onMessage: () => {} });
  const payload = JSON.stringify('x'.repeat(options.payloadBytes - 2));
  const frame = `{"type":"Broadcast","id":"p","data":{"topic":"${TOPIC}","payload":${payload}}}`;

  function publish(): void {
    while (state.running && state.sent - state.received / options.subscribers < options.inFlight) {
      state.sent += 1;
      publisher.send(frame);
    }
  }

  function subscriber(index: number): Promise<LeanSocket> {
    return new Promise((resolve, reject) => {
      const opening = LeanSocket.open({
        host: '127.0.0.1',
        port,
        path,
        onMessage: (bytes, start, end) => {
          if (bytes.compare(BROADCAST, 0, BROADCAST.length, start, start + BROADCAST.length) !== 0) {
            if (bytes.toString('latin1', start, end).includes('"subscribed"')) opening.then(resolve, reject);
            return;
          }
          state.received += 1;
          state.bytes += end - start;
          const sequence = readNumber(bytes, start + SEQUENCE_AT);
          if (sequence !== (last[index] ?? 0) + 1) state.outOfOrder += 1;
          last[index] = sequence;
          if (state.received % options.subscribers === 0) publish();
        },
      });
      opening.then((socket) => socket.send(`{"type":"Subscribe","id":"s","data":{"topics":["${TOPIC}"]}}`), reject);
    });
  }

  publish();
  await pause(options.warmUpSeconds);
  const before = { ...state, cpu: cpuSeconds(pid), own: process.cpuUsage(), at: performance.now() };
  await pause(options.seconds);
  const elapsed = (performance.now() - before.at) / 1_000;
  const cpu = cpuSeconds(pid) - before.cpu;
  const own = process.cpuUsage(before.own);
  const deliveries = state.received - before.received;
  const bytes = state.bytes - before.bytes;
  state.running = false;
  await settle();
  for (const socket of sockets) socket.destroy();
  publisher.destroy();
  return {
    deliveries,
    perServerCpuSecond: deliveries / cpu,
    perSecond: deliveries / elapsed,
    serverCpuShare: cpu / elapsed,
    clientCpuShare: (own.user + own.system) / 1e6 / elapsed,
    outOfOrder: state.outOfOrder,
    missing: state.sent * options.subscribers - state.received,
    bytesPerDelivery: bytes / deliveries,
  };

  /** Waits until everything sent has arrived, or nothing more comes. */
  async function settle(): Promise<void> {
    for (let seen = -1; seen !== state.received && state.received < state.sent * options.subscribers;) {
      seen = state.received;
      await pause(0.5);
    }
  }
}

function readNumber(bytes: Buffer, at: number): number {
  let value = 0;
  for (let index = at; ; index += 1) {
    const digit = (bytes[index] as number) - 48;
    if (digit < 0 || digit > 9) return value;
    value = value * 10 + digit;
  }
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1_000);
  });
}

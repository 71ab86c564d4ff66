/** One user at the edge of the limits, in a thread of its own, beside a victim who publishes: what the victim notices is measured. */
import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';
import type { Campaign } from './campaign.ts';
import { connect, type Connection } from './client.ts';
import { within } from './deadline.ts';
import { endings } from './end-of-file.ts';
import type { Neighbour } from './neighbour.ts';
import { handshakeText, OPCODE, rawFrame } from './raw-socket.ts';

/** At most so many times what it was before, */
const SLOWER = 3;
/** and below so many milliseconds nothing is compared. */
const FLOOR_MS = 25;
const SAMPLES = 50;
const PAUSE_MS = 2;
/** Others use the processors too: it holds if it held once. */
const TRIES = 4;
/** For a test of one attack. */
export const PATIENCE_MS = 60_000;

export interface Attack {
  readonly name: string;
  readonly messages: () => readonly Buffer[] | Promise<readonly Buffer[]>;
  readonly connections?: number;
  /** 1 is as fast as a timer goes, which is far above what a user may. */
  readonly everyMs?: number;
  readonly overHttp?: boolean;
}

const workers = new Set<Worker>();
endings.add(() => {
  for (const worker of workers) void worker.terminate();
  workers.clear();
});

export function names<T = string>(count: number, name: (at: number) => T): T[] {
  return Array.from({ length: count }, (_, at) => name(at));
}

export function framed(type: string, data: object): Buffer {
  return rawFrame({ opcode: OPCODE.text, payload: JSON.stringify({ type, id: 'x', data }) });
}

/** Begins an attack. @returns what ends it */
export async function begin(
  { port }: Campaign,
  { messages, connections = 4, everyMs = 20, overHttp = false }: Omit<Attack, 'name'>,
  user = 'mallory',
): Promise<() => Promise<unknown>> {
  const heads: string[] = [];
  for (const each of names(connections, () => user))
    heads.push(overHttp ? 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n' : await handshakeText(each));
  const workerData: Neighbour = { port, heads, messages: await messages(), everyMs };
  const worker = new Worker(new URL('neighbour.ts', import.meta.url), { workerData });
  workers.add(worker);
  await within(new Promise((resolve) => worker.once('message', resolve)), 'the attack to begin');
  return () => {
    workers.delete(worker);
    return worker.terminate();
  };
}

/** The victim's acknowledgements come as they did before, and the node answers. */
export async function expectLittleNoticed(campaign: Campaign, attack: Attack): Promise<void> {
  const victim = await connect(campaign.port, { user: 'victim' });
  let [quiet, during] = [0, Infinity];
  for (let at = 0; at < TRIES && during > Math.max(FLOOR_MS, SLOWER * quiet); at += 1) {
    quiet = worst(await publish(victim, SAMPLES / 2));
    const stop = await begin(campaign, attack);
    during = worst(await publish(victim, SAMPLES));
    expect((await campaign.get('/health')).status).toBe(200);
    await stop();
  }
  await victim.close();
  expect(during, `99 % within ${during} ms, before within ${quiet} ms`).toBeLessThanOrEqual(
    Math.max(FLOOR_MS, SLOWER * quiet),
  );
}

/** Publishes, each time when the last message is acknowledged. @returns how long each took, in ms */
async function publish(victim: Connection, count: number): Promise<number[]> {
  const latencies: number[] = [];
  while (latencies.length < count) {
    const started = performance.now();
    const { type } = await victim.publish('victim.a', 'steady');
    expect(type).toBe('Ack');
    latencies.push(performance.now() - started);
    await new Promise((resolve) => {
      setTimeout(resolve, PAUSE_MS);
    });
  }
  return latencies;
}

function worst(latencies: readonly number[]): number {
  return latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length * 0.99) - 1] ?? Number.NaN;
}

/** One user at the edge of the limits, in a thread of its own, beside a victim who publishes: what the victim notices is measured. */
import { Worker } from 'node:worker_threads';
import { expect } from 'vitest';
import type { Campaign } from './campaign.ts';
import { connect, type Connection } from './client.ts';
import { within } from './deadline.ts';
import { endings } from './end-of-file.ts';
import type { Neighbour } from './neighbour.ts';
import { ownTimer } from './own-time.ts';
import { handshakeText, OPCODE, rawFrame } from './raw-socket.ts';

/** At most so many times what it is in peace, */
const SLOWER = 3;
/** and below so many milliseconds nothing is compared. */
const FLOOR_MS = 25;
const SAMPLES = 50;
const PAUSE_MS = 2;
/** The attackers' own thread uses the processors too: it holds if it held once. */
const TRIES = 8;
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

interface Victim {
  readonly client: Connection;
  /** Process of the node that it publishes to. */
  readonly server: number;
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
async function begin(
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

/**
 * The victim's acknowledgements come about as soon as somebody else's from a node in peace. Time without a processor is
 * taken off, because a busy machine gives less of it to a server that works than to one that does nothing.
 * @param peace that node: it is asked in the same moments
 */
export async function expectLittleNoticed(campaign: Campaign, peace: Campaign, attack: Attack): Promise<void> {
  const victims: Victim[] = [];
  for (const { port, server } of [campaign, peace])
    victims.push({ client: await connect(port, { user: 'victim' }), server: server.child.pid ?? 0 });
  let [during, quiet] = [Infinity, 0];
  for (let at = 0; at < TRIES && during > Math.max(FLOOR_MS, SLOWER * quiet); at += 1) {
    const [before = Infinity] = await publish(victims, SAMPLES / 2);
    const stop = await begin(campaign, attack);
    const [attacked = Infinity, beside = 0] = await publish(victims, SAMPLES);
    expect((await campaign.get('/health')).status).toBe(200);
    await stop();
    [during, quiet] = [attacked, Math.max(before, beside)];
  }
  for (const { client } of victims) await client.close();
  expect(during, `99 % within ${during} ms, in peace within ${quiet} ms`).toBeLessThanOrEqual(
    Math.max(FLOOR_MS, SLOWER * quiet),
  );
}

/** Each publishes at the same time, again and again when all are acknowledged. @returns within how many ms nearly all of each were */
async function publish(victims: readonly Victim[], count: number): Promise<number[]> {
  const latencies = victims.map((): number[] => []);
  for (let each = 0; each < count; each += 1) {
    await Promise.all(victims.map(async (victim, at) => latencies[at]?.push(await acknowledged(victim))));
    await new Promise((resolve) => {
      setTimeout(resolve, PAUSE_MS);
    });
  }
  return latencies.map(worst);
}

/** @returns ms until a publish is acknowledged, less those in which the server or this process wanted a processor and had none */
async function acknowledged({ client, server }: Victim): Promise<number> {
  const elapsed = ownTimer(server);
  const { type } = await client.publish('victim.a', 'steady');
  expect(type).toBe('Ack');
  return elapsed();
}

function worst(latencies: readonly number[]): number {
  return latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length * 0.99) - 1] ?? Number.NaN;
}

/**
 * A real server process under attack, and what must hold beside and after every attack: a well-behaved pair of clients
 * keeps its latency and loses nothing, memory comes back, the log stays readable and secret, the metrics stay few.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { connect, type Connection } from './client.ts';
import { eventually, within } from './deadline.ts';
import type { Frame } from './frames.ts';
import { ownTimer } from './own-time.ts';
import { startProcess, startScript, type Environment, type ServerProcess } from './process.ts';
import { SECRET } from './tokens.ts';

/** Memory that stays resident although nothing holds it: heap that was grown and not given back yet. */
const MEMORY_ALLOWANCE = 64 * 1_048_576;
/** Against the witness's own median before the attack, so that a slow machine is no failure. */
const SLOWER = 10;
/** Milliseconds within which no comparison is made. */
const FLOOR_MS = 100;
const WORST_MS = 500;
const SAMPLES_BEFORE = 20;
const MIN_SAMPLES = 20;
/** Between two publications of the witness: it stays below its own rate limit. */
const PAUSE_MS = 15;
const MAX_LINE = 8_192;
const MAX_NEW_SERIES = 50;

const FAULTY_NODE = fileURLToPath(new URL('faulty-node.ts', import.meta.url));
const FAULTY: Readonly<Record<string, string>> = {
  'server.host': '127.0.0.1',
  'server.port': '0',
  'server.node_name': 'test-node',
  'auth.jwt_secret': SECRET,
  'logging.level': 'trace',
  'shutdown.grace_secs': '2',
};

const DEFAULTS: Environment = { LOG_LEVEL: 'trace' };

export class Campaign {
  /** Texts that must not be in the log: tokens. */
  readonly secrets: string[] = [];
  private process: ServerProcess | null = null;
  private seriesBefore = 0;

  async start(settings: Readonly<Record<string, string>> = {}, environment: Environment = {}): Promise<void> {
    const all = { 'websocket.accepts_per_second': '100000', 'auth.failures_per_minute': '100000', ...settings };
    const args = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    this.process = await startProcess(args, { ...DEFAULTS, ...environment });
    this.seriesBefore = (await this.series()).length;
  }

  /** Of a node that can be told to fail: test/harness/faulty-node.ts. */
  async startFaulty(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const all = { ...FAULTY, ...settings };
    this.process = await startScript(FAULTY_NODE, [JSON.stringify(all)]);
    this.seriesBefore = (await this.series()).length;
  }

  get server(): ServerProcess {
    if (this.process === null) throw new Error('the campaign has not started');
    return this.process;
  }

  get port(): number {
    return this.server.port;
  }

  get(path: string): Promise<Response> {
    return within(fetch(`http://127.0.0.1:${this.port}${path}`), `GET ${path}`);
  }

  post(path: string): Promise<Response> {
    return within(fetch(`http://127.0.0.1:${this.port}${path}`, { method: 'POST' }), `POST ${path}`);
  }

  /** Bytes of the server process in memory. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.server.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024;
  }

  async metric(name: string): Promise<number> {
    const response = await this.get('/metrics.json');
    const { metrics } = (await response.json()) as { metrics: Record<string, unknown> };
    const value = metrics[`signalbox_${name}`];
    if (typeof value !== 'number') throw new Error(`expected ${name} to be a number, got ${JSON.stringify(value)}`);
    return value;
  }

  /** Runs an attack beside a witness, and then looks at what it left. */
  async besideWitness(attack: () => Promise<void>, { isTimed = true } = {}): Promise<void> {
    const witness = await Bystanders.join(this.port, this.server.child.pid ?? 0);
    const before = await witness.publish(SAMPLES_BEFORE);
    const memory = this.residentBytes();
    const going = witness.goOn();
    try {
      await attack();
    } finally {
      going.stop();
    }
    const during = await going.latencies;
    witness.expectNothingLost();
    if (isTimed) expectBounded(before, during);
    const allowed = memory + MEMORY_ALLOWANCE;
    await eventually(() => this.residentBytes() <= allowed, `resident memory to come back below ${allowed}`);
    await witness.leave();
  }

  /**
   * After all attacks of a file. Ends the server.
   * @param deadLetters frames that were to fail
   * @param stopped actors that were to be given up
   */
  async expectUnharmed(deadLetters = 0, stopped = 0): Promise<void> {
    await eventually(async () => (await this.connections()) === 0, 'all connections to be gone');
    const counts = {
      delivery_unaccounted: 0,
      native_dropped_total: 0,
      log_lines_lost_total: 0,
      actors_stopped_total: stopped,
      dead_letters_total: deadLetters,
    };
    for (const [name, count] of Object.entries(counts)) expect([name, await this.metric(name)]).toEqual([name, count]);
    const series = await this.series();
    expect(series.length - this.seriesBefore).toBeLessThan(MAX_NEW_SERIES);
    for (const name of series) expect(name).toMatch(/^\w+(\{(\w+="[A-Za-z0-9_.+:/-]*",?)+\})?$/);
    expect((await this.get('/health')).status).toBe(200);
    expect(await this.server.end()).toBe(0);
    this.expectReadableLog();
    expect(this.server.errors).toBe('');
  }

  async connections(): Promise<number> {
    return ((await (await this.get('/health')).json()) as { active_connections: number }).active_connections;
  }

  /** Every line of the log so far is JSON, short, harmless to a terminal, and without a token. */
  expectReadableLog(): void {
    const lines = this.server.output.split('\n').filter((line) => line !== '');
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) {
      expect(() => JSON.parse(line) as unknown, line.slice(0, 500)).not.toThrow();
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MAX_LINE);
      expect(line).not.toMatch(/\p{Cc}/u);
    }
    const printed = this.server.output + this.server.errors;
    for (const secret of this.secrets)
      for (const part of secret.split('.').filter(({ length }) => length >= 24))
        expect(printed.includes(part), part.slice(0, 60)).toBe(false);
  }

  /** Names and labels of our own metrics. */
  private async series(): Promise<string[]> {
    const lines = (await (await this.get('/metrics')).text()).split('\n');
    return lines.filter((line) => line.startsWith('signalbox_')).map((line) => line.slice(0, line.lastIndexOf(' ')));
  }
}

/** A publisher and a listener that behave. */
class Bystanders {
  private readonly publisher: Connection;
  private readonly listener: Connection;
  private readonly topic: string;
  /** Process of the node. */
  private readonly server: number;
  private published = 0;

  private constructor(publisher: Connection, listener: Connection, topic: string, server: number) {
    this.server = server;
    this.publisher = publisher;
    this.listener = listener;
    this.topic = topic;
  }

  static async join(port: number, server: number): Promise<Bystanders> {
    const publisher = await connect(port, { user: 'publisher' });
    const listener = await connect(port, { user: 'listener', format: 'msgpack' });
    const topic = `chat.witness-${publisher.connected.connection_id.split('-').at(-1)}`;
    await listener.subscribe(topic);
    return new Bystanders(publisher, listener, topic, server);
  }

  /** Own milliseconds from each publish to its arrival. */
  async publish(count: number): Promise<number[]> {
    const latencies: number[] = [];
    while (latencies.length < count) latencies.push(await this.once());
    return latencies;
  }

  /** Publishes until it is told to stop, and a few times more. */
  goOn(): { stop: () => void; latencies: Promise<number[]> } {
    const state = { isOver: false };
    const run = async (): Promise<number[]> => {
      const latencies: number[] = [];
      while (!state.isOver || latencies.length < MIN_SAMPLES) latencies.push(await this.once());
      return latencies;
    };
    const latencies = run();
    // Looked at after the attack; until then a failure is not an unhandled one.
    latencies.catch(() => {});
    return { stop: () => void (state.isOver = true), latencies };
  }

  expectNothingLost(): void {
    const sequences = this.listener.frames
      .filter(({ type, data }) => type === 'Broadcast' && data.topic === this.topic)
      .map(({ data }) => data.sequence);
    expect(sequences).toEqual(Array.from({ length: this.published }, (_, at) => at + 1));
    const bad = ({ type }: Frame): boolean => type === 'Gap' || type === 'Error';
    expect([...this.listener.frames, ...this.publisher.frames].filter(bad)).toEqual([]);
    expect([this.listener.isClosed, this.publisher.isClosed]).toEqual([false, false]);
  }

  async leave(): Promise<void> {
    await Promise.all([this.publisher.close(), this.listener.close()]);
  }

  private async once(): Promise<number> {
    const elapsed = ownTimer(this.server);
    this.publisher.send('Broadcast', { topic: this.topic, payload: 'steady' });
    this.published += 1;
    await this.listener.next('Broadcast');
    const latency = elapsed();
    await new Promise((resolve) => {
      setTimeout(resolve, PAUSE_MS);
    });
    return latency;
  }
}

function expectBounded(before: readonly number[], during: readonly number[]): void {
  const [usual, now] = [quantile(before, 0.5), quantile(during, 0.5)];
  expect(now, `median ${now} ms, before the attack ${usual} ms`).toBeLessThan(Math.max(FLOOR_MS, SLOWER * usual));
  const [usualWorst, worst] = [quantile(before, 0.95), quantile(during, 0.95)];
  expect(worst, `95 % within ${worst} ms, before ${usualWorst} ms`).toBeLessThan(
    Math.max(WORST_MS, SLOWER * usualWorst),
  );
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}

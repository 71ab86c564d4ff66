/**
 * Random lives of a client on virtual time: cuts, dead sockets, drains, refusals, lost answers, trimmed and lost logs, slow
 * readers, readers that come and go. However it goes, every hole is named and every publish settles once.
 */
import { expect, test } from 'vitest';
import { createClient, type Client } from './client.ts';
import type { Item } from './items.ts';
import { TestServer } from './testing/index.ts';

const SEEDS = Number(process.env['CLIENT_SEEDS'] ?? 12);
const STEPS = 60;
const TOPICS = ['a', 'b', 'c'];

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A reader that holds the contract against what it is given. */
class Checked {
  readonly problems: string[] = [];
  readonly seen = new Map<number, unknown>();
  isSlow = false;
  private next: number | null = null;
  readonly log: unknown[] = [];
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  get last(): number {
    return (this.next ?? 1) - 1;
  }

  take(item: Item): void {
    this.log.push(JSON.stringify(item));
    if (item.kind === 'live') {
      this.next ??= (item.position?.sequence ?? 0) + 1;
      this.expect(item.position?.sequence === this.last, `is live at ${item.position?.sequence}`);
    } else if (item.kind === 'gap' && item.from === undefined) {
      this.next = (item.position?.sequence ?? 0) + 1;
      this.seen.clear();
    } else if (item.kind === 'gap') {
      this.next ??= item.from ?? 1;
      this.expect(item.from === this.next, `is told of a gap from ${item.from}`);
      this.next = (item.to ?? 0) + 1;
    } else {
      this.next ??= item.sequence;
      this.expect(item.sequence === this.next, `gets ${item.sequence}`);
      this.next = item.sequence + 1;
      this.seen.set(item.sequence, item.payload);
    }
  }

  private expect(isTrue: boolean, what: string): void {
    if (!isTrue)
      this.problems.push(`${this.name} expects ${this.next} and ${what}`, ...(this.log.slice(-6) as string[]));
  }
}

class Life {
  readonly server: TestServer;
  readonly client: Client;
  readonly readers: { readonly topic: string; readonly checked: Checked; readonly stop: () => void }[] = [];
  readonly problems: string[] = [];
  /** How often each publish was settled. */
  readonly settled: number[] = [];
  /** Where each publish is. */
  readonly receipts: string[] = [];
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = randomOf(seed);
    this.server = new TestServer({
      random: this.random,
      latencyMs: 1 + Math.floor(this.random() * 40),
      tokenMs: 200_000,
    });
    this.client = createClient({
      url: 'ws://test/ws',
      token: () => 'token',
      environment: this.server.environment,
      buffer: { maxMessages: 5 },
    });
    this.client.on('violation', (topic) => this.problems.push(`a hole in ${topic} that nobody announced`));
  }

  async live(): Promise<void> {
    for (const topic of TOPICS) this.read(topic);
    for (let step = 0; step < STEPS; step += 1) {
      this.act();
      await this.pass(this.random() < 0.1 ? 20_000 : this.random() * 500);
    }
    this.server.heal();
    this.server.page('visible');
    for (const { checked } of this.readers) checked.isSlow = false;
    await this.pass(400_000);
  }

  async pass(ms: number): Promise<void> {
    await this.server.clock.advance(ms);
    const open = this.server.sockets.filter(({ isClosed }) => !isClosed).length;
    if (open > 2) this.problems.push(`${open} sockets are open`);
  }

  private pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random() * list.length)] as T;
  }

  private act(): void {
    const { server, client, random } = this;
    const topic = this.pick(TOPICS);
    const acts: readonly (() => void)[] = [
      () => this.publish(topic),
      () => this.publish(topic),
      () => {
        for (let at = 0; at < random() * 30; at += 1) server.publish(topic, at);
      },
      () => server.publish(topic, 'x'),
      () => server.cut(),
      () => server.freeze(),
      () => server.drain(random() * 3_000, 500),
      () => server.away(random() < 0.3),
      () => server.refuse('over_capacity', 'over_capacity'),
      () => server.refuse('token_revoked', 'token_revoked'),
      () => server.fail('Broadcast', this.pick(['nothing', 'unstored', 'rate_limited', 'outcome_unknown'])),
      () => server.fail('Subscribe', 'rate_limited'),
      () => server.fail('History', 'log_unavailable'),
      () => server.trim(topic, Math.floor(random() * 5)),
      () => (random() < 0.2 ? server.loseHistory(topic) : undefined),
      () => server.page(this.pick(['visible', 'hidden', 'online', 'offline', 'resume', 'pagehide', 'pageshow'])),
      () => this.read(topic),
      () => this.readers.splice(Math.floor(random() * this.readers.length), 1)[0]?.stop(),
      () => {
        for (const { checked } of this.readers) checked.isSlow = random() < 0.3;
      },
      () => client.retryNow(),
    ];
    this.pick(acts)();
  }

  private publish(topic: string): void {
    const at = this.settled.push(0) - 1;
    const payload = `mine ${at}`;
    this.client
      .topic(topic)
      .publish(payload)
      .then(
        ({ sequence, epoch }) => {
          this.settled[at] = (this.settled[at] ?? 0) + 1;
          this.receipts.push(`${topic} ${epoch} ${sequence}`);
        },
        () => {
          this.settled[at] = (this.settled[at] ?? 0) + 1;
        },
      );
  }

  private read(topic: string): void {
    const checked = new Checked(`reader ${this.readers.length} of ${topic}`);
    const take = (item: Item): unknown => {
      checked.take(item);
      if (!checked.isSlow) return undefined;
      return new Promise<void>((resolve) => {
        this.server.clock.after(200, resolve);
      });
    };
    const since = this.random() < 0.5 ? 'live' : this.random() < 0.5 ? 'earliest' : { last: 3 };
    const stop = this.client.topic(topic).on({ message: take, gap: take, live: take }, { since });
    this.readers.push({ topic, checked, stop });
  }
}

test.each(Array.from({ length: SEEDS }, (_, at) => at + 1))('seed %i', { timeout: 60_000 }, async (seed) => {
  const life = new Life(seed);
  const { server, client } = life;
  await life.live();
  expect(life.problems).toEqual([]);
  expect(life.readers.flatMap(({ checked }) => checked.problems)).toEqual([]);
  expect(client.state.status).toBe('connected');
  for (const { topic, checked } of life.readers)
    expect(`${topic} ${checked.last}`).toBe(`${topic} ${server.head(topic)}`);
  expect(life.settled.filter((times) => times !== 1)).toEqual([]);
  expect(new Set(life.receipts).size).toBe(life.receipts.length);
  await client.close();
  await life.pass(10);
  expect([server.timers, server.open, server.listening]).toEqual([0, 0, 0]);
});

/** Publishes all the time, and sends again with the same key what it does not know the outcome of. */
import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../src/simulation/seeded-random.ts';
import type { ClientLink, Frame } from './client-link.ts';
import { enter, type Scene } from './scene.ts';

interface Message {
  readonly topic: string;
  readonly payload: string;
  /** Belongs to the message: sent again it must be the same, or the key is refused. */
  readonly padding: string;
  readonly firstSentAt: number;
  connection: string;
  order: number;
}

const OUTSTANDING = 100;
/** Well within the time for which keys are remembered. */
const GIVE_UP_MS = 30_000;
const AGAIN_MS = 200;
/** Large enough that a reader who stalls fills its socket. */
const LONGEST_PADDING = 2_000;
const PATIENCE_MS = 5_000;

export class Publisher {
  private readonly scene: Scene;
  private readonly random: SeededRandom;
  private readonly name: string;
  private readonly everyMs: number;
  private readonly outstanding = new Map<string, Message>();
  /** What was acknowledged. */
  private readonly taken = new Set<string>();
  private again: Message[] = [];
  private link: ClientLink | null = null;
  private connections = 0;
  private order = 0;
  private count = 0;
  private isStopped = false;

  constructor(scene: Scene, random: SeededRandom, name: string, everyMs: number) {
    this.scene = scene;
    this.random = random;
    this.name = name;
    this.everyMs = everyMs;
  }

  /** Until {@link stop}. */
  async run(): Promise<void> {
    while (!this.isStopped) {
      await this.connect();
      await pause(this.everyMs);
      this.giveUpOld();
      const message = this.again.shift() ?? (this.outstanding.size < OUTSTANDING ? this.compose() : null);
      if (message !== null) this.send(message);
    }
  }

  stop(): void {
    this.isStopped = true;
    this.link?.leave(true);
  }

  /** Publishes one message more, until it is acknowledged. @throws Error after a time */
  async last(topic: string): Promise<string> {
    const message = this.compose(topic);
    const until = performance.now() + 20_000;
    while (performance.now() < until) {
      await this.connect();
      this.again = [];
      this.send(message);
      const asked = performance.now();
      while (this.outstanding.has(message.payload) && performance.now() - asked < PATIENCE_MS) await pause(5);
      if (this.taken.has(message.payload)) return message.payload;
      await pause(50);
    }
    throw new Error(`expected a publish to ${topic} to be taken within 20 s after everything was put right`);
  }

  private async connect(): Promise<void> {
    if (this.link?.isOpen === true) return;
    // A message without an answer may be in the log or not.
    this.again.push(...this.outstanding.values());
    this.outstanding.clear();
    this.connections += 1;
    this.order = 0;
    this.link = await enter(
      this.scene.doors,
      this.random,
      this.name,
      (frame) => this.received(frame),
      () => !this.isStopped,
    );
  }

  private compose(topic = this.random.pick(this.scene.topics)): Message {
    this.count += 1;
    const padding = 'x'.repeat(this.random.between(0, LONGEST_PADDING));
    const payload = `${this.name}-${this.count}`;
    return { topic, payload, padding, firstSentAt: this.scene.now(), connection: '', order: 0 };
  }

  private send(message: Message): void {
    message.connection = `${this.name}/${this.connections}`;
    message.order = this.order += 1;
    const { topic, payload, connection, order } = message;
    this.outstanding.set(payload, message);
    this.scene.record.sent.push({ at: this.scene.now(), topic, payload, connection, order });
    const content = { name: payload, padding: message.padding };
    this.link?.send('Broadcast', payload, { topic, payload: content, idempotency_key: payload });
  }

  private received({ type, reply_to: id = '', data }: Frame): void {
    const message = this.outstanding.get(id);
    if (message === undefined || (type !== 'Ack' && type !== 'Error')) return;
    this.outstanding.delete(id);
    if (type === 'Error') return this.refused(message, data.reason ?? '');
    const { topic, payload, connection, order } = message;
    this.taken.add(payload);
    const { epoch = '', sequence = 0 } = data;
    const isDuplicate = data.status === 'duplicate';
    this.scene.record.acknowledged.push({
      at: this.scene.now(),
      topic,
      payload,
      epoch,
      sequence,
      isDuplicate,
      connection,
      order,
    });
  }

  /** Every second one that is known not to be stored is let go, so that refused ones that appear all the same are noticed. */
  private refused(message: Message, reason: string): void {
    if (this.isStopped || (reason === 'log_unavailable' && this.random.chance(0.5))) return;
    setTimeout(() => this.again.push(message), AGAIN_MS).unref();
  }

  private giveUpOld(): void {
    const old = this.scene.now() - GIVE_UP_MS;
    this.again = this.again.filter(({ firstSentAt }) => firstSentAt > old);
    // A connection that answers nothing of what waits is given up by its own silence; a single lost answer is not.
    for (const [payload, { firstSentAt }] of this.outstanding) if (firstSentAt <= old) this.outstanding.delete(payload);
  }
}

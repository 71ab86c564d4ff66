/** What is told after the fact: hooks that put events into the queue, and the delivery that empties it. */
import { covers } from '../../protocol/topic.ts';
import type { Hooks } from '../app.ts';
import type { Host } from '../host-api.ts';
import type { Backend } from './backend.ts';
import { Delivery, type Sent } from './delivery.ts';
import type { EventQueue, QueueTold } from './event-queue.ts';
import { Events } from './events.ts';
import type { Settings, Told } from './settings.ts';
import type { Signer } from './signature.ts';
import { tellOfDelivery, tellOfQueue } from './told.ts';

/** Events that may still be delivered while the server stops; the others wait for the next start. */
const STOP_MS = 2_000;
/** Answers that say: these bytes, never. */
const NEVER: ReadonlySet<number> = new Set([400, 413, 422]);

export type MakeQueue = (told: QueueTold) => EventQueue;

export class Telling {
  readonly queue: EventQueue;
  readonly delivery: Delivery;
  private readonly host: Host;
  private readonly settings: Settings;
  private readonly backend: Backend;
  private readonly signer: Signer;
  private readonly events: Events;
  private readonly seconds: { observe(seconds: number): void };

  constructor(host: Host, settings: Settings, backend: Backend, signer: Signer, makeQueue: MakeQueue) {
    this.host = host;
    this.settings = settings;
    this.backend = backend;
    this.signer = signer;
    this.events = new Events(host.node, `e${host.random.id()}`, host.clock);
    this.queue = makeQueue(tellOfQueue(host, () => this.delivery.wake()));
    const told = tellOfDelivery(host);
    this.seconds = told.seconds;
    const { clock, scheduler, random } = host;
    this.delivery = new Delivery(
      {
        batchEvents: settings.batch_events,
        batchBytes: settings.batch_bytes,
        retry: { firstMs: settings.retry_first_ms, maxMs: settings.retry_max_ms },
        attempts: settings.attempts,
        maxAgeMs: settings.max_age_secs * 1_000,
      },
      this.queue,
      { clock, scheduler, random, send: (id, events) => this.send(id, events) },
      told,
    );
    host.gauge('queue_events', 'Events that wait for the backend.', () => this.queue.size().events);
    host.gauge('queue_bytes', 'Bytes of events that wait for the backend.', () => this.queue.size().bytes);
    host.gauge(
      'dead_letters',
      'Events that are kept because they could not be delivered.',
      () => this.queue.size().deadLetters,
    );
  }

  async start(): Promise<void> {
    await this.queue.open();
    if (this.tells('node_started')) this.queue.put(this.events.nodeStarted());
  }

  hooks(): Hooks {
    const { queue, events } = this;
    const isOfTopic = this.topicFilter();
    const { tell_payloads: withPayload } = this.settings;
    return {
      // Before the client hears of it: an event that was not written down when a server is killed has not happened for anybody.
      atOnce: true,
      ...(this.tells('connected') && {
        connected: (facts) => queue.put(events.connection('connected', facts)),
      }),
      ...(this.tells('disconnected') && {
        disconnected: (facts, code) => queue.put(events.connection('disconnected', facts, { code })),
      }),
      ...(this.tells('subscribed') && {
        subscribed: (facts, topic) => {
          if (isOfTopic(topic)) queue.put(events.connection('subscribed', facts, { topic }));
        },
      }),
      ...(this.tells('unsubscribed') && {
        unsubscribed: (facts, topic) => {
          if (isOfTopic(topic)) queue.put(events.connection('unsubscribed', facts, { topic }));
        },
      }),
      ...(this.tells('published') && {
        published: (principal, topic, published, { payload }) => {
          if (isOfTopic(topic)) queue.put(events.published(principal, topic, published, withPayload ? payload : null));
        },
      }),
    };
  }

  /** Delivers what can be delivered at once; the rest stays in the queue. */
  async stop(): Promise<void> {
    await this.queue.flush();
    const { promise: isLate, resolve } = Promise.withResolvers<void>();
    const timer = this.host.scheduler.after(STOP_MS, resolve);
    await Promise.race([this.delivery.emptied(), isLate]);
    timer.cancel();
    this.backend.close();
    await this.delivery.stop();
    await this.queue.close();
  }

  private tells(event: Told): boolean {
    return this.settings.tell.includes(event);
  }

  private topicFilter(): (topic: string) => boolean {
    const { tell_topics: patterns } = this.settings;
    return patterns === undefined ? () => true : (topic) => patterns.some((pattern) => covers(pattern, topic));
  }

  private async send(id: string, events: readonly string[]): Promise<Sent> {
    const { clock, node } = this.host;
    const now = clock.now();
    const startedAt = clock.elapsed();
    // Each event is JSON already.
    const head = JSON.stringify({ type: 'events', timestamp: new Date(now).toISOString(), data: { node } }).slice(
      0,
      -2,
    );
    const body = Buffer.from(`${head},"events":[${events.join(',')}]}}`);
    const reply = await this.backend.post(body, this.signer.headers(id, now, body), this.settings.tell_timeout_ms);
    this.seconds.observe((clock.elapsed() - startedAt) / 1_000);
    if ('failure' in reply)
      return reply.failure === 'too_large'
        ? { kind: 'failed', detail: 'an answer that is too long', retryAfterMs: undefined }
        : { kind: 'away', detail: reply.detail, isLate: reply.failure === 'timeout' };
    const { status, retryAfterMs } = reply;
    if (status >= 200 && status < 300) return { kind: 'delivered' };
    if (NEVER.has(status)) return { kind: 'rejected', detail: `status ${status}` };
    return { kind: 'failed', detail: `status ${status}`, retryAfterMs };
  }
}

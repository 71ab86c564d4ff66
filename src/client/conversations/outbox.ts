/**
 * Messages that are sent. They wait in the client's own queue, which keeps the order, survives breaks, and with a storage also the
 * page; an application may have another way for those of its conversations.
 */
import type { Client } from '../client.ts';
import { isSignalboxError, SignalboxError } from '../errors.ts';
import type { Timeline } from './timeline.ts';
import type { MessageBody } from './wire.ts';

/** Sends a message under its key. @returns its place */
export type SendPort = (body: MessageBody, key: string) => Promise<{ readonly sequence?: number | undefined }>;

export class Outbox {
  sendPort: SendPort;
  readonly #client: Client;
  readonly #topic: string;
  readonly #timeline: Timeline;
  readonly #changed: () => void;

  constructor(client: Client, topic: string, timeline: Timeline, changed: () => void) {
    this.#client = client;
    this.#topic = topic;
    this.#timeline = timeline;
    this.#changed = changed;
    this.sendPort = (body, key) => client.topic<MessageBody>(topic).publish(body, { key });
  }

  send(body: MessageBody): string {
    const { environment, serverTime } = this.#client;
    const key = environment.id();
    this.#timeline.send(key, body, serverTime);
    this.#changed();
    this.#publish(key, body);
    return key;
  }

  /** @returns whether there was one that has failed */
  retry(key: string): boolean {
    const failed = this.#taken(key);
    if (failed === undefined) return false;
    this.#timeline.send(key, failed.body, failed.time);
    this.#changed();
    // The same key: if it was stored after all, it is that message.
    this.#publish(key, failed.body);
    return true;
  }

  discard(key: string): boolean {
    const failed = this.#taken(key);
    if (failed !== undefined) this.#changed();
    return failed !== undefined;
  }

  /** What an earlier life of the page has left in the storage. */
  adopt(): void {
    for (const entry of this.#client.publishes?.waiting.values() ?? []) {
      const { saved, settle } = entry;
      if (saved.to !== this.#topic || this.#timeline.pending.has(saved.key)) continue;
      this.#timeline.send(saved.key, JSON.parse(saved.payload) as MessageBody, saved.createdAt);
      entry.settle = (error, receipt) => {
        settle(error, receipt);
        if (receipt?.sequence === undefined) this.#failed(saved.key, error);
        else this.#confirmed(saved.key, receipt.sequence);
      };
    }
  }

  #publish(key: string, body: MessageBody): void {
    this.sendPort(body, key).then(
      ({ sequence = 0 }) => this.#confirmed(key, sequence),
      (error: unknown) => this.#failed(key, error),
    );
  }

  #confirmed(key: string, sequence: number): void {
    this.#timeline.confirmed(key, sequence);
    this.#changed();
  }

  #failed(key: string, error: unknown): void {
    const pending = this.#timeline.pending.get(key);
    // The topic may have brought it, while its answer was lost.
    if (pending === undefined) return;
    pending.error = isSignalboxError(error) ? error : new SignalboxError('closed', String(error));
    this.#changed();
  }

  #taken(key: string): { readonly body: MessageBody; readonly time: number } | undefined {
    const pending = this.#timeline.pending.get(key);
    if (pending?.error === undefined) return undefined;
    this.#timeline.pending.delete(key);
    forget(this.#client, key);
    return pending;
  }
}

/** One of those that have failed; the queue forgets all or none. */
function forget({ publishes }: Client, key: string): void {
  if (publishes?.failed.has(key) !== true) return;
  const others = [...publishes.failed].filter(([other]) => other !== key);
  for (const [other] of others) publishes.failed.delete(other);
  publishes.clear();
  for (const [other, entry] of others) publishes.failed.set(other, entry);
}

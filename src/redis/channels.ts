/** Messages of one kind: what control messages and publications each have of the one subscribing connection. */
import type { RedisFailure } from './failure.ts';
import type { Keys } from './keys.ts';
import type { Subscriber } from './subscriber.ts';

export interface ChannelListener {
  /** @param name `tenant/name`, or the name alone of the default tenant */
  message(name: string, bytes: Buffer): void;
  /** The connection is new: nothing is subscribed on it yet, and messages may have been missed. */
  reconnected(): void;
}

export class Channels {
  private readonly start: string;
  private readonly subscriber: Subscriber;
  readonly listener: ChannelListener;

  constructor(kind: string, keys: Keys, subscriber: Subscriber, listener: ChannelListener) {
    this.start = keys.channelStart(kind);
    this.subscriber = subscriber;
    this.listener = listener;
  }

  /** Hands a message over if it is of this kind. */
  offer(channel: string, bytes: Buffer): boolean {
    if (!channel.startsWith(this.start)) return false;
    this.listener.message(channel.slice(this.start.length, -1), bytes);
    return true;
  }

  /**
   * Once `answered` is called with `null`, every message comes, until the connection is lost.
   * @param prefixes what names begin with before a dot: `chat` brings `chat.a`
   */
  subscribe(
    names: readonly string[],
    prefixes: readonly string[],
    answered: (failure: RedisFailure | null) => void,
  ): void {
    this.subscriber.subscribe(this.channelsOf(names), this.patternsOf(prefixes), answered);
  }

  unsubscribe(names: readonly string[], prefixes: readonly string[]): void {
    this.subscriber.unsubscribe(this.channelsOf(names), this.patternsOf(prefixes));
  }

  private channelsOf(names: readonly string[]): string[] {
    return names.map((name) => `${this.start}${name}}`);
  }

  private patternsOf(prefixes: readonly string[]): string[] {
    return prefixes.map((prefix) => `${this.start}${prefix}.*`);
  }
}

/** The client: everything of one connection, put together. It does nothing before the first topic or publish. */
import type { Position } from '../protocol/position.ts';
import type { ConnectedDetails, HistoryDetails, ServerFrame } from '../protocol/wire.ts';
import { jsonCodec } from './codec.ts';
import type { ClientEvents, ClientOptions, Notification } from './client-options.ts';
import type { ConnectionState } from './connection-state.ts';
import { Connection } from './connection.ts';
import { Consumer, type BufferBounds } from './consumer.ts';
import { standardEnvironment, type Environment, type LifecycleEvent } from './environment.ts';
import { isSignalboxError, SignalboxError } from './errors.ts';
import { messageOf } from './items.ts';
import type { Link } from './link.ts';
import { Listeners, newest } from './listeners.ts';
import { OpenedStorage } from './opened-storage.ts';
import { Positions } from './positions.ts';
import { PublishQueue } from './publish-queue.ts';
import type { PublishOptions, QueueView, Receipt } from './publishing.ts';
import { Renewal } from './renewal.ts';
import { Requests } from './requests.ts';
import { ME, Subscriptions } from './subscriptions.ts';
import { Tokens } from './tokens.ts';
import type { Reader, TopicPorts } from './topic-ports.ts';
import { Topic } from './topic.ts';
import { WaitingRequests } from './waiting-requests.ts';

type PayloadOf<T, N> = N extends keyof T ? T[N] : unknown;

/** An answer that is still to come does so in this time after the server has refused something without reading it. */
const UNREAD_MS = 1_000;
/** Of entries beside the core. */
type CoreType = 'Presence' | 'PresenceGet' | 'Subscribe';

const CLOSED = 'the client was closed';

/** The user is kept as the place of a topic that nobody can have, so that every storage has room for it. */
const USER = '@user';

/** @typeParam T what is published where, as `{ news: Article; [chat: `chat.${string}`]: Line }` */
export class Client<T = Record<string, unknown>> {
  readonly #options: ClientOptions;
  /** What it takes of the world around it, for the entries beside it. */
  readonly environment: Environment;
  /** What these keep with it, so that there is one for a topic, however many ask. */
  readonly shared = new Map<string, unknown>();
  /** Functions of theirs that see every frame. */
  readonly taps = new Set<(frame: ServerFrame) => void>();
  readonly bounds: BufferBounds;
  /** Whether a key is of this client. */
  readonly isMine: (key: string) => boolean;
  readonly #tokens: Tokens;
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #waiting: WaitingRequests;
  readonly #subscriptions: Subscriptions;
  readonly #publishes: PublishQueue;
  readonly #positions = new Positions();
  readonly #owner: string;
  readonly #storage: OpenedStorage;
  readonly #ports: TopicPorts;
  readonly #listeners = new Listeners<unknown>((work, event) => this.#call(work, event));
  readonly #watchers = new Listeners<void>((work) => this.#call(work));
  #unlisten: (() => void) | null = null;
  #wasGreeted = false;
  /** What takes back the times after which unanswered frames count as unread. */
  readonly #doubts = new Set<() => void>();
  readonly #renewal: Renewal;

  constructor(options: ClientOptions) {
    this.#options = options;
    const environment = { ...standardEnvironment(), ...options.environment };
    environment.open = options.fallback?.({ ...environment }) ?? environment.open;
    const id = environment.id();
    const link = (): Link | null => this.#link();
    this.environment = environment;
    this.#tokens = new Tokens(options.token, environment);
    this.#owner = `${id}-`;
    this.#storage = new OpenedStorage(options.storage, (error) => this.#tell('error', error));
    this.#requests = new Requests(`${id}?`, () => environment.elapsed());
    this.#waiting = new WaitingRequests(this.#requests, link);
    this.#publishes = new PublishQueue({
      environment,
      keyPrefix: this.#owner,
      options: options.queue ?? {},
      link,
      serverTime: () => this.serverTime,
      changed: (key, saved) => void this.#storage.write((storage) => storage.entry(key, saved)),
    });
    this.#renewal = new Renewal(environment, this.#tokens, this.#requests, {
      failed: (error) => this.#tell('error', error),
      signedOut: (error) => this.#connection.close(error),
      dropped: (topics, error) => this.#subscriptions.dropped(topics, error),
    });
    const isMine = (key: string): boolean => this.#publishes.isMine(key);
    this.isMine = isMine;
    this.#subscriptions = new Subscriptions({
      environment,
      requests: this.#requests,
      waiting: this.#waiting,
      lingerMs: options.lingerMs ?? 1_000,
      link,
      stored: (topic) => this.#positions.get(topic),
      isMine,
      settled: (on) => this.#connection.settled(on),
      violated: (topic) => this.#tell('violation', topic),
      changed: (topic) => this.#watchers.tell(topic),
    });
    this.#connection = new Connection(
      { url: options.url, backoff: options.backoff },
      options.codec ?? jsonCodec,
      this.#tokens,
      environment,
      {
        greeted: (on, greeting) => this.#greeted(on, greeting),
        frame: (on, frame, size) => this.#received(on, frame, size),
        moved: (on) => {
          this.#subscriptions.moved(on);
          this.#waiting.next();
          this.#publishes.pump();
        },
        lost: (on) => {
          this.#subscriptions.lost(on);
          this.#requests.lost(on);
          this.#publishes.lost(on);
        },
        changed: (state) => this.#became(state),
        failed: (error) => this.#tell('error', error),
      },
    );
    const { maxMessages = 1_000, maxBytes = 1_048_576 } = options.buffer ?? {};
    this.bounds = { maxMessages, maxBytes };
    this.#ports = {
      bounds: this.bounds,
      read: (topic, reader) => this.#read(topic, reader),
      state: (topic) => this.#subscriptions.feed(topic)?.state ?? 'stopped',
      watch: (topic, listener) => this.#watchers.add(topic, listener),
      position: (topic) => this.#positions.get(topic),
      publish: (topic, payload, how) => this.#publish('Broadcast', topic, payload, how),
      page: (request) => this.#asked('History', request) as Promise<HistoryDetails>,
      message: (topic, frame) => messageOf(topic, frame, isMine),
      failed: (cause) => this.faulty(cause),
      after: (ms, work) => environment.after(ms, work),
    };
    if (options.connect === 'now') this.#start();
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** Milliseconds since 1970, as the server says. */
  get serverTime(): number {
    return this.#tokens.serverTime;
  }

  get queue(): QueueView {
    return this.#publishes;
  }

  /** Free: nothing happens before it is read or published to. */
  topic<N extends string>(name: N): Topic<PayloadOf<T, N>>;
  topic<P>(name: string): Topic<P>;
  topic(name: string): Topic {
    return new Topic(name, this.#ports);
  }

  /** The messages to one's own user, on all devices. */
  get direct(): Topic {
    return this.topic<unknown>(ME);
  }

  /** A message to a user. Whether there is one is not revealed. */
  send(user: string, payload: unknown, options?: PublishOptions): Promise<Receipt> {
    return this.#publish('DirectMessage', user, payload, options);
  }

  /**
   * A frame that an application has added to the server, or one of presence; it waits for a connection.
   * @throws SignalboxError, `outcome_unknown` when the connection was lost before the answer
   */
  async request(type: `X-${string}` | CoreType, data?: unknown): Promise<unknown> {
    return this.#asked(type, data);
  }

  /** @returns what ends it */
  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => void): () => void {
    return this.#listeners.add(event, listener as (value: unknown) => void);
  }

  /** The state now and whenever it has changed, the newest each time; ends with `closed`. */
  states(): AsyncGenerator<ConnectionState> {
    return newest(
      this.state,
      (listener) => this.on('state', listener),
      ({ status }) => status === 'closed',
    );
  }

  /** Lets the connection go; `resume()` brings it back where it was. */
  pause(): void {
    this.#connection.suspend('paused');
  }

  resume(): void {
    this.#connection.retryNow();
  }

  /** Does not wait for the back-off. */
  retryNow(): void {
    this.#connection.retryNow();
  }

  /** The end. @param options.flushMs how long the queue may take to become empty */
  async close({ flushMs = 0 }: { readonly flushMs?: number } = {}): Promise<void> {
    if (flushMs > 0)
      await new Promise<void>((resolve) => {
        const cancel = this.environment.after(flushMs, resolve);
        this.#publishes.whenEmpty(() => {
          cancel();
          resolve();
        });
      });
    this.#publishes.close('closed');
    this.#connection.close();
  }

  /** The end, and nothing is left of the user: no positions, no queue, no token. */
  async signOut(): Promise<void> {
    this.#publishes.close('signed_out');
    this.#publishes.clear();
    this.#connection.close();
    await this.#forget();
  }

  /** The greeting comes right behind the handshake; what is sent before it, a refusal does not read. */
  #link(): Link | null {
    const { main } = this.#connection;
    return main === null || main.greeting === null ? null : main;
  }

  #start(): void {
    if (this.#unlisten !== null || this.state.status !== 'idle') return;
    this.#unlisten = this.environment.lifecycle((event) => this.#lived(event));
    this.#storage.open({ environment: this.environment, owner: this.#owner }, ({ positions, queue }) => {
      for (const [topic, position] of Object.entries(positions)) this.#positions.set(topic, position);
      this.#publishes.adopt(queue);
    });
    this.#storage.whenRead(() => this.#connection.start());
  }

  #read(topic: string, { handler, refused: ended, threw, since }: Reader): () => void {
    const start = since ?? 'stored';
    const consumer = new Consumer(handler, start === 'stored', this.#ports.bounds, {
      committed: ({ isStored, done }) => {
        if (!isStored || done === null) return;
        this.keep(topic, done);
      },
      drained: (which) => this.#subscriptions.drained(topic, which),
      threw: (cause) => {
        const error = new SignalboxError('handler_failed', `a handler of ${topic} threw: ${String(cause)}`, { cause });
        if (threw === undefined) this.#tell('error', error);
        else this.#call(() => threw(error));
      },
      refused: (error) => this.#call(() => ended(error)),
    });
    if (typeof start === 'object' && !('last' in start) && !(typeof start.epoch === 'string' && start.sequence >= 0)) {
      const problem = new SignalboxError('invalid_field', 'expected a position with an epoch and a sequence');
      consumer.events.refused(problem);
      return () => {};
    }
    let stop = (): void => consumer.end();
    // It may find out at once that it cannot connect.
    this.#start();
    this.#storage.whenRead(() => {
      const { state } = this;
      if (state.status === 'closed') ended(state.error ?? null);
      else if (!consumer.isEnded) stop = this.#subscriptions.add(topic, consumer, start);
    });
    return () => stop();
  }

  #asked(type: string, data: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#start();
      const { state } = this;
      if (state.status === 'closed') return reject(state.error ?? new SignalboxError('closed', CLOSED));
      this.#waiting.ask(type, data, (error, details) => (error === null ? resolve(details) : reject(error)));
    });
  }

  #publish(
    type: 'Broadcast' | 'DirectMessage',
    to: string,
    payload: unknown,
    options: PublishOptions = {},
  ): Promise<Receipt> {
    const promise = new Promise<Receipt>((resolve, reject) => {
      this.#start();
      const { state } = this;
      if (state.status === 'closed') return reject(state.error ?? new SignalboxError('closed', CLOSED));
      this.#publishes.publish(type, to, payload, options, (error, receipt) =>
        receipt === undefined ? reject(error ?? undefined) : resolve(receipt),
      );
    });
    // A caller that does not wait for it finds the failed entry in the queue; it must not end a program.
    promise.catch(() => {});
    return promise;
  }

  #greeted(link: Link, greeting: ConnectedDetails): void {
    const { limits, max_message_size: size } = greeting;
    if (!this.#isSameUser(greeting)) return;
    this.#subscriptions.greeted(link);
    this.#waiting.next();
    this.#publishes.greeted(size, limits.idempotency_window_ms, limits.connection_rps, limits.connection_burst);
  }

  /** Positions and the queue of one user are never used by another. */
  #isSameUser({ user, tenant = '' }: ConnectedDetails): boolean {
    // Servers before version 0.2 do not say it.
    if (user === undefined) return true;
    const epoch = `${tenant}/${user}`;
    const before = this.#positions.get(USER)?.epoch ?? epoch;
    if (before !== epoch) {
      const error = new SignalboxError('user_changed', `expected a token of the same user, got one of ${user}`);
      void this.#forget();
      if (this.#wasGreeted) {
        this.#publishes.close('signed_out');
        this.#connection.close(error);
        return false;
      }
      // It was another page's, before somebody else signed in here.
      this.#publishes.disown();
      this.#subscriptions.forget();
      this.#tell('error', error);
    }
    if (!this.#wasGreeted || before !== epoch) this.keep(USER, { epoch, sequence: 0 });
    this.#wasGreeted = true;
    return true;
  }

  /** Nobody reads it any more; for the entries beside it. */
  leave(topic: string): void {
    this.#requests.leave(this.#link(), topic);
  }

  /** What was kept under names that begin so, by the rest of the name. */
  places(prefix: string): [string, Position][] {
    return this.#positions.below(prefix);
  }

  keep(topic: string, position: Position): void {
    this.#positions.set(topic, position);
    void this.#storage.write((storage) => storage.commit(topic, position));
  }

  #forget(): Promise<void> {
    this.#positions.clear();
    return this.#storage.write((storage) => storage.clear());
  }

  #received(link: Link, frame: ServerFrame, size: number): void {
    const { type, data, reply_to: replyTo } = frame;
    for (const tap of this.taps) tap(frame);
    if (type === 'Broadcast' || type === 'DirectMessage' || type === 'Gap')
      this.#subscriptions.frame(link, frame, size);
    else if (replyTo !== undefined) {
      if (!this.#publishes.answered(frame)) this.#requests.answered(frame);
    } else if (type === 'Status' && data.status === 'draining')
      this.#connection.draining(link, Number(data.details['reconnect_after_ms']));
    else if (type === 'Status' && data.status === 'subscribed')
      for (const name of data.details['topics'] as readonly string[]) link.given.add(name);
    else if (type === 'Status' && data.status === 'unsubscribed') this.#subscriptions.ended(link, data.details);
    else if (type === 'AuthStatus') this.#renewal.begin(link);
    else if (type === 'Error' && data.temporary) this.#doubt(link, data.retry_after_ms ?? 0);
    else if (type === 'SystemNotification') this.#tell('notification', data as unknown as Notification);
  }

  /** A large frame is refused unread when the rate is spent, so that the refusal cannot say which it was. */
  #doubt(link: Link, retryAfterMs: number): void {
    const { environment } = this;
    const now = environment.elapsed();
    const cancel = environment.after(retryAfterMs + UNREAD_MS, () => {
      this.#doubts.delete(cancel);
      this.#requests.unread(link, now);
      this.#publishes.unread(link, now);
    });
    this.#doubts.add(cancel);
  }

  #lived(event: LifecycleEvent): void {
    const connection = this.#connection;
    if (event === 'hidden' || event === 'freeze' || event === 'pagehide') {
      void this.#storage.write((storage) => storage.flush());
      connection.hidden();
      // An open socket keeps a page out of the back-forward cache.
      if (event === 'pagehide') connection.suspend('bfcache');
    } else if (event === 'online') connection.online();
    else if (event === 'offline') connection.probe();
    else connection.visible(event !== 'visible');
  }

  #became(state: ConnectionState): void {
    if (state.status !== 'connected') this.#renewal.stop();
    if (state.status === 'closed') {
      const error = state.error ?? null;
      this.#unlisten?.();
      for (const cancel of this.#doubts) cancel();
      this.#publishes.close(error?.reason === 'signed_out' ? 'signed_out' : 'closed');
      this.#subscriptions.close(error);
      const closed = error ?? new SignalboxError('closed', CLOSED);
      this.#waiting.close(closed);
      void this.#storage.write((storage) => storage.flush());
    }
    this.#tell('state', state);
  }

  #tell<E extends keyof ClientEvents>(event: E, value: ClientEvents[E]): void {
    const { log } = this.#options;
    if (log !== undefined) this.#call(() => log(event, { value }), event);
    this.#listeners.tell(event, value);
  }

  /** Tells what nobody else is told, also for the entries beside it. */
  faulty(cause: unknown): void {
    const error = new SignalboxError('handler_failed', `a listener threw: ${String(cause)}`, { cause });
    this.#tell('error', isSignalboxError(cause) ? cause : error);
  }

  /** What a listener throws must not leave the client half-way. */
  #call(listener: () => void, event?: string): void {
    try {
      listener();
    } catch (cause) {
      if (event === 'error') return;
      this.faulty(cause);
    }
  }
}

export function createClient<T = Record<string, unknown>>(options: ClientOptions): Client<T> {
  return new Client<T>(options);
}

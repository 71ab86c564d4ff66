/**
 * Everything of one connection, put together: all of a client but what waits to be published, which `signalbox/client`
 * brings and `signalbox/client/reader` does without. It does nothing before the first topic or publish.
 */
import type { Position } from '../protocol/position.ts';
import type { ConnectedDetails, ServerFrame } from '../protocol/wire.ts';
import type { Client, ClientParts } from './client-api.ts';
import { jsonCodec } from './codec.ts';
import type { ClientEvents, ClientOptions, Notification } from './client-options.ts';
import type { ConnectionState } from './connection-state.ts';
import { Connection } from './connection.ts';
import type { Consumer } from './consumer.ts';
import { standardEnvironment, type Environment } from './environment.ts';
import { faultOf, isSignalboxError, SignalboxError } from './errors.ts';
import type { SubscriptionState } from './feed.ts';
import type { Link } from './link.ts';
import { makeListeners } from './listeners.ts';
import { putNewest } from './oldest.ts';
import { openConsumer } from './open-consumer.ts';
import type { Publishes, QueuePorts } from './publish-ports.ts';
import type { PublishOptions, Receipt, SavedEntry } from './publishing.ts';
import { makeRenewal } from './renewal.ts';
import { Requests } from './requests.ts';
import { liveWith } from './page-life.ts';
import { makeSameUser } from './same-user.ts';
import { ME, Subscriptions } from './subscriptions.ts';
import { Tokens } from './tokens.ts';
import { makeTopic, type Reader, type Topic } from './topic.ts';

/** An answer that is still to come does so in this time after the server has refused something without reading it. */
const UNREAD_MS = 1_000;
/** Topics whose places are kept; the oldest give way. */
const MAX_POSITIONS = 10_000;

export function createCore<T>(options: ClientOptions, makePublishes?: (ports: QueuePorts) => Publishes): Client<T> {
  const environment: Environment = { ...standardEnvironment(), ...options.environment };
  if (options.fallback !== undefined) environment.open = options.fallback({ ...environment });
  const id = environment.id();
  const owner = `${id}-`;
  const { maxMessages = 1_000, maxBytes = 1_048_576 } = options.buffer ?? {};
  const bounds = { maxMessages, maxBytes };
  const positions = new Map<string, Position>();
  /** What takes back the times after which unanswered frames count as unread. */
  const doubts = new Set<() => void>();
  const listeners = makeListeners(call);
  const watchers = makeListeners(call);
  const tokens = new Tokens(options.token, environment);
  const { storage } = options;
  /** As long as the storage is being read. */
  let reading: Promise<void> | undefined;
  let unlisten: (() => void) | null = null;

  const requests = new Requests(`${id}?`, () => environment.elapsed(), link);
  const publishes = makePublishes?.({
    environment,
    keyPrefix: owner,
    options: options.queue,
    link,
    serverTime: () => tokens.serverTime,
    changed: (key, saved) => storage?.entry(key, saved),
  });
  const isMine = (key: string): boolean => publishes?.isMine(key) === true;
  const end = (error: SignalboxError): void => connection.close(error);
  const dropped = (topics: readonly string[], error: SignalboxError): void => subscriptions.dropped(topics, error);
  const renewal = makeRenewal(environment, tokens, requests, failed, end, dropped);
  const subscriptions = new Subscriptions({
    environment,
    requests,
    lingerMs: options.lingerMs ?? 1_000,
    link,
    stored: (topic) => positions.get(topic),
    isMine,
    settled: (on) => connection.settled(on),
    violated: (topic) => tell('violation', topic),
    changed: watchers.tell,
  });
  const connection = new Connection(options, options.codec ?? jsonCodec, tokens, environment, {
    greeted,
    frame: received,
    moved: (on) => {
      subscriptions.moved(on);
      requests.next();
      publishes?.pump();
    },
    lost: (on) => {
      subscriptions.lost(on);
      requests.lost(on);
      publishes?.lost(on);
    },
    changed: became,
    failed,
  });

  const isSameUser = makeSameUser(positions, keep, forget, end, (error) => {
    publishes?.disown();
    subscriptions.forget();
    failed(error);
  });

  /** The greeting comes right behind the handshake; what is sent before it, a refusal does not read. */
  function link(): Link | null {
    const { main } = connection;
    return main === null || main.greeting === null ? null : main;
  }

  /** @returns why nothing goes on, if nothing does */
  function start(): SignalboxError | null {
    if (unlisten === null && connection.state.status === 'idle') {
      unlisten = environment.lifecycle((event) => liveWith(connection, event, storage));
      reading = storage?.open({ environment, owner, failed }).then((saved) => {
        reading = undefined;
        for (const [topic, position] of Object.entries(saved.positions)) place(topic, position);
        publishes?.adopt(saved.queue);
      });
      whenRead(() => connection.retryNow());
    }
    const { state } = connection;
    return state.status === 'closed' ? (state.error ?? new SignalboxError('closed', 'the client was closed')) : null;
  }

  function whenRead(work: () => void): void {
    if (reading === undefined) work();
    else void reading.then(work);
  }

  function read(topic: string, reader: Reader): () => void {
    const since = reader.since ?? 'stored';
    const consumer = openConsumer(topic, since, reader, bounds, keep, drained, failed, call);
    if (consumer === null) return () => {};
    let stop = (): void => consumer.end();
    // It may find out at once that it cannot connect.
    start();
    whenRead(() => {
      const { state } = connection;
      if (state.status === 'closed') consumer.events.refused(state.error ?? null);
      else if (!consumer.isEnded) stop = subscriptions.add(topic, consumer, since);
    });
    return () => stop();
  }

  function publish(type: SavedEntry['type'], to: string, payload: unknown, how?: PublishOptions): Promise<Receipt> {
    const closed = start();
    return publishes === undefined
      ? Promise.reject(new SignalboxError('unsupported', 'expected createClient'))
      : publishes.promise(type, to, payload, how, closed);
  }

  function greeted(on: Link, greeting: ConnectedDetails): void {
    if (!isSameUser(greeting)) return;
    subscriptions.greeted(on);
    requests.next();
    publishes?.greeted(greeting);
  }

  function place(topic: string, position: Position): void {
    putNewest(positions, topic, position, MAX_POSITIONS);
  }

  function keep(topic: string, position: Position): void {
    place(topic, position);
    storage?.commit(topic, position);
  }

  async function forget(): Promise<void> {
    positions.clear();
    await storage?.clear();
  }

  function received(on: Link, frame: ServerFrame, size: number): void {
    const { type, data, reply_to: replyTo } = frame;
    const { status } = data;
    for (const tap of parts.taps) tap(frame);
    if (type === 'Broadcast' || type === 'DirectMessage' || type === 'Gap') subscriptions.frame(on, frame, size);
    else if (replyTo !== undefined) {
      if (publishes?.answered(frame) !== true) requests.answered(frame);
    } else if (type === 'AuthStatus') renewal.begin(on);
    else if (type === 'Error' && data.temporary) doubt(on, data.retry_after_ms ?? 0);
    else if (type === 'SystemNotification') tell('notification', data as unknown as Notification);
    else if (type !== 'Status') return;
    else if (status === 'draining') connection.draining(on, Number(data.details['reconnect_after_ms']));
    else if (status === 'subscribed')
      for (const name of data.details['topics'] as readonly string[]) on.given.add(name);
    else if (status === 'unsubscribed') subscriptions.ended(on, data.details);
  }

  /** A large frame is refused unread when the rate is spent, so that the refusal cannot say which it was. */
  function doubt(on: Link, retryAfterMs: number): void {
    const now = environment.elapsed();
    const cancel = environment.after(retryAfterMs + UNREAD_MS, () => {
      doubts.delete(cancel);
      requests.unread(on, now);
      publishes?.unread(on, now);
    });
    doubts.add(cancel);
  }

  function became(state: ConnectionState): void {
    if (state.status !== 'connected') renewal.stop();
    if (state.status === 'closed') {
      const { error = null } = state;
      unlisten?.();
      for (const cancel of doubts) cancel();
      const isOver = error?.reason === 'signed_out' || error?.reason === 'user_changed';
      publishes?.close(isOver ? 'signed_out' : 'closed');
      subscriptions.close(error);
      const closed = start();
      if (closed !== null) requests.close(closed);
      void storage?.flush();
    }
    tell('state', state);
  }

  function failed(error: SignalboxError): void {
    tell('error', error);
  }

  function tell<E extends keyof ClientEvents>(event: E, value: ClientEvents[E]): void {
    listeners.tell(event, value);
  }

  function faulty(cause: unknown): void {
    failed(isSignalboxError(cause) ? cause : faultOf('handler_failed', 'a listener threw', cause));
  }

  /** What a listener throws must not leave the client half-way. */
  function call(listener: () => void, event?: string): void {
    try {
      listener();
    } catch (cause) {
      if (event !== 'error') faulty(cause);
    }
  }

  /** Whatever it waits for. */
  function retryNow(): void {
    if (connection.state.status === 'idle') start();
    else connection.retryNow();
  }

  const drained = (name: string, consumer: Consumer): void => subscriptions.drained(name, consumer);
  const parts: ClientParts = {
    environment,
    shared: new Map(),
    taps: new Set(),
    bounds,
    publishes,
    isMine,
    positions,
    keep,
    leave: (name) => requests.leave(name),
    faulty,
  };
  const state = (name: string): SubscriptionState => subscriptions.feed(name)?.state ?? 'stopped';
  const topic = <P>(name: string): Topic<P> => makeTopic<P>(name, client as Client, read, state, watchers.add, publish);
  const client: Client<T> = {
    ...parts,
    get state() {
      return connection.state;
    },
    get serverTime() {
      return tokens.serverTime;
    },
    get direct() {
      return topic(ME);
    },
    topic,
    send: (user, payload, how) => publish('DirectMessage', user, payload, how),
    request: (type, data) =>
      new Promise((resolve, reject) => {
        const closed = start();
        if (closed !== null) return reject(closed);
        requests.ask(type, data, (error, details) => (error === null ? resolve(details) : reject(error)));
      }),
    on: (event, listener) => listeners.add(event, listener),
    pause: () => connection.suspend('paused'),
    resume: retryNow,
    retryNow,
    close: async () => {
      connection.close();
      return storage?.flush();
    },
    signOut: async () => {
      publishes?.close('signed_out');
      publishes?.clear();
      connection.close();
      return forget();
    },
  };
  if (options.connect === 'now') start();
  return client;
}

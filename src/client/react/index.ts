/** `signalbox/client/react`: the client's state in components. Hooks borrow a client and never make one. */
import {
  createContext,
  createElement,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from 'react';
import type { Client } from '../client.ts';
import type { ConnectionState } from '../connection-state.ts';
import type { SignalboxError } from '../errors.ts';
import type { SubscriptionState } from '../feed.ts';
import type { Item, Message } from '../items.ts';
import { presenceOf, type Member, type PresenceSnapshot } from '../presence/index.ts';
import type { PublishOptions, Receipt } from '../publishing.ts';
import { storeOf, type Snapshot, type Store, type StoreOptions } from '../store/index.ts';
import type { ReadOptions, Topic } from '../topic.ts';
import { latestMessages, type Latest } from './latest-messages.ts';

const ClientContext = createContext<Client | null>(null);

/** The client is made outside of React, so that no render makes a second socket. */
export function SignalboxProvider({ client, children }: { client: Client; children?: ReactNode }): ReactNode {
  return createElement(ClientContext.Provider, { value: client }, children);
}

export function useClient(): Client {
  const client = useContext(ClientContext);
  if (client === null) throw new Error('expected a <SignalboxProvider client={…}> above this component');
  return client;
}

export function useConnection(): ConnectionState {
  const client = useClient();
  const subscribe = useCallback((changed: () => void) => client.on('state', changed), [client]);
  return useSyncExternalStore(
    subscribe,
    () => client.state,
    () => IDLE,
  );
}

export interface UseTopicOptions {
  /** `false` reads nothing. */
  readonly enabled?: boolean;
  /** As it is at the first render. */
  readonly since?: ReadOptions['since'];
}

/** Calls `onItem` for everything that the topic brings, in order, and says how the subscription stands. */
export function useTopic<P>(
  name: string,
  onItem: (item: Item<P>) => unknown,
  { enabled = true, since }: UseTopicOptions = {},
): SubscriptionState {
  const topic = useNamed<P>(name);
  const latest = useLatest(onItem);
  const begin = useRef(since);
  useEffect(() => {
    if (!enabled) return undefined;
    const take = (item: Item<P>): unknown => latest.current(item);
    const options = begin.current === undefined ? {} : { since: begin.current };
    return topic.on({ message: take, gap: take, live: take, error: tellFaults }, options);
  }, [topic, enabled, latest]);
  const subscribe = useCallback((changed: () => void) => topic.onState(changed), [topic]);
  return useSyncExternalStore(
    subscribe,
    () => topic.state,
    () => STOPPED,
  );
}

/** The newest messages of a topic, oldest first; after a gap only those that came after it. */
export function useMessages<P>(name: string, { limit = 100 }: { readonly limit?: number } = {}): Latest<P> {
  const topic = useNamed<P>(name);
  const store = useMemo(() => latestMessages(topic, limit), [topic, limit]);
  return useSyncExternalStore(store.subscribe, store.getSnapshot, () => NO_MESSAGES as unknown as Latest<P>);
}

/** State that is loaded once and then kept by messages: `storeOf` in a component. */
export function useTopicState<S, P>(name: string, options: StoreOptions<S, P>): Snapshot<S> {
  const topic = useNamed<P>(name);
  const latest = useLatest(options);
  const [store, setStore] = useState<Store<S> | null>(null);
  useEffect(() => {
    const made = storeOf<S, P>(topic, {
      load: (at, signal) => latest.current.load(at, signal),
      apply: (state, message: Message<P>) => latest.current.apply(state, message),
      error: (error) => latest.current.error?.(error),
    });
    setStore(made);
    return () => made.dispose();
  }, [topic, latest]);
  const subscribe = useCallback((changed: () => void) => store?.subscribe(changed) ?? noop, [store]);
  const loading = LOADING as Snapshot<S>;
  return useSyncExternalStore(
    subscribe,
    () => store?.getSnapshot() ?? loading,
    () => loading,
  );
}

/** The same function until the topic changes. */
export function usePublish(name: string): (payload: unknown, options?: PublishOptions) => Promise<Receipt> {
  const topic = useNamed<unknown>(name);
  return useCallback((payload, options) => topic.publish(payload, options), [topic]);
}

export interface UsePresenceOptions {
  /** Is there with it, as long as the component is; without it the component only looks. */
  readonly data?: Member['data'] | undefined;
  readonly error?: (error: unknown) => void;
}

/** The members of a topic. */
export function usePresence(name: string, { data, error }: UsePresenceOptions = {}): PresenceSnapshot {
  const client = useClient();
  const presence = useMemo(() => presenceOf(client, name), [client, name]);
  const failed = useLatest(error);
  // By its text: a component writes a new object at every render.
  const text = data === undefined ? undefined : JSON.stringify(data);
  useEffect(() => {
    if (text === undefined) return undefined;
    return presence.hold(JSON.parse(text) as Member['data'], (problem) => failed.current?.(problem));
  }, [presence, text, failed]);
  const subscribe = useCallback((changed: () => void) => presence.subscribe(changed), [presence]);
  return useSyncExternalStore(
    subscribe,
    () => presence.getSnapshot(),
    () => NOBODY,
  );
}

const NOBODY: PresenceSnapshot = { members: [], count: 0, status: 'loading', error: undefined };
const IDLE: ConnectionState = { status: 'idle' };
const STOPPED: SubscriptionState = 'stopped';
const LOADING: Snapshot<never> = { value: undefined, status: 'loading', position: undefined };
const NO_MESSAGES: Latest<never> = { messages: [], state: 'stopped', hasGap: false };

function noop(): void {}

/** A refusal is the state of the topic. A fault of the handler is the client's to tell. */
function tellFaults(error: SignalboxError): void {
  if (error.reason === 'handler_failed') throw error;
}

function useNamed<P>(name: string): Topic<P> {
  const client = useClient();
  return useMemo(() => client.topic(name) as Topic<P>, [client, name]);
}

/** What was given at the last render: effects must not begin anew for every new function. */
function useLatest<V>(value: V): { readonly current: V } {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  });
  return latest;
}

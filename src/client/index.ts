/** `signalbox/client`: docs/client.md. */
export { createClient } from './client.ts';
export type { Client } from './client-api.ts';
export type { ClientEvents, ClientOptions, Notification } from './client-options.ts';
export { isSignalboxError, SignalboxError, signedOut, type ErrorReason } from './errors.ts';
export type { ClientCodec } from './codec.ts';
export type { ConnectionState } from './connection-state.ts';
export type { Environment, LifecycleEvent, SocketPort } from './environment.ts';
export type { SubscriptionState } from './feed.ts';
export type { Gap, Item, Live, Message } from './items.ts';
export type { PublishOptions, QueueOptions, Receipt } from './publishing.ts';
export type { ClientStorage, Saved, StorageHost } from './storage.ts';
export type { Since } from './subscription-ports.ts';
export type { TokenRequest, TokenSource } from './tokens.ts';
export type { Handlers, ReadOptions, Topic } from './topic.ts';
export type { Position } from '../protocol/position.ts';

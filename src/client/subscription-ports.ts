/** What the topics of a client need of it. */
import type { Position } from '../protocol/position.ts';
import type { Environment } from './environment.ts';
import type { Link } from './link.ts';
import type { Requests } from './requests.ts';

/** Where a reader begins: where it left off (else now), now, at a position, at the first or the last so many of the log. */
export type Since = 'stored' | 'live' | 'earliest' | Position | { readonly last: number };

export interface SubscriptionPorts {
  readonly environment: Environment;
  readonly requests: Requests;
  readonly lingerMs: number;
  /** The connection, when it can be written to. */
  link(): Link | null;
  /** Where a topic was left. */
  stored(topic: string): Position | undefined;
  readonly isMine: (key: string) => boolean;
  /** Everything has been asked for and answered there. */
  settled(link: Link): void;
  /** A hole came that nobody announced, which must never be. */
  violated(topic: string): void;
  changed(topic: string): void;
}

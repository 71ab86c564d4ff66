/** What survives a connection: the port. A session helps clients that keep no positions of their own. */
import type { Refusal } from '../protocol/errors.ts';
import type { Position } from '../protocol/position.ts';

export interface Session {
  readonly id: string;
  readonly tenant: string;
  readonly user: string;
  /** Topics and patterns as the client named them. */
  readonly subscriptions: readonly string[];
  /** Per topic (the client's name) the position last acknowledged, else the one at subscribe. */
  readonly positions: Readonly<Record<string, Position>>;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

export interface SessionStore {
  /** Whether sessions outlive the node. If not, a session is written when its connection closes, not before. */
  readonly outlivesNode: boolean;
  /** After so many beats a session is written again although nothing changed, so that it does not expire; 0: never. */
  readonly renewAfterBeats: number;
  save(session: Session): void;
  load(id: string, reply: (answer: Session | null | Refusal) => void): void;
}

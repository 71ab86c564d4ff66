import type { PresenceRules } from '../presence/presence-rules.ts';
import type { Presence } from '../presence/presence.ts';

/** What a node that keeps presence has; a node without any rule for it has none. */
export interface PresenceService {
  readonly presence: Presence;
  readonly rules: PresenceRules;
  /** Bytes of what a member says of itself. */
  readonly dataBytes: number;
  /** Members of a topic up to which they are listed. */
  readonly listed: number;
}

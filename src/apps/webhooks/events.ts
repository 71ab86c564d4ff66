/** What the backend is told, each event as one JSON text that says by itself what happened, where and when. */
import type { Principal } from '../../auth/principal.ts';
import type { Published } from '../../broker/broker.ts';
import type { ConnectionFacts } from '../../service/connection-events.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Told } from './settings.ts';

export class Events {
  private readonly node: string;
  private readonly run: string;
  private readonly clock: Clock;
  private count = 0;

  /** @param run tells this run of the node from others: ids never come again, and begin with a letter, as words of a command */
  constructor(node: string, run: string, clock: Clock) {
    this.node = node;
    this.run = run;
    this.clock = clock;
  }

  nodeStarted(): string {
    return this.event('node_started', {});
  }

  connection(type: Told, facts: ConnectionFacts, more: object = {}): string {
    return this.event(type, { connection: connectionOf(facts), ...more });
  }

  /** @param payload as JSON text; `null` leaves it out */
  published(principal: Principal, topic: string, { id, position }: Published, payload: string | null): string {
    const { tenant, user } = principal;
    const event = this.event('published', { tenant, user, topic, message: { id, position } });
    // JSON already: the two braces are the event's and its message's.
    return payload === null ? event : `${event.slice(0, -2)},"payload":${payload}}}`;
  }

  private event(type: Told, facts: object): string {
    this.count += 1;
    return JSON.stringify({ id: `${this.run}-${this.count}`, type, at: this.clock.now(), node: this.node, ...facts });
  }
}

function connectionOf({ id, principal, address }: ConnectionFacts): object {
  return { id, ...whoIs(principal), address };
}

/** A principal, as the backend is told of it. Nothing that could be used in the user's name. */
export function whoIs({ tenant, user, roles }: Principal): {
  readonly tenant: string;
  readonly user: string;
  readonly roles: readonly string[];
} {
  return { tenant, user, roles };
}

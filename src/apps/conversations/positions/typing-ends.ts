/**
 * Says that a member has stopped typing when it has not said so itself: its connection is gone, its process or its whole node
 * was killed. Clients that know `until` need no such word; those of Socket.IO go by it. Every node remembers who types. The
 * node of the typist speaks when the time is over; the others a little later, in case that one has died, and under one key,
 * so that members are told once.
 */
import type { Timer } from '../../../telemetry/clock.ts';
import { dropOldest } from '../../../telemetry/drop-oldest.ts';
import type { Host } from '../../host-api.ts';
import type { Actor } from '../ports.ts';
import { tellLive } from './live.ts';

const EVENT = 'typing';
const SWEEP_MS = 500;
/** How much later than the typist's node the others speak. */
const OTHERS_MS = 2_000;
/** Typists that a node remembers; of the oldest beyond them nobody hears that they have stopped. */
const MAX_TYPISTS = 100_000;

interface Typing extends Pick<Actor, 'tenant' | 'user'> {
  readonly name?: string;
}

interface Typist extends Typing {
  readonly conversation: string;
  readonly until: number;
  /** By the monotonic clock of this node, in ms. */
  readonly endsAt: number;
}

interface Heard extends Typing {
  readonly conversation: string;
  /** `null`: it has stopped, and the members were told. */
  readonly until: number | null;
  /** How long from now: clocks of nodes need not agree. */
  readonly forMs: number;
}

type EndsHost = Pick<
  Host,
  'node' | 'publish' | 'isRefusal' | 'emit' | 'on' | 'background' | 'clock' | 'scheduler' | 'log'
>;

/** Tells all nodes, this one included. @param until `null`: it has stopped */
export function tellTyping(
  host: Pick<Host, 'emit' | 'clock'>,
  { tenant, user, name }: Typing,
  conversation: string,
  until: number | null,
): void {
  const forMs = until === null ? 0 : until - host.clock.now();
  const who = { tenant, user, ...(name !== undefined && { name }) };
  host.emit(EVENT, { ...who, conversation, until, forMs } satisfies Heard);
}

/** Of one node. */
export class TypingEnds {
  private readonly host: EndsHost;
  private readonly timer: Timer;
  private readonly typists = new Map<string, Typist>();

  constructor(host: EndsHost) {
    this.host = host;
    host.on(EVENT, (data, { node }) => this.heard(data as unknown as Heard, node === host.node));
    this.timer = host.scheduler.every(SWEEP_MS, () => this.sweep());
  }

  stop(): void {
    this.timer.cancel();
  }

  private heard({ conversation, until, forMs, ...who }: Heard, isOwn: boolean): void {
    const key = JSON.stringify([who.tenant, conversation, who.user]);
    // The newest is behind all others.
    this.typists.delete(key);
    if (until === null) return;
    const endsAt = this.host.clock.elapsed() + forMs + (isOwn ? 0 : OTHERS_MS);
    this.typists.set(key, { ...who, conversation, until, endsAt });
    dropOldest(this.typists, MAX_TYPISTS);
  }

  private sweep(): void {
    const now = this.host.clock.elapsed();
    for (const [key, typist] of this.typists) {
      if (typist.endsAt > now) continue;
      this.typists.delete(key);
      void this.host.background('messaging: typing', () => this.end(typist));
    }
  }

  private async end({ tenant, user, name, conversation, until }: Typist): Promise<void> {
    const event = { event: 'typing', user, ...(name !== undefined && { name }), isTyping: false } as const;
    await tellLive({ host: this.host }, { tenant, user }, conversation, event, `typing.${user}.${until}`);
    tellTyping(this.host, { tenant, user }, conversation, null);
  }
}

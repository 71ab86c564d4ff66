/** A node's part of presence on virtual time: the real presence and upkeep, with a lease that it renews while it can. */
import { MemoryPresenceStore } from '../presence/memory.ts';
import { Presence, type PresenceOptions, type PresenceParts } from '../presence/presence.ts';
import { Upkeep, type UpkeepOptions, type UpkeepParts } from '../presence/upkeep.ts';
import type { Clock } from '../telemetry/clock.ts';
import { Counters } from '../telemetry/counters.ts';
import { silentLog } from '../telemetry/log.ts';
import type { SimulatedPresenceStore } from './simulated-presence.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What a test may replace by something broken, to prove that the simulation notices. */
export interface PresenceWorldParts {
  readonly presence: (...args: ConstructorParameters<typeof Presence>) => Presence;
  readonly upkeep: (options: UpkeepOptions, parts: UpkeepParts) => Upkeep;
  readonly store: (...args: ConstructorParameters<typeof MemoryPresenceStore>) => MemoryPresenceStore;
}

export const REAL_PRESENCE: PresenceWorldParts = {
  presence: (...args) => new Presence(...args),
  upkeep: (...args) => new Upkeep(...args),
  store: (...args) => new MemoryPresenceStore(...args),
};

const LOOK_MS = 5_000;
const RENEW_MS = 5_000;

interface Setup {
  readonly instance: string;
  readonly options: PresenceOptions;
  readonly store: SimulatedPresenceStore;
  readonly clock: VirtualClock;
  /** What the time of day is wrong by, on this node. */
  readonly skewMs?: number | undefined;
  /** Between two topics of a dead node. */
  readonly paceMs?: number;
  readonly parts?: PresenceWorldParts;
}

export class SimulatedPresenceNode {
  readonly instance: string;
  readonly presence: Presence;
  readonly upkeep: Upkeep;
  readonly counters = new Counters();
  /** Until then it has no Redis. */
  cutUntil = 0;
  isDead = false;
  private readonly clock: VirtualClock;

  constructor({ instance, options, store, clock, skewMs = 0, paceMs = 5, parts = REAL_PRESENCE }: Setup) {
    this.instance = instance;
    this.clock = clock;
    const { counters } = this;
    const own: Clock = { now: () => clock.now() + skewMs, elapsed: () => clock.elapsed() };
    const seen = store.for(() => this.isCut);
    const given: PresenceParts = { store: seen, clock: own, scheduler: clock, counters };
    this.presence = parts.presence(options, given, instance);
    const upkeep = { lookMs: LOOK_MS, graceMs: options.graceMs, paceMs };
    this.upkeep = parts.upkeep(upkeep, { ...given, presence: this.presence, log: silentLog });
    store.renew(instance);
    clock.every(1_000, () => !this.isDead && this.presence.sweep());
    clock.every(RENEW_MS, () => !this.isCut && store.renew(instance));
    this.upkeep.start();
  }

  /** As `kill -9`. */
  kill(): void {
    this.isDead = true;
    this.upkeep.stop();
  }

  private get isCut(): boolean {
    return this.isDead || this.cutUntil > this.clock.elapsed();
  }
}

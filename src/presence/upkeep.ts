/**
 * What a node does for presence that all nodes share: notices that its own entries were lost or removed and tells them
 * anew, and removes what dead nodes have left. At rest that is one look every few seconds, however many are present.
 */
import { isRefusal } from '../protocol/errors.ts';
import type { Topic } from '../protocol/topic.ts';
import type { Clock, Scheduler, Timer } from '../telemetry/clock.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Log } from '../telemetry/log.ts';
import type { Presence } from './presence.ts';
import type { Overview, PresenceStore } from './presence-store.ts';

export interface UpkeepOptions {
  readonly lookMs: number;
  /** A node without a lease has so long to be missed: its clients may come back elsewhere. */
  readonly graceMs: number;
  /** Between two topics of a dead owner. */
  readonly paceMs: number;
}

export interface UpkeepParts {
  readonly presence: Presence;
  readonly store: PresenceStore;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly counters: Counters;
  readonly log: Log;
}

const TOPICS_AT_ONCE = 100;

export class Upkeep {
  private timer: Timer | null = null;
  private era = '';
  /** Since when owners have had no lease, by this node's own clock: clocks are never compared. */
  private readonly absentSince = new Map<string, number>();
  private readonly ending = new Set<string>();
  private isStopped = false;
  private readonly options: UpkeepOptions;
  private readonly parts: UpkeepParts;

  constructor(options: UpkeepOptions, parts: UpkeepParts) {
    this.options = options;
    this.parts = parts;
  }

  start(): void {
    this.timer = this.parts.scheduler.every(this.options.lookMs, () => this.look());
    // Before the first client: a server that is another one at the next look may have lost what it wrote.
    this.look();
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
  }

  look(): void {
    const { presence, store } = this.parts;
    // As it is before the question: what is stored meanwhile may not be in the answer.
    const { owner, isTaken } = presence;
    store.look((answer) => {
      if (this.isStopped || isRefusal(answer)) return;
      this.lookAtOwn(answer, owner === presence.owner && isTaken);
      this.lookAtOthers(answer);
    });
  }

  /** Another server than before may have lost what was written last: all of it is told again, and then the old removed. */
  private lookAtOwn({ era, owners }: Overview, isTaken: boolean): void {
    const { presence, log } = this.parts;
    const isOtherEra = era !== this.era && (this.era !== '' || isTaken);
    this.era = era;
    const own = owners.find(({ owner }) => owner === presence.owner);
    const isLost = own === undefined ? isTaken : own.isEnding;
    // Also where nobody is here: that the last one has left may be what was lost.
    if (!isLost && !(isOtherEra && (own !== undefined || presence.isTaken))) return;
    log.info('Presence is told anew', { why: isOtherEra ? 'another server' : 'entries were lost or removed' });
    presence.beginAnew();
  }

  private lookAtOthers({ owners }: Overview): void {
    const { presence, clock } = this.parts;
    const now = clock.elapsed();
    const known = new Set(owners.map(({ owner }) => owner));
    for (const owner of this.absentSince.keys()) if (!known.has(owner)) this.absentSince.delete(owner);
    for (const { owner, isLive, isEnding } of owners) {
      if (owner === presence.owner) continue;
      // An earlier run of this node. Entries are told anew before the old ones are removed: nobody leaves for it.
      if (presence.wasOwner(owner)) {
        if (!presence.isUntold) this.end(owner);
      } else if (isEnding) this.end(owner);
      else if (isLive) this.absentSince.delete(owner);
      else {
        const since = this.absentSince.get(owner) ?? now;
        this.absentSince.set(owner, since);
        if (now - since >= this.options.graceMs) this.end(owner);
      }
    }
  }

  /** A node that is told that it may, removes; the others look again later, in case that one has died. */
  private end(owner: string): void {
    if (this.ending.has(owner)) return;
    this.ending.add(owner);
    this.parts.store.end(owner, (mayRemove) => {
      if (mayRemove === true) this.removeSome(owner);
      else this.ending.delete(owner);
    });
  }

  private removeSome(owner: string): void {
    this.parts.store.topicsOf(owner, TOPICS_AT_ONCE, (topics) => {
      if (this.isStopped || isRefusal(topics)) return void this.ending.delete(owner);
      if (topics.length > 0) return this.removeNext(owner, [...topics]);
      this.parts.store.forget(owner);
      this.ending.delete(owner);
      this.absentSince.delete(owner);
    });
  }

  private removeNext(owner: string, topics: Topic[]): void {
    const [topic] = topics;
    if (topic === undefined) return this.removeSome(owner);
    this.parts.store.remove(owner, topic, 'node_lost', (answer): void => {
      if (this.isStopped || isRefusal(answer)) {
        this.ending.delete(owner);
        return;
      }
      this.parts.counters.presenceReaped += answer.removed;
      const gone = (answer.touched ?? []).filter(({ hasChanged }) => hasChanged);
      this.parts.presence.touched(topic, gone);
      if (!answer.isMore) topics.shift();
      this.parts.scheduler.after(this.options.paceMs, () => this.removeNext(owner, topics));
    });
  }
}

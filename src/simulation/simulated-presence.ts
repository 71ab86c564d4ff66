/**
 * A store of presence that several nodes share, on virtual time: calls are lost before or after their effect, nodes are
 * cut off, everything is emptied, or what was written last is lost with the server that had it.
 */
import type { MemoryPresenceStore } from '../presence/memory.ts';
import type { CountMode, Overview, PresenceStore } from '../presence/presence-store.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { Topic } from '../protocol/topic.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** As the leases of nodes in the control bus. */
const LEASE_MS = 15_000;
/** What a failover may lose. */
const KEPT_MS = 1_000;

export interface Told {
  readonly sequence: number;
  readonly payload: string;
}

type Call = (store: MemoryPresenceStore) => void;

const AWAY = refusal('log_unavailable', 'the store is away', 1_000);
const UNKNOWN = refusal('outcome_unknown', 'the answer was lost', 1_000);

export class SimulatedPresenceStore {
  /** Of the log and of the server: readers of another one read anew. */
  epoch = 1;
  isHealed = false;
  /** What all nodes have asked of it. */
  calls = 0;
  log: Told[] = [];
  /** Called with every message, when it is appended. */
  told: (payload: string) => void = () => {};
  private kept: MemoryPresenceStore;
  private readonly endings = new Set<string>();
  private readonly leases = new Map<string, number>();
  private history: { readonly at: number; readonly call: Call }[] = [];
  private isReplaying = false;
  private readonly mode: CountMode;
  private readonly clock: VirtualClock;
  private readonly random: SeededRandom;
  private readonly make: (...args: ConstructorParameters<typeof MemoryPresenceStore>) => MemoryPresenceStore;

  constructor(
    mode: CountMode,
    clock: VirtualClock,
    random: SeededRandom,
    make: (...args: ConstructorParameters<typeof MemoryPresenceStore>) => MemoryPresenceStore,
  ) {
    this.mode = mode;
    this.clock = clock;
    this.random = random;
    this.make = make;
    this.kept = this.fresh();
  }

  renew(instance: string): void {
    this.leases.set(instance, this.clock.elapsed() + LEASE_MS);
  }

  /** As `FLUSHALL`. */
  empty(): void {
    this.lose(() => false);
    this.leases.clear();
  }

  /** Another server goes on without what was written last. */
  failOver(): void {
    const until = this.clock.elapsed() - KEPT_MS;
    this.lose(({ at }) => at <= until);
  }

  /** What a node sees of it. @param isCut whether the node is cut off */
  for(isCut: () => boolean): PresenceStore {
    return {
      apply: (batch, reply) => this.call(isCut, true, (store) => store.apply(batch, reply), reply),
      members: (topic, request, reply) =>
        this.call(isCut, false, (store) => store.members(topic, request, reply), reply),
      counts: (topics, reply) => this.call(isCut, false, (store) => store.counts(topics, reply), reply),
      look: (reply) => this.call(isCut, false, () => reply(this.overview()), reply),
      end: (owner, reply) =>
        this.call(
          isCut,
          true,
          (store) => store.end(owner, reply),
          reply,
          () => this.endings.add(owner),
        ),
      topicsOf: (owner, limit, reply) => this.call(isCut, false, (store) => store.topicsOf(owner, limit, reply), reply),
      remove: (owner, topic, reason, reply) =>
        this.call(isCut, true, (store) => store.remove(owner, topic, reason, reply), reply),
      forget: (owner) => {
        if (isCut()) return;
        this.endings.delete(owner);
        this.keep((store) => store.forget(owner));
      },
    };
  }

  /** As a reader sees it, who is never cut off. */
  page(topic: Topic): {
    readonly count: number;
    readonly members: ReadonlyMap<string, { data: string; sequence: number }>;
  } {
    let page: ReturnType<SimulatedPresenceStore['page']> = { count: -1, members: new Map() };
    this.kept.members(topic, { after: '', limit: 1_000 }, (answer) => {
      if ('members' in answer)
        page = {
          count: answer.count,
          members: new Map(answer.members.map(({ member, data, sequence }) => [member, { data, sequence }])),
        };
    });
    return page;
  }

  private overview(): Overview {
    let owners: Overview['owners'] = [];
    this.kept.look((answer) => {
      if ('owners' in answer) owners = answer.owners;
    });
    const now = this.clock.elapsed();
    const isLive = (owner: string): boolean => (this.leases.get(owner.slice(0, owner.lastIndexOf('.'))) ?? 0) > now;
    return { era: `era${this.epoch}`, owners: owners.map((one) => ({ ...one, isLive: isLive(one.owner) })) };
  }

  /** Carried out after a while, or not at all, or without an answer. */
  private call(
    isCut: () => boolean,
    isWrite: boolean,
    work: Call,
    reply: (answer: Refusal) => void,
    first: () => void = () => {},
  ): void {
    this.calls += 1;
    const fate = this.isHealed ? 1 : this.random.fraction();
    this.clock.after(this.random.between(1, 200), () => {
      if (isCut() || fate < 0.05) return reply(AWAY);
      if (fate >= 0.1) {
        first();
        return isWrite ? this.keep(work) : work(this.kept);
      }
      // Done, and nobody is told.
      if (isWrite) this.silently(() => this.keep(work));
      reply(UNKNOWN);
    });
  }

  private isSilent = false;

  private silently(work: () => void): void {
    this.isSilent = true;
    work();
    this.isSilent = false;
  }

  private keep(call: Call): void {
    this.history.push({ at: this.clock.elapsed(), call });
    call(this.isSilent ? quiet(this.kept) : this.kept);
  }

  private lose(isKept: (write: { readonly at: number }) => boolean): void {
    this.epoch += 1;
    this.log = [];
    this.endings.clear();
    this.history = this.history.filter(isKept);
    this.kept = this.fresh();
    this.isReplaying = true;
    for (const { call } of this.history) call(quiet(this.kept));
    this.isReplaying = false;
  }

  private fresh(): MemoryPresenceStore {
    const logs = {
      append: (_: Topic, payload: string) => {
        const sequence = this.log.length + 1;
        this.log.push({ sequence, payload });
        if (!this.isReplaying) this.told(payload);
        return { epoch: String(this.epoch), sequence };
      },
      position: () => ({ epoch: String(this.epoch), sequence: this.log.length }),
    };
    return this.make(this.mode, logs, this.clock);
  }
}

/** The same store, whose answers nobody hears. */
function quiet(store: MemoryPresenceStore): MemoryPresenceStore {
  return new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown =>
        Reflect.apply(
          member,
          target,
          args.map((arg) => (typeof arg === 'function' ? () => {} : arg)),
        );
    },
  });
}

/**
 * Several nodes with the real presence and its upkeep over a store that loses calls and data, clients that come, go, flap
 * and move, and readers that keep a map from pages and changes, as the client library does.
 */
import type { PresenceOptions } from '../presence/presence.ts';
import { isRefusal } from '../protocol/errors.ts';
import { SimulatedPresenceNode, type PresenceWorldParts } from './presence-node.ts';
import { PresenceReader } from './presence-reader.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedPresenceStore } from './simulated-presence.ts';
import { promise } from './violation.ts';
import { VirtualClock } from './virtual-clock.ts';

const TOPIC = 'chat.lobby';
const USERS = ['ada', 'bob', 'cyd', 'dan', 'eve', 'fay', 'gus'];
const MODE = { from: 6, below: 4 };
const OPTIONS: PresenceOptions = {
  batches: { batchMs: 250, largeBatchMs: 1_000, largeFrom: 4, retryMs: 1_000 },
  graceMs: 15_000,
  perConnection: 50,
  rates: { changes: 5, windowMs: 10_000 },
};
/** What nodes' clocks are wrong by: nobody compares them. */
const SKEWS_MS = [0, 300_000, -300_000];
/** Lease, look, grace, another look, and room for what is told anew: nobody is a ghost for longer. */
const QUIET_MS = 120_000;

/** A connection of a user, as it sees itself. */
interface Member {
  readonly key: string;
  readonly user: string;
  readonly node: SimulatedPresenceNode;
  data: string;
  /** The store has said that it knows, under this run of the node and this server. */
  knownTo: string | null;
}

export class PresenceWorld {
  private readonly random: SeededRandom;
  private readonly clock = new VirtualClock();
  private readonly store: SimulatedPresenceStore;
  private readonly nodes: SimulatedPresenceNode[] = [];
  private members: Member[] = [];
  private readonly readers: PresenceReader[];
  private readonly parts: PresenceWorldParts;
  /** When users' connections last broke, and when users last said that they leave. */
  private readonly brokenAt = new Map<string, number>();
  private readonly leftAt = new Map<string, number>();
  private lastNumber = 0;

  constructor(seed: number, parts: PresenceWorldParts) {
    this.parts = parts;
    this.random = new SeededRandom(seed);
    this.store = new SimulatedPresenceStore(MODE, this.clock, this.random, parts.store);
    this.store.told = (payload) => this.checkLeaves(payload);
    this.readers = [0, 1].map(() => new PresenceReader(this.store, TOPIC));
    for (let at = 0; at < 3; at += 1) this.startNode();
  }

  /** @throws Violation when a promise was broken */
  run(steps: number): void {
    for (let step = 0; step < steps; step += 1) {
      this.clock.advance(this.random.between(1, 3_000));
      this.step(this.random.fraction());
      for (const reader of this.readers) if (this.random.chance(0.5)) reader.readOn();
    }
    this.heal();
  }

  private step(draw: number): void {
    if (draw < 0.3) this.enter();
    else if (draw < 0.5) this.goAway(this.random.chance(0.6));
    else if (draw < 0.6) this.update();
    else if (draw < 0.8) this.move();
    else if (draw < 0.84) this.kill();
    else if (draw < 0.88) this.drain();
    else if (draw < 0.92) this.cut();
    else if (draw < 0.96) this.loseData();
    else this.readers[this.random.between(0, 1)]?.readAnew();
  }

  private loseData(): void {
    this.brokenAt.clear();
    if (this.random.chance(0.5)) this.store.empty();
    else this.store.failOver();
  }

  private startNode(): void {
    this.lastNumber += 1;
    const { store, clock, parts } = this;
    const skewMs = SKEWS_MS[this.lastNumber % SKEWS_MS.length];
    const instance = `n${this.lastNumber}`;
    this.nodes.push(new SimulatedPresenceNode({ instance, options: OPTIONS, store, clock, skewMs, parts }));
  }

  private get living(): SimulatedPresenceNode[] {
    return this.nodes.filter(({ isDead }) => !isDead);
  }

  private enter(user = this.random.pick(USERS)): void {
    this.lastNumber += 1;
    const member: Member = {
      key: `c${this.lastNumber}`,
      user,
      node: this.random.pick(this.living),
      data: this.drawData(),
      knownTo: null,
    };
    this.members.push(member);
    this.say(member);
  }

  private say(member: Member): void {
    const { key, user, data, node } = member;
    const identity = { member: user, who: `"user":"${user}"` };
    node.presence.enter(key, TOPIC, identity, data, (answer) => {
      if (!isRefusal(answer)) member.knownTo = this.placeOf(node);
    });
  }

  private placeOf({ presence }: SimulatedPresenceNode): string {
    return `${presence.owner} ${this.store.epoch}`;
  }

  private update(): void {
    const member = this.drawMember();
    if (member === undefined) return;
    member.data = this.drawData();
    this.say(member);
  }

  private drawData(): string {
    // All connections of a user say the same, as of one document: whose data is the newest is not asked here.
    return '{}';
  }

  private drawMember(): Member | undefined {
    return this.members.length === 0 ? undefined : this.random.pick(this.members);
  }

  private goAway(isClean: boolean): void {
    const member = this.drawMember();
    if (member !== undefined) this.remove(member, isClean);
  }

  private remove(member: Member, isClean: boolean): void {
    this.members = this.members.filter((other) => other !== member);
    const now = this.clock.elapsed();
    // An older connection in its grace keeps a user who has left: then that grace ends it.
    this.brokenAt.delete(member.user);
    if (isClean) this.leftAt.set(member.user, now);
    else if (this.isKnown(member)) this.brokenAt.set(member.user, now);
    if (isClean) member.node.presence.leave(member.key, TOPIC, 'left', null);
    member.node.presence.closed(member.key, false);
  }

  /** A connection breaks, and its client is back at once or soon, on any node. */
  private move(): void {
    const member = this.drawMember();
    if (member === undefined) return;
    this.remove(member, false);
    const { user } = member;
    this.clock.after(this.random.between(0, 5_000), () => this.enter(user));
  }

  private kill(): void {
    if (this.living.length < 2) return;
    const node = this.random.pick(this.living);
    this.end(node);
  }

  private drain(): void {
    if (this.living.length < 2) return;
    const node = this.random.pick(this.living);
    node.presence.drain();
    for (const { key } of this.members.filter((member) => member.node === node)) node.presence.closed(key, false);
    this.clock.advance(500);
    this.end(node);
  }

  private end(node: SimulatedPresenceNode): void {
    node.kill();
    const lost = this.members.filter((member) => member.node === node);
    this.members = this.members.filter((member) => member.node !== node);
    for (const { user } of lost)
      if (this.random.chance(0.7)) this.clock.after(this.random.between(0, 10_000), () => this.enter(user));
    this.startNode();
  }

  private cut(): void {
    this.random.pick(this.living).cutUntil = this.clock.elapsed() + this.random.between(1_000, 60_000);
  }

  /** Nobody is told that somebody left whom the store is known to know, as of a connection that is still there. */
  private checkLeaves(payload: string): void {
    const { changes = [] } = JSON.parse(payload) as { changes?: { op: string; user: string; reason?: string }[] };
    for (const { op, user, reason } of changes) {
      if (op !== 'leave') continue;
      const now = this.clock.elapsed();
      const waits = reason === 'left' || reason === 'node_lost' ? null : (this.brokenAt.get(user) ?? -OPTIONS.graceMs);
      promise(
        waits === null || now - waits >= OPTIONS.graceMs,
        'nobody leaves within the grace',
        () => `${user} (${reason}) left ${now - (waits ?? 0)} ms after its connection broke`,
      );
      promise(
        reason !== 'left' || now - (this.leftAt.get(user) ?? -QUIET_MS) < QUIET_MS,
        'only those leave who say so',
        () => `${user} has not left`,
      );
      const there = this.members.find((member) => member.user === user && this.isKnown(member));
      promise(there === undefined, 'nobody leaves who is there', () => `${user} (${reason}) is there as ${there?.key}`);
    }
  }

  /** The store is known to know it. */
  private isKnown({ node, knownTo }: Member): boolean {
    return knownTo === this.placeOf(node) && !this.isLapsed(node);
  }

  /** Others may take the node for dead. */
  private isLapsed({ cutUntil }: SimulatedPresenceNode): boolean {
    return cutUntil > 0 && cutUntil + QUIET_MS > this.clock.elapsed();
  }

  private heal(): void {
    this.store.isHealed = true;
    for (const node of this.living) node.cutUntil = Math.min(node.cutUntil, this.clock.elapsed());
    this.clock.advance(QUIET_MS);
    const expected = [...new Set(this.members.map(({ user }) => user))].sort();
    const page = this.store.page(TOPIC);
    promise(
      [...page.members.keys()].sort().join() === expected.join(),
      'at rest those are present who are connected',
      () => `expected ${expected.join()}, got ${[...page.members.keys()].join()}`,
    );
    promise(page.count === expected.length, 'the count is that of the members', () => `${page.count}`);
    for (const reader of this.readers) {
      reader.readOn();
      const seen = reader.members();
      promise(
        seen.join() === expected.join(),
        'readers know who is present',
        () => `${seen.join()} for ${expected.join()}`,
      );
    }
    for (const { presence } of this.living)
      promise(!presence.isBusy, 'a node comes to rest', () => `${presence.owner} still tells something`);
  }
}

/**
 * Several nodes whose clocks differ, with the real standing orders and revocations, over a model of what keeps them:
 * commands' messages are lost, late and in another order, the store is away and loses everything, nodes come and go.
 * One operation is over before the next begins, so two nodes' calls to the store do not interleave here.
 */
import type { Principal } from '../auth/principal.ts';
import { Revocations } from '../auth/revocations.ts';
import type { Command } from '../control/command.ts';
import { StandingOrders, type Given, type StandingOrdersParts } from '../control/standing-orders.ts';
import { silentLog } from '../telemetry/log.ts';
import type { Clock } from '../telemetry/clock.ts';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedOrderStore } from './simulated-order-store.ts';
import { promise } from './violation.ts';
import { VirtualClock } from './virtual-clock.ts';

/** What a test may replace by something broken, to prove that the simulation notices. */
export interface ControlParts {
  readonly store: (clock: Clock) => SimulatedOrderStore;
  readonly standing: (parts: StandingOrdersParts) => StandingOrders;
  readonly revocations: () => Revocations;
  /** What a node makes of a command before it carries it out. */
  readonly received: (command: Command) => Command;
  readonly admits: (standing: StandingOrders) => boolean;
}

export const REAL_CONTROL: ControlParts = {
  store: (clock) => new SimulatedOrderStore(clock),
  standing: (parts) => new StandingOrders(parts),
  revocations: () => new Revocations(),
  received: (command) => command,
  admits: (standing) => standing.isRead,
};

const USERS = ['ann', 'bob', 'eve'];
const SHORT_SECS = 3_600;
const LONG_SECS = 36_000;
const MAX_SKEW_MS = 10_000;

/** A revocation as it was meant. */
interface Meant {
  readonly user: string;
  /** Tokens issued until here, in ms of the true time. */
  readonly before: number;
  readonly until: number;
  isSaved: boolean;
  losses: number;
}

interface SimulatedNode {
  readonly clock: Clock;
  readonly standing: StandingOrders;
  readonly revocations: Revocations;
  /** Messages on their way to it. */
  readonly inbox: Given[];
}

export class ControlWorld {
  private readonly random: SeededRandom;
  private readonly time = new VirtualClock();
  private readonly store: SimulatedOrderStore;
  private readonly meant: Meant[] = [];
  private nodes: SimulatedNode[] = [];
  private readonly parts: ControlParts;

  constructor(seed: number, parts: ControlParts) {
    this.random = new SeededRandom(seed);
    this.parts = parts;
    this.store = parts.store(this.time);
  }

  /** @throws Violation when a promise was broken */
  async run(steps: number): Promise<void> {
    const { random } = this;
    await this.start();
    for (let step = 0; step < steps; step += 1) {
      this.time.advance(random.between(1, 4_000));
      const draw = random.fraction();
      if (draw < 0.3) await this.revoke();
      else if (draw < 0.5) this.deliver(random.pick(this.nodes));
      else if (draw < 0.75) await this.refresh(random.pick(this.nodes));
      else if (draw < 0.85 && this.nodes.length < 4) await this.start();
      else if (draw < 0.9) this.store.isAway = !this.store.isAway;
      else if (draw < 0.95) this.store.empty();
      else if (this.nodes.length > 1) await this.leave();
    }
    await this.calm();
  }

  private async start(): Promise<void> {
    const skew = this.random.between(-MAX_SKEW_MS, MAX_SKEW_MS);
    const { time, random } = this;
    const clock: Clock = { now: () => time.now() + skew, elapsed: () => time.elapsed() };
    const revocations = this.parts.revocations();
    const standing = this.parts.standing({
      store: this.store,
      clock,
      scheduler: time,
      log: silentLog,
      execute: (command) => execute(this.parts.received(command), revocations, clock),
      askOthers: async () => {
        for (const node of this.nodes) await node.standing.recall();
      },
    });
    const node: SimulatedNode = { clock, standing, revocations, inbox: [] };
    if (random.chance(0.9)) await standing.refresh();
    this.nodes.push(node);
    this.checkAdmitted(node);
  }

  /** A node that ends has written what it owed, and the others have looked: what one node alone knows is lost with it. */
  private async leave(): Promise<void> {
    const node = this.random.pick(this.nodes);
    this.store.isAway = false;
    await this.refresh(node);
    this.nodes = this.nodes.filter((other) => other !== node);
    for (const other of this.nodes) await this.refresh(other);
  }

  private async refresh(node: SimulatedNode): Promise<void> {
    await node.standing.refresh();
    this.checkAdmitted(node);
  }

  private async revoke(): Promise<void> {
    const able = this.nodes.filter(({ standing }) => standing.isRead);
    if (able.length === 0) return;
    const { random } = this;
    const node = random.pick(able);
    const user = random.pick(USERS);
    const now = this.time.now();
    const age = random.chance(0.5) ? 0 : random.between(1, 60) * 1_000;
    const seconds = random.pick([SHORT_SECS, LONG_SECS]);
    const before = age === 0 ? {} : { issued_before: (now - age) / 1_000 };
    const command: Command = { name: 'revoke', arguments: { user, tenant: '', ttl_secs: seconds, ...before } };
    const given = node.standing.date(random.id(), command);
    execute(this.parts.received(given.command), node.revocations, node.clock);
    const order: Meant = { user, before: now - age, until: now + seconds * 1_000, isSaved: false, losses: 0 };
    this.meant.push(order);
    order.isSaved = await node.standing.give(given);
    order.losses = this.store.losses;
    for (const other of this.nodes) if (other !== node && random.chance(0.6)) other.inbox.push(given);
  }

  /** In any order. */
  private deliver(node: SimulatedNode): void {
    const [given] = node.inbox.splice(this.random.between(0, Math.max(0, node.inbox.length - 1)), 1);
    if (given === undefined) return;
    node.standing.hear(given);
    execute(this.parts.received(given.command), node.revocations, node.clock);
  }

  /** A token that is admitted has to be measured by everything that the others, or the store, could have told. */
  private checkAdmitted(node: SimulatedNode): void {
    if (!this.parts.admits(node.standing) || this.store.isAway) return;
    for (const order of this.meant) {
      const isElsewhere = this.nodes.some((other) => other !== node && isRevoked(other, order.user, order.before));
      const isThere = order.isSaved && (order.losses === this.store.losses || isElsewhere);
      promise(
        !isThere || isRevoked(node, order.user, order.before),
        'a node admits nobody on a token whose revocation is kept, or is known to another',
        () => `${order.user} was admitted with a token issued at ${order.before}`,
      );
    }
  }

  /** Faults end; everybody looks; then all nodes say the same of every token, and what was meant. */
  private async calm(): Promise<void> {
    this.store.isAway = false;
    for (let round = 0; round < 3; round += 1) {
      for (const node of this.nodes) {
        while (node.inbox.length > 0) this.deliver(node);
        await node.standing.refresh();
      }
    }
    await this.start();
    for (const node of this.nodes) await this.refresh(node);
    this.checkAll();
    // The shorter orders are over now, unless a longer order for the same user was given as well.
    this.time.advance((SHORT_SECS + LONG_SECS) * 500);
    this.checkAll();
  }

  private checkAll(): void {
    for (const user of USERS) {
      const orders = this.meant.filter((order) => order.user === user);
      const before = Math.max(...orders.map((order) => order.before));
      const holds = Math.max(...orders.map(({ until }) => until)) > this.time.now();
      const issued = orders.flatMap((order) => [order.before - 1, order.before, order.before + 1]);
      for (const node of this.nodes) {
        for (const at of issued) {
          promise(
            isRevoked(node, user, at) === (holds && at <= before),
            'every node revokes what was meant, and nothing else',
            () => `${user}'s token issued at ${at}, orders reach ${before} and ${holds ? 'hold' : 'are over'}`,
          );
        }
      }
    }
  }
}

/** As node/operations.ts does. */
function execute(command: Command, revocations: Revocations, clock: Clock): undefined {
  if (command.name !== 'revoke') return;
  const { user, tenant, issued_before: issuedBefore, ttl_secs: seconds } = command.arguments;
  revocations.add({ user, tenant, issuedBefore }, clock.now(), clock.now() + seconds * 1_000);
}

function isRevoked({ revocations, clock }: SimulatedNode, user: string, issuedAt: number): boolean {
  const principal: Principal = {
    tenant: '',
    user,
    roles: [],
    topics: null,
    tokenId: undefined,
    issuedAt,
    expiresAt: Infinity,
  };
  return revocations.problem(principal, clock.now()) !== null;
}

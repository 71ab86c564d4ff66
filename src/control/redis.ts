/**
 * The control bus over Redis. Commands go to all nodes by pub/sub and their acknowledgements come back the same way;
 * every live node has a lease. What lasts is kept (standing-orders.ts), and every node looks for changes before it
 * renews its lease: so a node that starts later, or missed a message, adopts it all the same.
 */
import type { Channels } from '../redis/channels.ts';
import { isFailure, type Command as RedisCommand } from '../redis/command-client.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Clock, Random, Scheduler, Timer } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import { ANSWER_MS, AwaitedOutcomes } from './awaited-outcomes.ts';
import type { Command, ControlBus, Departed, Execute, Member, Outcome } from './command.ts';
import { LastSeen } from './redis-last-seen.ts';
import { RedisOrderStore } from './redis-order-store.ts';
import { StandingOrders, type Given } from './standing-orders.ts';
import { readCommand } from './standing.ts';

/** What goes over the channels. */
type Message =
  | {
      readonly kind: 'command';
      readonly id: string;
      readonly from: string;
      readonly only: string | null;
      readonly dry: boolean;
      readonly command: unknown;
      /** By the service's time; an earlier version does not say it. */
      readonly at?: number;
      /** Nobody waits for an outcome, and operators have not given it. */
      readonly told?: boolean;
    }
  /** Redis was emptied: write back what you know, and say when it is done. */
  | { readonly kind: 'recall'; readonly id: string; readonly from: string }
  | { readonly kind: 'recalled'; readonly id: string; readonly instance: string }
  | { readonly kind: 'outcome'; readonly id: string; readonly instance: string; readonly outcome: Outcome };

const RENEW_MS = 5_000;
/** Between two looks at orders that could not be read yet. */
const UNREAD_MS = 250;
const LEASE_MS = 15_000;
const ALL = 'all';
const KINDS: ReadonlySet<string> = new Set<Message['kind']>(['command', 'outcome', 'recall', 'recalled']);
const NOT_KEPT = 'Redis did not keep it (is it full?): it is tried again, and until then who starts does not know it';
const SILENT = `did not answer within ${ANSWER_MS} ms, or has lost Redis or ended; it will adopt what lasts`;
const SUPERSEDED = 'a newer command holds here';

export class RedisControlBus implements ControlBus {
  private readonly channels: Channels;
  private readonly awaited: AwaitedOutcomes;
  /** Answers to a recall that are still to come, by its id. */
  private readonly recalls = new Map<string, { left: number; readonly done: () => void }>();
  private readonly standing: StandingOrders;
  private readonly lastSeen: LastSeen;
  private isSubscribed = false;
  private renewing: Promise<void> | null = null;
  /** Whether members could write themselves into the index lately. */
  private isIndexTrusted = false;
  private renewal: Timer | null = null;
  private soon: Timer | null = null;
  private isStopped = false;
  private execute: Execute = () => {
    throw new Error('the control bus was not started');
  };
  private describe: () => Member = () => {
    throw new Error('the control bus was not started');
  };
  private informed: () => void = () => {};
  private instance = '';
  private readonly link: RedisLink;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly scheduler: Scheduler;
  private readonly log: Log;

  /** To be made before the link is started. */
  constructor(link: RedisLink, clock: Clock, random: Random, scheduler: Scheduler, log: Log) {
    this.link = link;
    this.clock = clock;
    this.random = random;
    this.scheduler = scheduler;
    this.log = log;
    this.awaited = new AwaitedOutcomes(scheduler);
    this.channels = link.channels('control', {
      message: (_name, bytes) => this.received(bytes),
      reconnected: () => void this.listen(),
    });
    this.lastSeen = new LastSeen(link.keys);
    this.standing = new StandingOrders({
      store: new RedisOrderStore(link, random),
      clock,
      scheduler,
      log,
      execute: (command) => this.execute(command, false).problem,
      askOthers: () => this.recall(),
    });
  }

  async start(execute: Execute, describe: () => Member, informed: () => void): Promise<void> {
    this.execute = execute;
    this.describe = describe;
    this.informed = informed;
    this.instance = describe().instance;
    this.link.onAvailable(() => void this.renew());
    this.renewal = this.scheduler.every(RENEW_MS, () => void this.renew());
    await this.listen();
    await this.renew();
    // A node that starts much at once may have looked away from the first answer for too long.
    if (!this.standing.isRead && this.link.isAvailable) await this.renew();
  }

  async send(command: Command, dryRun: boolean, only?: string): Promise<readonly Outcome[]> {
    const given = this.standing.date(this.random.id(), command);
    const isForUs = only === undefined || only === this.describe().node;
    const own = isForUs ? this.execute(given.command, dryRun) : null;
    if (own?.problem !== undefined && only === undefined && isRefusedEverywhere(command)) return [own];
    // A command for one node only ends with it.
    const isKept = own?.applied === true && only === undefined && !dryRun;
    const isSaved = !isKept || (await this.standing.give(given));
    const others = await this.ask(given, { dryRun, only: only ?? null, isSaved });
    return own === null ? others : [own, ...others];
  }

  tell(command: Command): void {
    this.execute(command, false);
    const { instance: from } = this;
    void this.publish(ALL, {
      kind: 'command',
      id: this.random.id(),
      from,
      only: null,
      dry: false,
      command,
      told: true,
    });
  }

  async members(): Promise<readonly Member[]> {
    const ids = await this.liveInstances();
    if (ids === null) return [this.describe()];
    const read = ids.map((id): RedisCommand => ['GET', this.leaseKey(id)]);
    const results = await this.read(read);
    const members = results.flatMap((text) => (typeof text === 'string' ? [JSON.parse(text) as Member] : []));
    return members.sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  async departed(members: readonly Member[]): Promise<readonly Departed[]> {
    const [answer] = await this.read([this.lastSeen.question]);
    return this.lastSeen.departed(answer, members);
  }

  stop(): Promise<void> {
    this.isStopped = true;
    this.renewal?.cancel();
    this.soon?.cancel();
    return new Promise((resolve) => {
      const commands: RedisCommand[] = [
        ['DEL', this.leaseKey(this.instance)],
        ['ZREM', this.membersKey(), this.instance],
        this.lastSeen.goodbye(this.describe().node),
      ];
      this.link.write(commands, () => resolve());
    });
  }

  private listen(): Promise<void> {
    this.isSubscribed = false;
    return new Promise((resolve) => {
      // Before the start there is no name to listen under.
      if (this.instance === '') return resolve();
      this.channels.subscribe([ALL, this.instance], [], (failure) => {
        this.isSubscribed = failure === null;
        resolve();
      });
    });
  }

  /** A second caller waits for the one that is under way: a node that starts must not serve before its orders are read. */
  private renew(): Promise<void> {
    this.renewing ??= this.renewOnce().finally(() => {
      this.renewing = null;
    });
    return this.renewing;
  }

  /** Adopts what was decided meanwhile, then renews the lease: nobody is a member who does not know what holds. */
  private async renewOnce(): Promise<void> {
    await this.standing.refresh();
    if (!this.standing.isRead) {
      this.renewSoon();
      return;
    }
    this.informed();
    await this.renewLease();
  }

  /** The node takes nobody until it knows its orders. Where Redis is away, it looks when Redis is there again. */
  private renewSoon(): void {
    this.soon?.cancel();
    if (this.isStopped || !this.link.isAvailable) return;
    this.soon = this.scheduler.after(UNREAD_MS, () => void this.renew());
  }

  private async renewLease(): Promise<void> {
    const now = this.clock.now();
    const commands: RedisCommand[] = [
      ['SET', this.leaseKey(this.instance), JSON.stringify(this.describe()), 'PX', LEASE_MS],
      ['ZADD', this.membersKey(), now, this.instance],
      // Leases have their own expiry; this only keeps the index from growing. Members that cannot write themselves into
      // it, because Redis is full, are not old.
      ...(this.isIndexTrusted ? [['ZREMRANGEBYSCORE', this.membersKey(), '-inf', now - 10 * LEASE_MS] as const] : []),
      ...this.lastSeen.renewal(this.describe().node, now),
    ];
    const results = await new Promise<readonly unknown[]>((resolve) => this.link.write(commands, resolve));
    // Full: what is there already can still be kept alive, so that the members stay known.
    if (isFailure(results[0])) this.link.write([['PEXPIRE', this.leaseKey(this.instance), LEASE_MS]], () => {});
    this.isIndexTrusted = !isFailure(results[1]);
  }

  /** Asks those who are there for what they know, and waits until they have written it back or the time is over. */
  private async recall(): Promise<void> {
    const id = this.random.id();
    const results = await this.publish(ALL, { kind: 'recall', id, from: this.instance });
    const left = this.others(results);
    if (results.some(isFailure) || left <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.scheduler.after(ANSWER_MS, () => done());
      const done = (): void => {
        timer.cancel();
        this.recalls.delete(id);
        resolve();
      };
      this.recalls.set(id, { left, done });
    });
  }

  private async recalled({ id, from }: Message & { readonly kind: 'recall' }): Promise<void> {
    if (from === this.instance) return;
    await this.standing.recall();
    await this.publish(from, { kind: 'recalled', id, instance: this.instance });
  }

  private countRecalled(id: string): void {
    const recall = this.recalls.get(id);
    if (recall === undefined) return;
    recall.left -= 1;
    if (recall.left <= 0) recall.done();
  }

  /** Asks all other nodes, and waits until every live one has answered or the time is over. */
  private async ask(
    { id, command, at }: Given,
    what: { dryRun: boolean; only: string | null; isSaved: boolean },
  ): Promise<readonly Outcome[]> {
    const { dryRun, only, isSaved } = what;
    const answered = this.awaited.expect(id);
    const results = await this.publish(ALL, {
      kind: 'command',
      id,
      from: this.instance,
      only,
      dry: dryRun,
      command,
      at,
    });
    if (results.some(isFailure)) {
      this.awaited.giveUp(id);
      return [notTold('other nodes', 'Redis is away: other nodes were not told')];
    }
    const members = (await this.members()).filter((member) => only === null || member.node === only);
    const others = members.filter(({ instance }) => instance !== this.instance);
    this.awaited.from(
      id,
      others.map(({ instance }) => instance),
      // One for a single node is heard by all, and answered by that one.
      only === null ? this.others(results) : Infinity,
    );
    const outcomes = await answered;
    const silent = others.filter(({ instance }) => !outcomes.has(instance));
    return [
      ...outcomes.values(),
      ...(isSaved ? [] : [notTold('nodes that start later', NOT_KEPT)]),
      ...silent.map(({ node }) => notTold(node, SILENT)),
    ];
  }

  private received(bytes: Buffer): void {
    const message = parse(bytes);
    if (message === null) return;
    if (message.kind === 'outcome') return this.awaited.answered(message.id, message.instance, message.outcome);
    if (message.kind === 'recall') return void this.recalled(message);
    if (message.kind === 'recalled') return this.countRecalled(message.id);
    if (message.from !== this.instance) this.obey(message);
  }

  private obey({ id, from, only, dry, command: sent, at, told = false }: Message & { readonly kind: 'command' }): void {
    if (only !== null && only !== this.describe().node) return;
    const command = readCommand(sent);
    if (command === null) return this.log.warn('Command of another version not understood', { id });
    if (told) return void this.execute(command, false);
    const given = at === undefined ? this.standing.date(id, command) : { id, command, at };
    const isSuperseded = !dry && only === null && !this.standing.hear(given);
    const outcome = isSuperseded ? notTold(this.describe().node, SUPERSEDED) : this.execute(given.command, dry);
    this.log.info('Command of another node', { audit: true, command: command.name, applied: outcome.applied });
    void this.publish(from, { kind: 'outcome', id, instance: this.instance, outcome });
  }

  /** `null` when Redis is away. */
  private async liveInstances(): Promise<readonly string[] | null> {
    const [ids] = await this.read([['ZRANGE', this.membersKey(), 0, -1]]);
    return Array.isArray(ids) ? (ids as string[]) : null;
  }

  /** @param results of a publication for all @returns how many others heard it */
  private others(results: readonly unknown[]): number {
    return Number(results[0]) - Number(this.isSubscribed);
  }

  private publish(to: string, message: Message): Promise<readonly unknown[]> {
    const command: RedisCommand = ['PUBLISH', this.link.keys.channel('control', '', to), JSON.stringify(message)];
    return new Promise((resolve) => this.link.write([command], resolve));
  }

  private read(commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    return new Promise((resolve) => this.link.read(commands, resolve));
  }

  private leaseKey(instance: string): string {
    return this.link.keys.key('node', '', instance);
  }

  private membersKey(): string {
    return this.link.keys.key('nodes', '', ALL);
  }
}

/** A fault of the command itself: the other nodes would say the same. */
function isRefusedEverywhere({ name }: Command): boolean {
  return name === 'log_level' || name === 'trace';
}

function notTold(node: string, problem: string): Outcome {
  return { node, applied: false, connections: 0, messages_per_second: 0, until: null, problem };
}

function parse(bytes: Buffer): Message | null {
  try {
    const value = JSON.parse(bytes.toString('utf8')) as Message;
    return KINDS.has(value.kind) ? value : null;
  } catch {
    return null;
  }
}

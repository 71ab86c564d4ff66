/**
 * The control bus over Redis. Commands go to all nodes by pub/sub and their acknowledgements come back the same way;
 * who is there is a lease per node. What lasts is kept in a hash, whose version every node looks at when it renews its
 * lease: so a node that starts later, or missed a message, adopts it all the same.
 */
import type { Channels } from '../redis/channels.ts';
import { isFailure, type Command as RedisCommand } from '../redis/command-client.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Clock, Random, Scheduler, Timer } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Command, ControlBus, Execute, Member, Outcome } from './command.ts';
import { endedBy, isTemporary, ordersOf, readCommand, readOrder, remaining } from './standing.ts';

/** What goes over the channels. */
type Message =
  | {
      readonly kind: 'command';
      readonly id: string;
      readonly from: string;
      readonly only: string | null;
      readonly dry: boolean;
      readonly command: unknown;
    }
  | { readonly kind: 'outcome'; readonly id: string; readonly instance: string; readonly outcome: Outcome };

/** What Redis is to keep of a command. */
interface Kept {
  readonly place: string;
  /** The place that it clears. */
  readonly ended: string | null;
  readonly commands: readonly RedisCommand[];
}

interface Waiting {
  readonly outcomes: Map<string, Outcome>;
  /** Instances that have not answered yet; `null` until the members are known. */
  missing: Set<string> | null;
  readonly finish: () => void;
}

const RENEW_MS = 5_000;
const LEASE_MS = 15_000;
const ANSWER_MS = 2_000;
/** Orders that a node remembers; only revocations can be so many, and the oldest are forgotten first. */
const MAX_ORDERS = 100_000;
const ALL = 'all';
const VERSION = 'version';

export class RedisControlBus implements ControlBus {
  private readonly channels: Channels;
  private readonly waiting = new Map<string, Waiting>();
  /** Ids of the orders that this node has carried out, by place. */
  private readonly adopted = new Map<string, string>();
  private version = '';
  /** Orders that Redis has not taken yet, by place: it was away. */
  private readonly unsaved = new Map<string, readonly RedisCommand[]>();
  /** Whether members could write themselves into the index lately. */
  private isIndexTrusted = false;
  private renewal: Timer | null = null;
  private execute: Execute = () => {
    throw new Error('the control bus was not started');
  };
  private describe: () => Member = () => {
    throw new Error('the control bus was not started');
  };
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
    this.channels = link.channels('control', {
      message: (_name, bytes) => this.received(bytes),
      reconnected: () => this.listen(),
    });
  }

  async start(execute: Execute, describe: () => Member): Promise<void> {
    this.execute = execute;
    this.describe = describe;
    this.instance = describe().instance;
    this.link.onAvailable(() => void this.renew());
    this.renewal = this.scheduler.every(RENEW_MS, () => void this.renew());
    this.listen();
    await this.renew();
  }

  async send(command: Command, dryRun: boolean, only?: string): Promise<readonly Outcome[]> {
    const id = this.random.id();
    const isForUs = only === undefined || only === this.describe().node;
    const own = isForUs ? this.execute(command, dryRun) : null;
    if (own?.problem !== undefined && only === undefined && isRefusedEverywhere(command)) return [own];
    const orders = own?.applied === true || !isForUs ? this.keep(id, command, only, dryRun) : [];
    const others = await this.ask(id, { command, dryRun, only: only ?? null, orders });
    return own === null ? others : [own, ...others];
  }

  async members(): Promise<readonly Member[]> {
    const ids = await this.liveInstances();
    if (ids === null) return [this.describe()];
    const read = ids.map((id): RedisCommand => ['GET', this.leaseKey(id)]);
    const results = await this.read(read);
    const members = results.flatMap((text) => (typeof text === 'string' ? [JSON.parse(text) as Member] : []));
    return members.sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  stop(): Promise<void> {
    this.renewal?.cancel();
    return new Promise((resolve) => {
      const commands: RedisCommand[] = [
        ['DEL', this.leaseKey(this.instance)],
        ['ZREM', this.membersKey(), this.instance],
      ];
      this.link.write(commands, () => resolve());
    });
  }

  private listen(): void {
    // Before the start there is no name to listen under.
    if (this.instance === '') return;
    this.channels.subscribe([ALL, this.instance], [], () => {});
  }

  /** Renews the lease, and adopts what was decided meanwhile. */
  private async renew(): Promise<void> {
    const now = this.clock.now();
    const unsaved = [...this.unsaved];
    const commands: RedisCommand[] = [
      ['SET', this.leaseKey(this.instance), JSON.stringify(this.describe()), 'PX', LEASE_MS],
      ['ZADD', this.membersKey(), now, this.instance],
      // Leases have their own expiry; this only keeps the index from growing. Members that cannot write themselves into
      // it, because Redis is full, are not old.
      ...(this.isIndexTrusted ? [['ZREMRANGEBYSCORE', this.membersKey(), '-inf', now - 10 * LEASE_MS] as const] : []),
      ...unsaved.flatMap(([, order]) => order),
      ['HGET', this.ordersKey(), VERSION],
    ];
    const results = await new Promise<readonly unknown[]>((resolve) => this.link.write(commands, resolve));
    // Full: what is there already can still be kept alive, so that the members stay known.
    if (isFailure(results[0])) this.link.write([['PEXPIRE', this.leaseKey(this.instance), LEASE_MS]], () => {});
    this.isIndexTrusted = !isFailure(results[1]);
    if (!results.some(isFailure))
      for (const [place, order] of unsaved) if (this.unsaved.get(place) === order) this.unsaved.delete(place);
    const version = results.at(-1);
    if (typeof version !== 'string' || version === this.version) return;
    const orders = await this.read([['HGETALL', this.ordersKey()]]);
    if (isFailure(orders[0])) return;
    this.version = version;
    this.adopt(orders[0] as readonly string[]);
  }

  /** @param fields alternating names and values of the hash */
  private adopt(fields: readonly string[]): void {
    const over: string[] = [];
    const places = pairs(fields).filter(([place]) => place !== VERSION);
    // What stays first: a temporary change reverts to it.
    for (const [place, text] of places.sort(([a], [b]) => Number(isTemporary(a)) - Number(isTemporary(b)))) {
      const order = readOrder(text);
      if (order === null || this.adopted.get(place) === order.id) continue;
      const command = remaining(order, this.clock.now());
      if (command === null) {
        over.push(place);
        continue;
      }
      this.adopted.set(place, order.id);
      const { problem } = this.execute(command, false);
      this.log.info('Standing order adopted', { audit: true, command: command.name, until: order.until, problem });
    }
    if (over.length > 0) this.link.write([['HDEL', this.ordersKey(), ...over]], () => {});
  }

  /** What Redis is to keep of a command, by place. */
  private keep(id: string, command: Command, only: string | undefined, dryRun: boolean): readonly Kept[] {
    // What is for one node only ends with it.
    if (only !== undefined || dryRun) return [];
    return [...ordersOf(id, command, this.clock.now())].map(([place, order]): Kept => {
      this.remember(place, id);
      const ended = endedBy(place, order);
      const commands: RedisCommand[] = [
        ['HSET', this.ordersKey(), place, JSON.stringify(order)],
        ...(ended === null ? [] : [['HDEL', this.ordersKey(), ended] as const]),
        ['HINCRBY', this.ordersKey(), VERSION, 1],
      ];
      return { place, ended, commands };
    });
  }

  private remember(place: string, id: string): void {
    this.adopted.set(place, id);
    if (this.adopted.size > MAX_ORDERS) this.adopted.delete(this.adopted.keys().next().value as string);
  }

  /** Asks all other nodes, and waits until every live one has answered or the time is over. */
  private async ask(
    id: string,
    what: { command: Command; dryRun: boolean; only: string | null; orders: readonly Kept[] },
  ): Promise<readonly Outcome[]> {
    const { command, dryRun, only, orders } = what;
    const message: Message = { kind: 'command', id, from: this.instance, only, dry: dryRun, command };
    const answered = this.expect(id);
    const publish: RedisCommand = ['PUBLISH', this.link.keys.channel('control', '', ALL), JSON.stringify(message)];
    const results = await new Promise<readonly unknown[]>((resolve) =>
      this.link.write([...orders.flatMap(({ commands }) => commands), publish], resolve),
    );
    const failure = results.find(isFailure);
    if (failure !== undefined) for (const kept of orders) this.keepUnsaved(kept);
    // What cannot be kept, because Redis is full, is told all the same.
    if (isFailure(results.at(-1))) {
      this.waiting.get(id)?.finish();
      return [notTold('other nodes', 'Redis is away: other nodes were not told')];
    }
    const members = (await this.members()).filter((member) => only === null || member.node === only);
    const others = members.filter(({ instance }) => instance !== this.instance);
    const waiting = this.waiting.get(id);
    if (waiting !== undefined) {
      waiting.missing = new Set(others.map(({ instance }) => instance).filter((it) => !waiting.outcomes.has(it)));
      if (waiting.missing.size === 0) waiting.finish();
    }
    const outcomes = await answered;
    const silent = others.filter(({ instance }) => !outcomes.has(instance));
    return [
      ...outcomes.values(),
      ...(failure === undefined
        ? []
        : [notTold('Redis', `not kept for nodes that start later, sent again every few seconds: ${failure.message}`)]),
      ...silent.map(({ node }) => notTold(node, `did not answer within ${ANSWER_MS} ms; it will adopt what lasts`)),
    ];
  }

  private keepUnsaved({ place, ended, commands }: Kept): void {
    // They are sent in their order: the newest last.
    this.unsaved.delete(place);
    if (ended !== null) this.unsaved.delete(ended);
    this.unsaved.set(place, commands);
    if (this.unsaved.size > MAX_ORDERS) this.unsaved.delete(this.unsaved.keys().next().value as string);
  }

  private expect(id: string): Promise<Map<string, Outcome>> {
    return new Promise((resolve) => {
      const outcomes = new Map<string, Outcome>();
      const timer = this.scheduler.after(ANSWER_MS, () => finish());
      const finish = (): void => {
        timer.cancel();
        this.waiting.delete(id);
        resolve(outcomes);
      };
      this.waiting.set(id, { outcomes, missing: null, finish });
    });
  }

  private received(bytes: Buffer): void {
    const message = parse(bytes);
    if (message === null) return;
    if (message.kind === 'outcome') return this.answered(message);
    if (message.from === this.instance || (message.only !== null && message.only !== this.describe().node)) return;
    const command = readCommand(message.command);
    if (command === null) return this.log.warn('Command of another version not understood', { id: message.id });
    const isKept = !message.dry && message.only === null;
    const places = isKept ? ordersOf(message.id, command, this.clock.now()).keys() : [];
    for (const place of places) this.remember(place, message.id);
    const outcome = this.execute(command, message.dry);
    this.log.info('Command of another node', { audit: true, command: command.name, applied: outcome.applied });
    const answer: Message = { kind: 'outcome', id: message.id, instance: this.instance, outcome };
    const channel = this.link.keys.channel('control', '', message.from);
    this.link.write([['PUBLISH', channel, JSON.stringify(answer)]], () => {});
  }

  private answered({ id, instance, outcome }: Message & { readonly kind: 'outcome' }): void {
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return;
    waiting.outcomes.set(instance, outcome);
    waiting.missing?.delete(instance);
    if (waiting.missing?.size === 0) waiting.finish();
  }

  /** `null` when Redis is away. */
  private async liveInstances(): Promise<readonly string[] | null> {
    const [ids] = await this.read([['ZRANGE', this.membersKey(), 0, -1]]);
    return Array.isArray(ids) ? (ids as string[]) : null;
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

  private ordersKey(): string {
    return this.link.keys.key('orders', '', ALL);
  }
}

/** A fault of the command itself: the other nodes would say the same. */
function isRefusedEverywhere({ name }: Command): boolean {
  return name === 'log_level' || name === 'trace';
}

function pairs(fields: readonly string[]): [name: string, value: string][] {
  return fields.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name, fields[at + 1] ?? '']] : []));
}

function notTold(node: string, problem: string): Outcome {
  return { node, applied: false, connections: 0, messages_per_second: 0, until: null, problem };
}

function parse(bytes: Buffer): Message | null {
  try {
    const value = JSON.parse(bytes.toString('utf8')) as Message;
    return value.kind === 'command' || value.kind === 'outcome' ? value : null;
  } catch {
    return null;
  }
}

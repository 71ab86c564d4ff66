/**
 * The one supervised link to Redis: a connection for writes, one for reads and one for messages, the circuit breaker
 * before them, and the checks without which nothing is sent. While Redis is away every call fails at once.
 */
import { createActor } from 'xstate';
import type { Clock, Random, Scheduler, Timer } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import { Channels, type ChannelListener } from './channels.ts';
import { CommandClient, isFailure, type Command, type Results, type Sendable } from './command-client.ts';
import { Condition } from './condition.ts';
import { examine, isRefusedLogin, loadScripts, lookAgain, type Examined, type Verdict } from './examination.ts';
import { NOT_CONNECTED } from './failure.ts';
import { Keys } from './keys.ts';
import type { LinkCounts, LinkOptions, LinkTrouble } from './link-options.ts';
import { linkMachine, type LinkEvent, type LinkState } from './link-machine.ts';
import { away, deaf, emptied, full, slow, unfit, type LinkProblem } from './problem.ts';
import type { Script } from './script.ts';
import { Silence } from './silence.ts';
import { Subscriber } from './subscriber.ts';
import { Vitals } from './vitals.ts';

const PROBE_MS = 1_000;
/** Between two looks at settings that can be changed, and memory that fills, while Redis is in use. */
const WATCH_MS = 2_000;
/** How long a check waits for the subscribing connection. */
const SUBSCRIBER_MS = 1_000;

export class RedisLink {
  readonly keys: Keys;
  readonly counts: LinkCounts = { lost: 0, timeouts: 0, refused: 0 };
  readonly vitals: Vitals;
  state: LinkState = 'connecting';
  private readonly options: LinkOptions;
  private readonly scheduler: Scheduler;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly machine: ReturnType<typeof createLinkMachine>;
  private readonly writer: CommandClient;
  private readonly reader: CommandClient;
  private readonly subscriber: Subscriber;
  private readonly scripts: Script[] = [];
  private readonly channelSets: Channels[] = [];
  private readonly whenAvailable: (() => void)[] = [];
  private readonly silence: Silence;
  private readonly condition: Condition;
  private readonly subject: Examined;
  private failures = 0;
  /** Counts checks: the answer of an older one is of no interest. */
  private check = 0;
  private hasServed = false;
  private probing: Timer | null = null;
  private watching: Timer | null = null;
  private settle: { readonly fit: () => void; readonly unfit: (error: Error) => void } | null = null;
  private lastTrouble = '';
  /** Why there is no connection, as the library or Redis says it. */
  private awayReason = '';
  private known: { readonly cause: LinkProblem['cause']; readonly since: number } | null = null;
  private isStopped = false;

  constructor(options: LinkOptions, clock: Clock, scheduler: Scheduler, random: Random, log: Log) {
    this.options = options;
    this.clock = clock;
    this.scheduler = scheduler;
    this.vitals = new Vitals(clock, log);
    this.log = log;
    this.keys = new Keys(options.prefix, 'db' in options.address ? options.address.db : 0);
    this.condition = new Condition(log);
    const connection = { ...options, random: () => random.fraction() };
    const events = {
      ready: () => this.connected(),
      lost: () => this.lost(),
      failed: (error: Error) => this.notConnected(error),
    };
    this.writer = new CommandClient(connection, 'write', events, scheduler);
    this.reader = new CommandClient(connection, 'read', events, scheduler);
    this.subscriber = new Subscriber(
      connection,
      () => this.writer.masters(),
      {
        ready: () => this.channelSets.forEach(({ listener }) => listener.reconnected()),
        lost: () => this.log.debug('Subscribing connection lost'),
        message: (channel, bytes) => void this.channelSets.find((channels) => channels.offer(channel, bytes)),
      },
      scheduler,
    );
    this.subject = {
      address: options.address,
      deployment: options.deployment,
      keys: this.keys,
      writer: this.writer,
      reader: this.reader,
      subscriber: this.subscriber,
      scripts: this.scripts,
      vitals: this.vitals,
      patienceMs: SUBSCRIBER_MS,
      name: () => `probe-${random.id()}`,
    };
    this.silence = new Silence(this.subject, clock, log, (results) => {
      if (this.state === 'closed') this.judge(results);
    });
    this.machine = createLinkMachine(options.breakerFailures);
    this.machine.subscribe(({ value, context }) => {
      this.failures = context.failures;
      this.changed(value);
    });
  }

  /** Whether commands are sent. */
  get isAvailable(): boolean {
    return this.state === 'closed';
  }

  /** Whether messages come. */
  get isListening(): boolean {
    return this.subscriber.isReady;
  }

  /** What is wrong, or `null`. */
  get trouble(): LinkTrouble | null {
    if (this.condition.problem !== '') return 'unfit';
    if (!this.isAvailable || !this.isListening) return 'away';
    return this.condition.isFull ? 'full' : null;
  }

  /** What is wrong, or will be soon, in words; `null` when all is well. Asked for once a second, so that it knows since when. */
  get problem(): LinkProblem | null {
    const found = this.findProblem();
    if (found?.cause !== this.known?.cause)
      this.known = found === null ? null : { cause: found.cause, since: this.clock.now() };
    return found === null ? null : { ...found, since: this.known?.since ?? this.clock.now() };
  }

  /** Scripts have to be known before {@link start}. */
  useScripts(...scripts: readonly Script[]): void {
    this.scripts.push(...scripts);
  }

  /** Messages of a kind; before {@link start}. */
  channels(kind: string, listener: ChannelListener): Channels {
    const channels = new Channels(kind, this.keys, this.subscriber, listener);
    this.channelSets.push(channels);
    return channels;
  }

  /** Tells whenever commands are sent again. */
  onAvailable(listener: () => void): void {
    this.whenAvailable.push(listener);
  }

  /**
   * Connects. Resolves when commands are sent, or after `connectTimeoutMs` all the same: a node starts without Redis,
   * and is not ready.
   * @throws Error when this Redis cannot carry the service
   */
  async start(): Promise<void> {
    this.machine.start();
    const settled = new Promise<void>((resolve, reject) => {
      this.settle = { fit: resolve, unfit: reject };
      this.scheduler.after(this.options.connectTimeoutMs, () => {
        if (!this.isAvailable)
          this.log.warn('Starting without Redis: not ready until it answers', { why: this.lastTrouble });
        resolve();
      });
    });
    this.writer.connect();
    this.reader.connect();
    this.subscriber.connect();
    this.probing = this.scheduler.every(PROBE_MS, () => {
      this.silence.look();
      void this.problem;
      if (this.state === 'connecting') this.connected();
    });
    this.watching = this.scheduler.every(WATCH_MS, () => void this.watch());
    try {
      await settled;
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      this.settle = null;
    }
  }

  stop(): void {
    this.isStopped = true;
    this.probing?.cancel();
    this.watching?.cancel();
    this.machine.stop();
    this.writer.close();
    this.reader.close();
    this.subscriber.close();
  }

  /** Sends commands that change something, together and in order. They are sent once or not at all. */
  write(commands: readonly Sendable[], answered: (results: Results) => void): void {
    this.send(this.writer, commands, answered);
  }

  /** Sends commands that may wait behind other reads, but not behind writes. */
  read(commands: readonly Command[], answered: (results: Results) => void): void {
    this.send(this.reader, commands, answered);
  }

  /**
   * In a cluster, whether somebody listens to channels, by whatever server: nodes ignore an empty message. Elsewhere a
   * script on the one server knows by itself.
   */
  heardElsewhere(channels: readonly string[], answered: (heard: readonly boolean[]) => void): void {
    if (this.options.address.kind !== 'cluster') return answered([]);
    const commands = channels.map((channel): Command => ['PUBLISH', channel, '']);
    void this.writer.sendAllToAll(commands).then((counts) => {
      answered(counts.map((results) => results.some((result) => isFailure(result) || Number(result) > 0)));
    });
  }

  /** A question that changes nothing, to every server that takes writes. */
  askAll(command: Command): Promise<Results> {
    return this.reader.sendToAll(command);
  }

  /** Every server that holds keys, for walks over all of them. */
  get servers(): ReturnType<CommandClient['servers']> {
    return this.reader.servers();
  }

  private findProblem(): Omit<LinkProblem, 'since'> | null {
    const { problem, cause, isFull } = this.condition;
    const { recentlyEmptied } = this.vitals;
    if (problem !== '' && cause !== null) return unfit(cause, problem);
    if (!this.isAvailable) return away(this.awayReason);
    if (!this.isListening) return deaf();
    if (isFull) return full();
    if (this.vitals.isSlow) return slow(this.vitals.fastest());
    return recentlyEmptied === null ? null : emptied(recentlyEmptied);
  }

  private send(client: CommandClient, commands: readonly Sendable[], answered: (results: Results) => void): void {
    if (!this.isAvailable) {
      this.counts.refused += commands.length;
      return answered(commands.map(() => NOT_CONNECTED));
    }
    client.send(commands, (results) => {
      this.judge(results);
      answered(results);
    });
  }

  private judge(results: Results): void {
    let isOut = false;
    for (const result of results) {
      if (!isFailure(result)) continue;
      if (result.code === 'timeout') this.counts.timeouts += 1;
      if (result.code === 'NOSCRIPT') void loadScripts(this.writer, this.scripts);
      this.condition.failed(result);
      isOut ||= result.isOutage;
      this.lastTrouble = result.message;
      if (result.isOutage) this.awayReason = result.message;
    }
    if (isOut) this.tell({ type: 'FAILED' });
    else if (this.failures > 0) this.tell({ type: 'SUCCEEDED' });
  }

  private connected(): void {
    if (this.writer.isReady && this.reader.isReady) this.tell({ type: 'CONNECTED' });
  }

  private lost(): void {
    if (this.state !== 'connecting') {
      this.counts.lost += 1;
      // Silence is why we gave it up ourselves.
      if (away(this.awayReason).cause !== 'silent') this.awayReason = 'the connection broke';
      this.vitals.reconnected();
    }
    this.tell({ type: 'LOST' });
    // One of the two may be up still: it is used again when both are.
    this.connected();
  }

  private changed(state: LinkState): void {
    const before = this.state;
    if (before === state) return;
    this.state = state;
    const fields = { state, before, why: state === 'closed' ? undefined : this.lastTrouble };
    if (state === 'closed') this.awayReason = '';
    if (state === 'closed') this.log.info('Redis is available', fields);
    else if (before === 'closed' && state !== 'unfit')
      this.log.warn('Redis is away: publishes are refused until it answers', fields);
    if (state === 'checking') void this.examine();
    if (state === 'open') this.scheduler.after(this.options.breakerOpenMs, () => this.tell({ type: 'COOLED' }));
    if (state === 'half_open') this.try();
    if (state !== 'closed') return;
    this.hasServed = true;
    this.settle?.fit();
    for (const listener of this.whenAvailable) listener();
  }

  private async examine(): Promise<void> {
    this.check += 1;
    const { check } = this;
    const verdict = await examine(this.subject);
    if (this.state !== 'checking' || this.check !== check) return;
    this.act(verdict);
    if (verdict.kind !== 'unknown') return;
    this.scheduler.after(this.options.maxRetryMs, () => {
      if (this.state === 'checking' && this.check === check) void this.examine();
    });
  }

  /** Settings can be changed, rights withdrawn and memory used up without a connection that breaks. */
  private async watch(): Promise<void> {
    if (this.state === 'unfit') return this.tell({ type: 'DOUBTED' });
    if (this.state !== 'closed') return;
    const { isDoubted } = this.condition;
    this.condition.isDoubted = false;
    const verdict = isDoubted ? await examine(this.subject) : await lookAgain(this.subject);
    // In between the connection may have become another, which is checked by itself.
    if (this.state === 'closed') this.act(verdict);
  }

  private act(verdict: Verdict): void {
    if (verdict.kind === 'unknown') return this.troubled(verdict.why);
    const { kind, problem, cause, isFull } = verdict;
    // A service that runs goes on with what can be borne: to stop would be worse than the danger.
    if (cause !== null && (kind === 'unfit' || !this.hasServed)) {
      this.condition.refused(problem, cause);
      this.tell({ type: 'UNFIT' });
      return this.settle?.unfit(new Error(`Redis: ${problem}`));
    }
    this.condition.used(problem, cause, isFull);
    if (this.state === 'checking') this.tell({ type: 'CHECKED' });
  }

  private notConnected(error: Error & { readonly lastNodeError?: Error }): void {
    const { message } = error.lastNodeError ?? error;
    if (!isRefusedLogin(message)) return this.troubled(message);
    const problem = `expected Redis to take user and password of redis.url, it says: ${message}`;
    this.condition.refused(problem, 'password');
    this.settle?.unfit(new Error(`Redis: ${problem}`));
  }

  /** The one call of a half-open breaker. */
  private try(): void {
    this.writer.send([['PING']], ([result]) => this.tell({ type: isFailure(result) ? 'FAILED' : 'SUCCEEDED' }));
  }

  private tell(event: LinkEvent): void {
    if (!this.isStopped) this.machine.send(event);
  }

  /** The same trouble is logged once. */
  private troubled(why: string): void {
    if (!this.isAvailable) this.awayReason = why;
    if (why === this.lastTrouble) return;
    this.lastTrouble = why;
    this.log.debug('Redis not reached', { why });
  }
}

function createLinkMachine(failureLimit: number) {
  return createActor(linkMachine(failureLimit));
}

/** A node's links to the simulated Redis: writes, reads and messages each arrive in order, late, and sometimes not at all. */
import type { Reply, ReadRequest } from '../broker/broker.ts';
import type {
  AskedTopic,
  Head,
  LogCall,
  LogPage,
  Matching,
  Notice,
  TopicLogs,
  TopicLogsListener,
} from '../broker/topic-logs.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { firstSegment, matches, type Topic } from '../protocol/topic.ts';
import type { SimulatedRedis } from './simulated-redis.ts';

/** A command on its way. */
interface Command {
  /** Takes effect; returns what delivers the answer. */
  readonly run: () => () => void;
  readonly fail: () => void;
}

/** What has reached the node's socket and waits for its turn. */
interface Arrival {
  readonly isNotice: boolean;
  readonly deliver: () => void;
  readonly fail: () => void;
}

const UNKNOWN = refusal('outcome_unknown', 'the link broke');
const AWAY = refusal('log_unavailable', 'the link is down', 100);

/** Commands in order, and their answers in order. */
class Lane {
  isUp = true;
  private readonly commands: Command[] = [];
  private readonly answers: { readonly deliver: () => void; readonly fail: () => void }[] = [];

  get pending(): number {
    return this.commands.length + this.answers.length;
  }

  send(command: Command): void {
    this.commands.push(command);
  }

  work(): boolean {
    const command = this.commands.shift();
    if (command === undefined) return false;
    this.answers.push({ deliver: command.run(), fail: command.fail });
    return true;
  }

  deliver(): boolean {
    const answer = this.answers.shift();
    answer?.deliver();
    return answer !== undefined;
  }

  /** @param arriving commands that reach the server all the same */
  break(arriving: number): void {
    this.isUp = false;
    for (let at = 0; at < arriving; at += 1) this.work();
    const failed = [...this.answers.splice(0), ...this.commands.splice(0)];
    for (const { fail } of failed) fail();
  }
}

export class SimulatedLogs implements TopicLogs {
  readonly store = 'the simulated store';
  private listener: TopicLogsListener | null = null;
  private readonly writes = new Lane();
  private readonly reads = new Lane();
  private readonly messages = new Lane();
  private readonly channels = new Set<Topic>();
  private readonly prefixes = new Set<string>();
  /** Notices and confirmations, in the order of the connection. */
  private inbox: Arrival[] = [];
  private readonly redis: SimulatedRedis;

  constructor(redis: SimulatedRedis) {
    this.redis = redis;
  }

  get isAvailable(): boolean {
    return this.writes.isUp && this.reads.isUp;
  }

  get pending(): number {
    return this.writes.pending + this.reads.pending + this.messages.pending + this.inbox.length;
  }

  start(listener: TopicLogsListener): Promise<void> {
    this.listener = listener;
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.listener = null;
    return Promise.resolve();
  }

  send(calls: readonly LogCall[]): void {
    for (const call of calls) {
      if (!this.isAvailable) call.reply(AWAY);
      else this.writes.send({ run: () => this.redis.call(call, this), fail: () => call.reply(UNKNOWN) });
    }
  }

  heads(topics: readonly AskedTopic[], reply: (answer: readonly (Head | null)[]) => void): void {
    this.ask(
      () => {
        const heads = topics.map(({ name }) => this.redis.head(name));
        return () => reply(heads);
      },
      () => reply(topics.map(() => null)),
    );
  }

  standing(topics: readonly Topic[], reply: Reply<ReadonlyMap<Topic, Head>>): void {
    this.ask(
      () => {
        const found = new Map<Topic, Head>();
        for (const topic of topics) {
          const head = this.redis.standing(topic);
          if (head !== null) found.set(topic, head);
        }
        return () => reply(found);
      },
      () => reply(AWAY),
    );
  }

  read(topic: Topic, request: ReadRequest, ageMs: number, reply: (answer: LogPage | Refusal | null) => void): void {
    this.ask(
      () => {
        const page = this.redis.read(topic, request, ageMs);
        return () => reply(page);
      },
      () => reply(AWAY),
    );
  }

  matching(pattern: string, limit: number, reply: Reply<Matching>): void {
    this.ask(
      () => {
        const topics = this.redis
          .topics()
          .filter((topic) => matches(pattern, topic))
          .slice(0, limit);
        const heads = new Map(topics.map((topic) => [topic, this.redis.head(topic)]));
        return () => reply({ heads, looked: heads.size });
      },
      () => reply(AWAY),
    );
  }

  subscribe(topics: readonly Topic[], prefixes: readonly string[], reply: (refused: Refusal | null) => void): void {
    if (!this.messages.isUp) return reply(AWAY);
    this.messages.send({
      run: () => {
        for (const topic of topics) this.channels.add(topic);
        for (const prefix of prefixes) this.prefixes.add(prefix);
        // In line with the notices: from the confirmation on they come.
        this.inbox.push({ isNotice: false, deliver: () => reply(null), fail: () => reply(AWAY) });
        return () => {};
      },
      fail: () => reply(AWAY),
    });
  }

  unsubscribe(topics: readonly Topic[], prefixes: readonly string[]): void {
    this.messages.send({
      run: () => {
        for (const topic of topics) this.channels.delete(topic);
        for (const prefix of prefixes) this.prefixes.delete(prefix);
        return () => {};
      },
      fail: () => {},
    });
  }

  /** From the server: a message that was published. */
  published(topic: Topic, notice: Notice): void {
    const isWanted = this.channels.has(topic) || this.prefixes.has(firstSegment(topic));
    if (!isWanted) return;
    this.inbox.push({ isNotice: true, deliver: () => this.listener?.noticed(topic, notice), fail: () => {} });
  }

  // What the schedule decides

  work(choice: number): void {
    const lanes = [this.writes, this.reads, this.messages].filter(({ pending }) => pending > 0);
    const at = Math.floor(choice * lanes.length);
    for (const lane of [...lanes.slice(at), ...lanes.slice(0, at)]) if (lane.work()) return;
  }

  deliverAnswer(choice: number): void {
    const lanes = [this.writes, this.reads, this.messages].filter(({ pending }) => pending > 0);
    const at = Math.floor(choice * lanes.length);
    for (const lane of [...lanes.slice(at), ...lanes.slice(0, at)]) if (lane.deliver()) return;
  }

  deliverNotice(): boolean {
    const next = this.inbox.shift();
    next?.deliver();
    return next !== undefined;
  }

  /** A message is lost on the way. */
  loseNotice(): void {
    if (this.inbox[0]?.isNotice === true) this.inbox.shift();
  }

  breakCommands(arriving: number): void {
    this.writes.break(arriving);
    this.reads.break(arriving);
  }

  breakMessages(): void {
    const lost = this.inbox;
    this.inbox = [];
    for (const { fail } of lost) fail();
    this.channels.clear();
    this.prefixes.clear();
    this.messages.break(0);
  }

  mend(): void {
    const wasAvailable = this.isAvailable;
    this.writes.isUp = true;
    this.reads.isUp = true;
    if (!wasAvailable) this.listener?.available();
    if (this.messages.isUp) return;
    this.messages.isUp = true;
    this.listener?.reconnected();
  }

  private ask(run: () => () => void, fail: () => void): void {
    if (this.isAvailable) this.reads.send({ run, fail });
    else fail();
  }
}

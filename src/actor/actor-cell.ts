/** Runs one actor: its inbox, the one-at-a-time rule, and the hand-over of failures to the supervisor. */
import type { Actor, ActorHealth, StopReason } from './actor.ts';
import { BoundedQueue } from './bounded-queue.ts';
import type { FailureRecord, Policy, Supervised, Supervisor } from './supervisor.ts';

/** What the actors of a kind share. */
export interface ActorSystem {
  readonly supervisor: Supervisor;
  readonly policy: Policy;
}

// The bits of a cell's state: fields of yes and no would take 8 bytes each, and so would a fraction of a number.
const RUNNING = 1;
const SUSPENDED = 2;
const STOPPED = 4;
/** The largest time that is counted: larger numbers would be objects of their own. */
const MAX_MICROS = 2 ** 31 - 1;

/** The first messages of an actor are timed, then one of so many: a look at the clock is a part of what a small one costs. */
const TIMED_FIRST = 16;
const TIMED_EVERY = 7;

export class ActorCell<M> implements Supervised<M> {
  readonly actor: Actor<M>;
  failureRecord: FailureRecord | null = null;
  private readonly system: ActorSystem;
  private state = 0;
  private processed = 0;
  private busyMicros = 0;
  private inbox: BoundedQueue<M> | null = null;
  /** Answers that arrived while a message was being handled. */
  private answers: { work: () => void; about: M | null }[] | null = null;

  constructor(system: ActorSystem, start: (self: ActorCell<M>) => Actor<M>) {
    this.system = system;
    this.actor = start(this);
  }

  get policy(): Policy {
    return this.system.policy;
  }

  get isStopped(): boolean {
    return (this.state & STOPPED) !== 0;
  }

  /**
   * Hands the actor a message: handled at once when it is free, else queued.
   * @param size bytes that the message holds while it waits
   * @returns false when the inbox is full or the actor has stopped; the message is then the sender's to answer for
   */
  tell(message: M, size: number): boolean {
    if (this.isStopped) return false;
    if ((this.state & (RUNNING | SUSPENDED)) !== 0) {
      this.inbox ??= new BoundedQueue<M>(this.policy.inbox);
      return this.inbox.offer(message, size, this.system.supervisor.clock.elapsed());
    }
    this.handle(message);
    this.drain();
    return true;
  }

  /** Like {@link tell}, for what others than its client want done: there is room for it in a full inbox. */
  order(message: M): void {
    if (this.isStopped) return;
    if ((this.state & (RUNNING | SUSPENDED)) === 0) {
      this.handle(message);
      return this.drain();
    }
    this.inbox ??= new BoundedQueue<M>(this.policy.inbox);
    this.inbox.put(message, 0, this.system.supervisor.clock.elapsed());
  }

  /**
   * Runs what a port's answer asks for, as a message of its own: never in the middle of another one, but before the
   * waiting ones, also while the actor is suspended. A stopped actor ignores it.
   * @param about the message that asked, for the dead letter and the sender in case this fails
   */
  answer(work: () => void, about: M | null): void {
    if (this.isStopped) return;
    if (this.isRunning) {
      this.answers ??= [];
      this.answers.push({ work, about });
      return;
    }
    this.state |= RUNNING;
    this.attempt(work, about);
    this.runAnswers();
    this.state &= ~RUNNING;
    this.drain();
  }

  /** Called by the actor while it handles a message: further messages wait until {@link resume}. */
  suspend(): void {
    this.state |= SUSPENDED;
  }

  /** Ends a suspension; without one it does nothing. */
  resume(): void {
    this.state &= ~SUSPENDED;
    if (!this.isRunning) this.drain();
  }

  /** Ends the actor for good; queued messages are dropped with it. */
  stop(reason: StopReason): void {
    if (this.isStopped) return;
    this.state |= STOPPED;
    this.inbox = null;
    this.answers = null;
    this.actor.stopped(reason);
  }

  health(): ActorHealth {
    const record = this.failureRecord;
    const now = this.system.supervisor.clock.elapsed();
    return {
      id: this.actor.id,
      mailbox_size: this.inbox?.length ?? 0,
      mailbox_bytes: this.inbox?.bytes ?? 0,
      oldest_age_ms: now - (this.inbox?.oldestAt ?? now),
      messages_processed: this.processed,
      processing_time_ms: this.processed === 0 ? 0 : this.busyMicros / 1_000 / this.processed,
      error_rate: this.processed === 0 ? 0 : (record?.failures ?? 0) / this.processed,
      restart_count: record?.restarts ?? 0,
      last_error: record?.lastError ?? null,
    };
  }

  private get isRunning(): boolean {
    return (this.state & RUNNING) !== 0;
  }

  private handle(message: M): void {
    this.state |= RUNNING;
    this.processed += 1;
    if (this.processed <= TIMED_FIRST) this.timed(message, 1);
    else if (this.processed % TIMED_EVERY === 0) this.timed(message, TIMED_EVERY);
    else this.receive(message);
    this.runAnswers();
    this.state &= ~RUNNING;
  }

  /** @param stands for so many messages */
  private timed(message: M, stands: number): void {
    const { clock } = this.system.supervisor;
    const started = clock.elapsed();
    this.receive(message);
    const micros = (clock.elapsed() - started) * 1_000 * stands + 0.5;
    this.busyMicros = Math.min(MAX_MICROS, this.busyMicros + micros) | 0;
  }

  private receive(message: M): void {
    try {
      const pending = this.actor.receive(message);
      if (pending !== undefined) this.waitFor(pending, message);
    } catch (error) {
      this.failed(error, message);
    }
  }

  private waitFor(pending: Promise<void>, message: M): void {
    this.state |= SUSPENDED;
    pending.then(
      () => this.resume(),
      (error: unknown) => this.answer(() => this.failed(error, message), message),
    );
  }

  private attempt(work: () => void, about: M | null): void {
    try {
      work();
    } catch (error) {
      this.failed(error, about);
    }
  }

  private runAnswers(): void {
    for (;;) {
      const next = this.answers?.shift();
      if (next === undefined) return;
      this.attempt(next.work, next.about);
    }
  }

  private drain(): void {
    while ((this.state & (RUNNING | SUSPENDED)) === 0 && this.inbox !== null && this.inbox.length > 0) {
      this.handle(this.inbox.take() as M);
    }
  }

  private failed(error: unknown, message: M | null): void {
    this.state &= ~SUSPENDED;
    const directive = this.system.supervisor.failed(this, error, message);
    if (directive === 'stop' || directive === 'escalate') this.stop('failure_limit');
    else this.actor.failed(error, message);
  }
}

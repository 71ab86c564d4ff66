/** The node's heartbeat: an infrastructure actor that lets every connection look at its deadlines once a second. */
import type { Actor, StopReason } from '../actor/actor.ts';
import { ActorCell } from '../actor/actor-cell.ts';
import type { Policy, Supervisor } from '../actor/supervisor.ts';
import type { Clock, Scheduler, Timer } from '../telemetry/clock.ts';

const BEAT_MS = 1_000;

const POLICY: Policy = {
  inbox: { capacity: 1, bytes: 1 },
  maxFailures: 10,
  windowMs: 60_000,
  backoff: { minMs: 100, maxMs: 10_000 },
  atLimit: 'escalate',
};

export class Pulse implements Actor<'beat'> {
  readonly id = 'pulse';
  /** How late the last beat was, in ms: what the event loop was blocked for. */
  lagMs = 0;
  private expectedAt = 0;
  private timer: Timer | null = null;
  private readonly cell: ActorCell<'beat'>;
  private readonly clock: Clock;
  private readonly scheduler: Scheduler;
  private readonly work: () => void;
  private readonly escalate: () => void;

  /**
   * @param work what is done every beat
   * @param escalate called when the work failed so often that the node cannot go on
   */
  constructor(supervisor: Supervisor, clock: Clock, scheduler: Scheduler, work: () => void, escalate: () => void) {
    this.clock = clock;
    this.scheduler = scheduler;
    this.work = work;
    this.escalate = escalate;
    this.cell = new ActorCell<'beat'>({ supervisor, policy: POLICY }, () => this);
  }

  start(): void {
    this.expectedAt = this.clock.elapsed() + BEAT_MS;
    this.timer = this.scheduler.every(BEAT_MS, () => this.cell.tell('beat', 0));
  }

  end(): void {
    this.timer?.cancel();
    this.timer = null;
  }

  receive(): void {
    const now = this.clock.elapsed();
    this.lagMs = Math.max(0, now - this.expectedAt);
    this.expectedAt = now + BEAT_MS;
    this.work();
  }

  failed(): void {}

  stopped(reason: StopReason): void {
    this.end();
    if (reason === 'failure_limit') this.escalate();
  }

  describe(): string {
    return 'beat';
  }
}

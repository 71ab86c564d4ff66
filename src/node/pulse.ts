/** The node's heartbeat: an infrastructure actor that lets every connection look at its deadlines once a second. */
import type { Actor, StopReason } from '../actor/actor.ts';
import { ActorCell } from '../actor/actor-cell.ts';
import type { Policy, Supervisor } from '../actor/supervisor.ts';
import type { Clock, Scheduler, Timer } from '../telemetry/clock.ts';
import { Sweeps, type Sweep } from '../telemetry/sweeps.ts';

const BEAT_MS = 1_000;

const POLICY: Policy = {
  inbox: { capacity: 2, bytes: 1 },
  maxFailures: 10,
  windowMs: 60_000,
  backoff: { minMs: 100, maxMs: 10_000 },
  atLimit: 'escalate',
};

type Beat = 'beat' | 'sweep';

/** What a node does once a second, and in the turns after it. */
export interface PulseWork {
  beat(): void;
  readonly sweeps: readonly Sweep[];
}

export class Pulse implements Actor<Beat> {
  readonly id = 'pulse';
  /** How late the last beat was, in ms: what the event loop was blocked for. */
  lagMs = 0;
  private expectedAt = 0;
  private timer: Timer | null = null;
  private readonly cell: ActorCell<Beat>;
  private readonly clock: Clock;
  private readonly scheduler: Scheduler;
  private readonly work: PulseWork;
  private readonly sweeps: Sweeps;
  private readonly escalate: () => void;

  /**
   * @param escalate called when the work failed so often that the node cannot go on
   */
  constructor(supervisor: Supervisor, clock: Clock, scheduler: Scheduler, work: PulseWork, escalate: () => void) {
    this.clock = clock;
    this.scheduler = scheduler;
    this.work = work;
    this.escalate = escalate;
    this.cell = new ActorCell<Beat>({ supervisor, policy: POLICY }, () => this);
    this.sweeps = new Sweeps(scheduler, work.sweeps, () => this.cell.tell('sweep', 0));
  }

  /** Whether a round goes on in another turn. */
  get isSweeping(): boolean {
    return this.sweeps.isWaiting;
  }

  start(): void {
    this.expectedAt = this.clock.elapsed() + BEAT_MS;
    this.timer = this.scheduler.every(BEAT_MS, () => this.cell.tell('beat', 0));
  }

  end(): void {
    this.timer?.cancel();
    this.timer = null;
    this.sweeps.end();
  }

  receive(message: Beat): void {
    if (message === 'sweep') return this.sweeps.goOn();
    const now = this.clock.elapsed();
    this.lagMs = Math.max(0, now - this.expectedAt);
    this.expectedAt = now + BEAT_MS;
    this.work.beat();
    this.sweeps.beat();
  }

  failed(): void {}

  stopped(reason: StopReason): void {
    this.end();
    if (reason === 'failure_limit') this.escalate();
  }

  describe(message: Beat): string {
    return message;
  }
}

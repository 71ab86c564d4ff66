/** All workers of this machine: started together, drained one after the other. */
import type { SlotPorts } from './worker-slot.ts';
import { WorkerSlot } from './worker-slot.ts';
import type { Timer } from '../../telemetry/clock.ts';

const CHECK_MS = 5_000;

export class WorkerSupervisor {
  readonly slots: readonly WorkerSlot[];
  private readonly ports: SlotPorts;
  private readonly allGone: () => void;
  private checks: Timer | null = null;
  /** A caller that is emptying places at the moment knows itself when nobody is left. */
  private rolling: Promise<void> | null = null;
  private isEnding = false;

  /** @param allGone operators have drained the last worker */
  constructor(names: readonly string[], ports: Omit<SlotPorts, 'gone'>, allGone: () => void) {
    this.ports = { ...ports, gone: () => this.noticeGone() };
    this.slots = names.map((name) => new WorkerSlot(name, this.ports));
    this.allGone = allGone;
  }

  get serving(): readonly WorkerSlot[] {
    return this.slots.filter(({ state }) => state === 'serving');
  }

  /** Resolves with how many serve when every worker has begun to serve or failed once. */
  async start(): Promise<number> {
    this.checks = this.ports.scheduler.every(CHECK_MS, () => {
      for (const slot of this.slots) slot.check(CHECK_MS);
    });
    const outcomes = await Promise.all(this.slots.map((slot) => slot.launch()));
    return outcomes.filter(Boolean).length;
  }

  /**
   * Drains one after the other, so that the clients of one find the others. The last keeps its listener to the end, and
   * tells new clients to try again.
   * @param totalMs for all of them together
   */
  async drainAll(totalMs: number): Promise<void> {
    this.isEnding = true;
    const deadline = this.ports.clock.elapsed() + totalMs;
    for (const [at, slot] of this.slots.entries()) {
      const left = Math.max(0, deadline - this.ports.clock.elapsed());
      await slot.drain(left / (this.slots.length - at), this.othersServe(slot));
    }
    this.checks?.cancel();
  }

  /**
   * Replaces one worker after the other, each new one serving before the next one goes; also those that an operator
   * drained. Stops at the first that does not start, because the others still serve.
   * @param graceMs for each
   */
  roll(graceMs: number): Promise<void> {
    this.rolling ??= this.replaceAll(graceMs).finally(() => {
      this.rolling = null;
    });
    return this.rolling;
  }

  kill(): void {
    this.isEnding = true;
    for (const slot of this.slots) slot.kill();
  }

  private async replaceAll(graceMs: number): Promise<void> {
    const { log } = this.ports;
    log.info('Rolling restart begins', { workers: this.slots.length });
    for (const slot of this.slots) {
      if (this.isEnding) return;
      await slot.drain(graceMs, this.othersServe(slot));
      if (this.isEnding) return;
      if (await slot.launch()) continue;
      if (!this.isEnding) log.error('Rolling restart stops: the new worker does not serve', { worker: slot.name });
      return;
    }
    log.info('Rolling restart is done', {});
  }

  private othersServe(slot: WorkerSlot): boolean {
    return this.serving.some((other) => other !== slot);
  }

  private noticeGone(): void {
    if (this.isEnding || this.rolling !== null) return;
    if (this.slots.every(({ state }) => state === 'gone')) this.allGone();
  }
}

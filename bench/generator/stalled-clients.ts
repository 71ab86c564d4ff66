/**
 * Subscribers that stop reading and read on, in a process of their own that only runs when the generator does not: what
 * they have missed arrives in megabytes, and next to the generator it would delay the very reads whose latency is measured.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { StalledCounts, StalledOrder } from './stalled-process.ts';

export interface StalledOptions {
  readonly port: number;
  readonly topic: string;
  readonly token: string;
  readonly payloadBytes: number;
  readonly count: number;
}

export class StalledClients {
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** Resolves when all of them have subscribed. */
  static async open(options: StalledOptions): Promise<StalledClients> {
    const script = fileURLToPath(new URL('stalled-process.ts', import.meta.url));
    // SCHED_IDLE, because also the lowest priority keeps the core for some milliseconds once it has it.
    const child = spawn('chrt', ['--idle', '0', process.execPath, script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const kill = (): boolean => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    const clients = new StalledClients(child);
    await clients.ask({ type: 'open', options });
    return clients;
  }

  async pause(): Promise<void> {
    await this.ask({ type: 'pause' });
  }

  async resume(): Promise<void> {
    await this.ask({ type: 'resume' });
  }

  counts(): Promise<StalledCounts> {
    return this.ask({ type: 'count' });
  }

  end(): void {
    this.child.kill('SIGKILL');
  }

  /** Every order is answered with what they have counted so far. */
  private async ask(order: StalledOrder): Promise<StalledCounts> {
    const answer = once(this.child, 'message');
    this.child.send(order);
    const [counts] = (await answer) as [StalledCounts];
    return counts;
  }
}

/** The control bus of a node that is alone. */
import type { Command, ControlBus, Departed, Execute, Member, Outcome } from './command.ts';

export class MemoryControlBus implements ControlBus {
  private execute: Execute | null = null;
  private describe: (() => Member) | null = null;

  start(execute: Execute, describe: () => Member, informed: () => void): Promise<void> {
    this.execute = execute;
    this.describe = describe;
    informed();
    return Promise.resolve();
  }

  send(command: Command, dryRun: boolean, only?: string): Promise<readonly Outcome[]> {
    const isForUs = only === undefined || only === this.describe?.().node;
    return Promise.resolve(this.execute === null || !isForUs ? [] : [this.execute(command, dryRun)]);
  }

  tell(command: Command): void {
    this.execute?.(command, false);
  }

  members(): Promise<readonly Member[]> {
    return Promise.resolve(this.describe === null ? [] : [this.describe()]);
  }

  departed(): Promise<readonly Departed[]> {
    return Promise.resolve([]);
  }

  stop(): Promise<void> {
    this.execute = null;
    return Promise.resolve();
  }
}

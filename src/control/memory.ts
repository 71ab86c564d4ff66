/** The control bus of a node that is alone. */
import type { Command, ControlBus, Execute, Outcome } from './command.ts';

export class MemoryControlBus implements ControlBus {
  private execute: Execute | null = null;

  start(execute: Execute): Promise<void> {
    this.execute = execute;
    return Promise.resolve();
  }

  send(command: Command, dryRun: boolean): Promise<readonly Outcome[]> {
    return Promise.resolve(this.execute === null ? [] : [this.execute(command, dryRun)]);
  }

  stop(): Promise<void> {
    this.execute = null;
    return Promise.resolve();
  }
}

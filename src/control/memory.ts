/** The control bus of a node that is alone. */
import type { Command, ControlBus, Outcome } from './command.ts';

export class MemoryControlBus implements ControlBus {
  private execute: ((command: Command, dryRun: boolean) => Outcome) | null = null;

  start(execute: (command: Command, dryRun: boolean) => Outcome): Promise<void> {
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

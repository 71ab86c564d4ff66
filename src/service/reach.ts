/** A command to every node, for callers that need no more than its reach. */
import type { Command, ControlBus } from '../control/command.ts';

/** What became of an order to all nodes. */
export interface Reached {
  readonly connections: number;
  /** What was not reached: nodes that did not answer, or all others when what joins them is away. */
  readonly missed: readonly string[];
}

export async function reach(bus: ControlBus, command: Command): Promise<Reached> {
  const outcomes = await bus.send(command, false);
  return {
    connections: outcomes.reduce((sum, { connections }) => sum + connections, 0),
    missed: outcomes.flatMap(({ node, problem }) => (problem === undefined ? [] : [`${node}: ${problem}`])),
  };
}

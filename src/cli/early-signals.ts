/** Signals while `serve` starts: process 1 of a container would lose those that nobody handles, and others would die of them. */
const ENDS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Nobody is served yet, so that there is nothing to drain. SIGUSR1 is taken so that Node.js does not open its inspector. */
export function endWhileStarting(): void {
  for (const signal of ENDS) process.on(signal, endAtOnce);
  process.on('SIGUSR1', ignore);
}

/** From here on others listen. Call it in the turn in which they begin. */
export function hasStarted(): void {
  for (const signal of ENDS) process.off(signal, endAtOnce);
}

/** For a parent of workers, to which SIGHUP means something else. */
export function keepThroughHangup(): void {
  process.on('SIGHUP', ignore);
  process.off('SIGHUP', endAtOnce);
}

function endAtOnce(): void {
  process.exit(0);
}

function ignore(): void {}

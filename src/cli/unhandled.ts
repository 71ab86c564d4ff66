/** A promise whose rejection nobody looks at is a bug: it is written down, and the process ends instead of limping on. */
import type { LogFactory } from '../telemetry/pino-log.ts';

export function endOnUnhandledRejection(logs: LogFactory): void {
  process.once('exit', () => logs.flush());
  process.on('unhandledRejection', (reason) => {
    logs.room('cli').error('A promise was rejected and nobody looked: this is a bug', {
      error: reason instanceof Error ? reason.stack : String(reason),
    });
    process.exit(1);
  });
}

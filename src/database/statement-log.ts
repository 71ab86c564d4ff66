/**
 * What statements say in the log: each of them at `database=debug`, slow ones as a warning. Their text has `$1` where values
 * are, so no value of a row is in a line.
 */
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';

/** Between two warnings: a database that is slow is slow with every statement. */
const EVERY_MS = 1_000;
const MAX_TEXT = 500;

export class StatementLog {
  private readonly log: Log;
  private readonly clock: Clock;
  private readonly slowMs: number;
  private warnedAt = -EVERY_MS;
  private unwritten = 0;

  /** @param slowMs milliseconds above which a statement is told of as slow */
  constructor(log: Log, clock: Clock, slowMs: number) {
    this.log = log;
    this.clock = clock;
    this.slowMs = slowMs;
  }

  /** @param ms from the statement to its answer, or to its failure */
  answered(text: string, ms: number): void {
    // Slow ones too: of several in a second one is a warning, and a reader of all lines would miss the rest.
    if (this.log.isEnabled('debug')) this.log.debug('Statement', fieldsOf(text, ms));
    if (ms >= this.slowMs) this.slow(text, ms);
  }

  private slow(text: string, ms: number): void {
    const now = this.clock.elapsed();
    if (now - this.warnedAt < EVERY_MS) {
      this.unwritten += 1;
      return;
    }
    const more = this.unwritten === 0 ? {} : { not_logged: this.unwritten };
    this.warnedAt = now;
    this.unwritten = 0;
    this.log.warn('Slow statement', { ...fieldsOf(text, ms), ...more });
  }
}

function fieldsOf(text: string, ms: number): { readonly statement: string; readonly duration_ms: number } {
  return { statement: text.replaceAll(/\s+/g, ' ').slice(0, MAX_TEXT), duration_ms: Math.round(ms * 10) / 10 };
}

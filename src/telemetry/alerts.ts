/** Tells somebody: a critical log line, and a webhook where one is configured. */
import type { Log } from './log.ts';
import { redactUrls } from './redact.ts';

/** Webhook calls under way at most; further alerts are only logged. */
const MAX_PENDING = 10;
const TIMEOUT_MS = 5_000;

export interface AlertFacts {
  readonly raised: number;
  /** Of those the webhook did not take. */
  readonly lost: number;
  /** Why the last one was lost: a status, or what the network says. */
  readonly last_problem: string | null;
}

/** What became of the alerts of a node, whichever part of it raises them. */
export class AlertRecord {
  raised = 0;
  private lost = 0;
  private lastProblem: string | null = null;

  failed(problem: string): void {
    this.lost += 1;
    this.lastProblem = problem;
  }

  facts(): AlertFacts {
    return { raised: this.raised, lost: this.lost, last_problem: this.lastProblem };
  }
}

export class Alerts {
  private pending = 0;
  private readonly log: Log;
  private readonly webhook: string | undefined;
  private readonly record: AlertRecord;

  constructor(log: Log, webhook: string | undefined, record = new AlertRecord()) {
    this.log = log;
    this.webhook = webhook;
    this.record = record;
  }

  raise(message: string, fields: Readonly<Record<string, unknown>>): void {
    this.log.error(message, { alert: 'critical', ...fields });
    this.record.raised += 1;
    if (this.webhook === undefined) return;
    if (this.pending >= MAX_PENDING) return this.record.failed(`${MAX_PENDING} were under way already`);
    this.pending += 1;
    void this.post(this.webhook, { severity: 'critical', message, ...fields });
  }

  private async post(url: string, body: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.ok) return;
      this.record.failed(`it answers ${response.status}`);
      this.log.warn('Alert webhook did not accept the alert', { status: response.status });
    } catch (error) {
      this.record.failed(codeOf(error));
      this.log.warn('Alert webhook not reached', {
        error: redactUrls(error instanceof Error ? error.message : String(error), 'secret'),
      });
    } finally {
      this.pending -= 1;
    }
  }
}

/** `ECONNREFUSED`, `TimeoutError`: the words around it may have the URL in them. */
function codeOf(error: unknown): string {
  const { cause, name } = error as { readonly cause?: { readonly code?: unknown }; readonly name?: string };
  return typeof cause?.code === 'string' ? cause.code : (name ?? 'it failed');
}

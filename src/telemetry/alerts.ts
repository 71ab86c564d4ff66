/** Tells somebody: a critical log line, and a webhook where one is configured. */
import type { Log } from './log.ts';
import { redactUrls } from './redact.ts';

/** Webhook calls under way at most; further alerts are only logged. */
const MAX_PENDING = 10;
const TIMEOUT_MS = 5_000;

export class Alerts {
  private pending = 0;
  private readonly log: Log;
  private readonly webhook: string | undefined;

  constructor(log: Log, webhook: string | undefined) {
    this.log = log;
    this.webhook = webhook;
  }

  raise(message: string, fields: Readonly<Record<string, unknown>>): void {
    this.log.error(message, { alert: 'critical', ...fields });
    if (this.webhook === undefined || this.pending >= MAX_PENDING) return;
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
      if (!response.ok) this.log.warn('Alert webhook did not accept the alert', { status: response.status });
    } catch (error) {
      this.log.warn('Alert webhook not reached', {
        error: redactUrls(error instanceof Error ? error.message : String(error), 'secret'),
      });
    } finally {
      this.pending -= 1;
    }
  }
}

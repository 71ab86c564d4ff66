/** Whether the storage does what it should: for health, for a line in the log when that changes, and for a metric. */
import type { Timer } from '../../telemetry/clock.ts';
import type { Health } from '../app.ts';
import type { Counter, Host } from '../host-api.ts';
import { StorageError, type Storage } from './storage.ts';

const EVERY_MS = 15_000;

export class StorageWatch {
  private readonly storage: Pick<Storage, 'probe'>;
  private readonly log: Host['log'];
  private readonly failures: Counter;
  private readonly timer: Timer;
  private trouble: string | null = null;

  constructor(storage: Pick<Storage, 'probe'>, { scheduler, log }: Pick<Host, 'scheduler' | 'log'>, failures: Counter) {
    this.storage = storage;
    this.failures = failures;
    this.log = log;
    this.timer = scheduler.every(EVERY_MS, () => void this.look());
  }

  health(): Health {
    return this.trouble === null
      ? { status: 'healthy' }
      : { status: 'degraded', detail: `uploads are refused: ${this.trouble}` };
  }

  failed({ message }: StorageError): void {
    this.failures.add();
    if (this.trouble === null) this.log.error('The storage of uploads is away', { reason: message });
    this.trouble = message;
  }

  async look(): Promise<void> {
    try {
      await this.storage.probe();
      if (this.trouble !== null) this.log.info('The storage of uploads is back');
      this.trouble = null;
    } catch (error) {
      this.failed(error instanceof StorageError ? error : new StorageError(String(error)));
    }
  }

  stop(): void {
    this.timer.cancel();
  }
}

/** The consumers of the three queues on this node, and what operators see of their work. */
import type { Consumer, Handle, Outcome, Queue, QueueMessage } from '../../queue/queue.ts';
import { handleDeskOrder } from './desk/desk-queue.ts';
import type { DeskPorts } from './desk/genesys.ts';
import { handleOutbound } from './egress/agent-messages.ts';
import type { EgressPorts } from './egress/sending.ts';
import { handleInbound } from './inbound/customer-messages.ts';
import { Telling } from './inbound/telling.ts';
import type { Host } from '../host-api.ts';
import type { StageMark } from './tables.ts';
import { isFields } from './transforms/fields.ts';

/** Room beside the calls of one message for the database and the conversation. */
const SPARE_MS = 30_000;
const GRACE_MS = 2_000;

export class Workers {
  private readonly ports: EgressPorts & DeskPorts;
  private readonly consumers: readonly Consumer[];

  constructor(ports: EgressPorts & DeskPorts) {
    this.ports = ports;
    const { queues, settings } = ports;
    if (!settings.works) {
      this.consumers = [];
      return;
    }
    const telling = new Telling(ports);
    const calls = settings.call_ms + SPARE_MS;
    this.consumers = [
      this.consume(queues.inbound, settings.media_ms + calls, (message, signal) =>
        handleInbound(ports, telling, message, signal),
      ),
      // A long message has several calls.
      this.consume(queues.outbound, settings.call_ms * 10 + SPARE_MS, (message, signal) =>
        handleOutbound(ports, telling, message, signal),
      ),
      this.consume(queues.desk, settings.call_ms * 10 + SPARE_MS, (message, signal) =>
        handleDeskOrder(ports, message, signal),
      ),
    ];
  }

  get inWork(): number {
    return this.consumers.reduce((sum, { inWork }) => sum + inWork, 0);
  }

  /** Gives back to the queues what is not done in time. */
  async stop(): Promise<void> {
    await Promise.all(this.consumers.map((consumer) => consumer.stop(GRACE_MS)));
  }

  private consume(queue: Queue, deadlineMs: number, handle: Handle): Consumer {
    const { at_once: prefetch, attempts, retry_ms: retryMs, max_retry_ms: maxRetryMs } = this.ports.settings;
    return queue.consume({ prefetch, attempts, retryMs, maxRetryMs, deadlineMs }, (message, signal) =>
      this.watched(queue.name, handle, message, signal),
    );
  }

  private async watched(queue: string, handle: Handle, message: QueueMessage, signal: AbortSignal): Promise<Outcome> {
    const { host, counts, workTimes, underway } = this.ports;
    const began = host.clock.elapsed();
    try {
      const outcome = await handle(message, signal);
      if (outcome === undefined) underway.done(message);
      else underway.step(queue, message, attemptOf(message, host, outcome));
      return outcome;
    } catch (error) {
      underway.step(queue, message, attemptOf(message, host, error));
      throw error;
    } finally {
      const seconds = (host.clock.elapsed() - began) / 1_000;
      counts.workSeconds.observe(seconds);
      workTimes.observe(message.tenant, seconds);
    }
  }
}

/** An attempt that was not the last word: the reason is that of our own errors, which quote no message. */
function attemptOf({ attempt }: QueueMessage, host: Pick<Host, 'clock' | 'node'>, outcome: unknown): StageMark {
  const because =
    outcome instanceof Error
      ? reasonOf(outcome)
      : isFields(outcome) && typeof outcome['dead'] === 'string'
        ? outcome['dead']
        : 'it waits for its turn';
  return [`attempt-${attempt}`, host.clock.now(), host.node, because];
}

/** Errors of the database may quote a value: their code is enough. */
function reasonOf(error: Error & { readonly code?: unknown }): string {
  return typeof error.code === 'string'
    ? `${error.name} ${error.code}`
    : error.name === 'Error'
      ? error.message
      : error.name;
}

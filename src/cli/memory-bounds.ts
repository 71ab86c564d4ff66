/** What the configured bounds add up to, beside what the machine has: nobody should find out at night. */
import { totalmem } from 'node:os';
import type { Config } from '../config/schema.ts';
import { conflatedBytes } from './node/conflation.ts';
import type { Log } from '../telemetry/log.ts';

/** Says it in the log: for all workers together, because they share the machine. */
export function reportMemory(config: Config, log: Log): void {
  const { actor_system: actors, topics, websocket, server } = config;
  const mebibytes = (bytes: number): number => Math.round((bytes * server.workers) / 1_048_576);
  const limit = process.constrainedMemory() > 0 ? Math.min(process.constrainedMemory(), totalmem()) : totalmem();
  // Tails are bounded by the total of the mailboxes, since the mailboxes are ranges of them.
  const mailboxes = actors.mailboxes_total_bytes + conflatedBytes(config);
  const worst = topics.total_bytes + mailboxes + websocket.max_connections * 3_000;
  const fields = {
    logs_mib: mebibytes(topics.total_bytes),
    mailboxes_mib: mebibytes(mailboxes),
    connections: websocket.max_connections * server.workers,
    worst_case_mib: mebibytes(worst),
    memory_limit_mib: Math.round(limit / 1_048_576),
  };
  if (worst * server.workers > limit)
    log.warn('The configured bounds exceed the memory of this machine or container', fields);
  else log.info('Memory bounds', fields);
}

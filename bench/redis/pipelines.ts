/** Bare pipelined calls of the append script: what the broker's appends are compared with. */
import type { Redis } from 'ioredis';
import { layDown } from '../../src/broker/record.ts';
import { readTopicScripts } from '../../src/broker/redis-scripts.ts';

const HOUR = 3_600_000;
export const KEEP = { messages: 1_000, ageMs: HOUR, bytes: 67_108_864 };

/** What is appended. */
export function draft(payloadBytes: number): Parameters<typeof layDown>[0] & { idempotencyKey: undefined } {
  return {
    payload: JSON.stringify('x'.repeat(payloadBytes - 2)),
    from: 'alice',
    clientId: 'c-1',
    trace: undefined,
    idempotencyKey: undefined,
  };
}

export interface Pipelines {
  readonly topics: number;
  /** Of two pipelines together: one is always under way while the other is made. */
  readonly inFlight: number;
  readonly payloadBytes: number;
}

/** @returns how many calls were answered in so many ms, and a little more: what is under way is finished */
export async function pipelinedAppends(bare: Redis, ms: number, options: Pipelines): Promise<number> {
  const { append } = readTopicScripts();
  const record = layDown(draft(options.payloadBytes));
  const started = performance.now();
  let [done, sent] = [0, 0];
  const lane = async (): Promise<void> => {
    while (performance.now() - started < ms) {
      const pipeline = bare.pipeline();
      for (let at = 0; at < options.inFlight / 2; at += 1) {
        sent += 1;
        const name = `chat.t${sent % options.topics}`;
        const keys = [`bare:stream:{${name}}`, `bare:topic:{${name}}`] as const;
        const settings = [
          `bare:live:{${name}}`,
          'epoch',
          KEEP.messages,
          KEEP.bytes,
          KEEP.ageMs,
          HOUR,
          300_000,
          '=',
          '',
        ] as const;
        pipeline.evalsha(append.digest, 2, ...keys, ...settings, record, 0, '');
      }
      const answers = await pipeline.exec();
      const failed = answers?.find(([error]) => error !== null);
      if (failed?.[0]) throw failed[0];
      done += options.inFlight / 2;
    }
  };
  await Promise.all([lane(), lane()]);
  return done;
}

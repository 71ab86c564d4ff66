/** The keys of one tenant in Redis: `tenant:<id>:…`, found by SCAN, so that nobody else waits. */
import { isFailure } from '../../redis/command-client.ts';
import type { SharedStore } from '../host-api.ts';

const AT_ONCE = 500;

/**
 * @param tenant without `:` and without what means something in patterns
 * @returns how many keys are gone; `null` when Redis does not answer
 */
export async function clearTenantKeys(redis: Pick<SharedStore, 'write'>, tenant: string): Promise<number | null> {
  let removed = 0;
  let cursor = '0';
  do {
    const page = await send(redis, ['SCAN', cursor, 'MATCH', `tenant:${tenant}:*`, 'COUNT', AT_ONCE]);
    if (!Array.isArray(page)) return null;
    cursor = String(page[0]);
    const keys = (page[1] as readonly unknown[]).map(String);
    for (const key of keys) {
      const done = await send(redis, ['UNLINK', key]);
      if (typeof done !== 'number') return null;
      removed += done;
    }
  } while (cursor !== '0');
  return removed;
}

function send(redis: Pick<SharedStore, 'write'>, command: readonly [string, ...(string | number)[]]): Promise<unknown> {
  return new Promise((resolve) => {
    redis.write([command], ([result]) => resolve(isFailure(result) ? null : result));
  });
}

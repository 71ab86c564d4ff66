/** Remembers for a while which idempotency keys were used and what came of them. */
import { createHash } from 'node:crypto';
import type { Published } from './broker.ts';

interface Use {
  readonly digest: string;
  readonly published: Published;
  /** By the monotonic clock, in ms. */
  readonly expires: number;
}

/** Expired keys that go at one use of a key. More than one, so that they become fewer while new ones come. */
const SWEPT_AT_ONCE = 100;

export class IdempotencyWindow {
  // Every key lives equally long, so insertion order is order of expiry.
  private readonly uses = new Map<string, Use>();
  private readonly windowMs: number;
  private readonly capacity: number;

  constructor(windowMs: number, capacity: number) {
    this.windowMs = windowMs;
    this.capacity = capacity;
  }

  get size(): number {
    return this.uses.size;
  }

  /**
   * What an earlier publish with this key came to: `null` when there was none, `'conflict'` when its payload differs,
   * `'full'` when no more keys can be remembered (evicting one early would break the promise made to its sender).
   */
  find(scope: string, payload: string, now: number): Published | 'conflict' | 'full' | null {
    this.sweep(now);
    const use = this.uses.get(scope);
    const isUsed = use !== undefined && use.expires > now;
    // Where an expired use of the key stands, the next one would not be among the newest.
    if (use !== undefined && !isUsed) this.uses.delete(scope);
    if (!isUsed) return this.uses.size < this.capacity ? null : 'full';
    return use.digest === digest(payload) ? { ...use.published, duplicate: true } : 'conflict';
  }

  remember(scope: string, payload: string, published: Published, now: number): void {
    this.uses.set(scope, { digest: digest(payload), published, expires: now + this.windowMs });
  }

  /** A node that was quiet for long does not forget a million keys in one turn. */
  private sweep(now: number): void {
    let left = SWEPT_AT_ONCE;
    for (const [scope, use] of this.uses) {
      if (use.expires > now || left === 0) return;
      left -= 1;
      this.uses.delete(scope);
    }
  }
}

function digest(payload: string): string {
  return createHash('sha256').update(payload).digest('base64url');
}

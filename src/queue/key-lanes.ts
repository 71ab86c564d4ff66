/** Messages by their key: of each key one is out at a time, and the others wait behind it in the order in which they came. */
import { BoundedQueue } from '../actor/bounded-queue.ts';

interface Lane<T> {
  /** Out, or the next to be. */
  head: T;
  waiting: BoundedQueue<T> | null;
}

/** Bounds are the business of the owner, who knows what a message is. */
const UNBOUNDED = { capacity: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };

export class KeyLanes<T> {
  private readonly lanes = new Map<string, Lane<T>>();
  /** Keys whose head may go out, the one that has waited longest first. */
  private ready = new BoundedQueue<string>(UNBOUNDED);

  get hasReady(): boolean {
    return this.ready.length > 0;
  }

  add(key: string, item: T): void {
    const lane = this.lanes.get(key);
    if (lane === undefined) {
      this.lanes.set(key, { head: item, waiting: null });
      this.ready.put(key, 0);
      return;
    }
    lane.waiting ??= new BoundedQueue<T>(UNBOUNDED);
    lane.waiting.put(item, 0);
  }

  /** The next one whose key is free; its key is not, until {@link done} or {@link again}. */
  take(): T | undefined {
    const key = this.ready.take();
    return key === undefined ? undefined : this.lanes.get(key)?.head;
  }

  /** The one that is out is over: the next of its key may go. */
  done(key: string): void {
    const lane = this.lanes.get(key);
    const next = lane?.waiting?.take();
    if (lane === undefined || next === undefined) {
      this.lanes.delete(key);
      return;
    }
    lane.head = next;
    this.ready.put(key, 0);
  }

  /** The one that was out goes out once more, before the others of its key. */
  again(key: string): void {
    if (this.lanes.has(key)) this.ready.put(key, 0);
  }

  /** Drops what waits, and of the heads those that may go. @returns what was dropped */
  clear(isDropped: (head: T) => boolean): T[] {
    const dropped: T[] = [];
    for (const [key, lane] of this.lanes) {
      for (let item = lane.waiting?.take(); item !== undefined; item = lane.waiting?.take()) dropped.push(item);
      if (!isDropped(lane.head)) continue;
      dropped.push(lane.head);
      this.lanes.delete(key);
    }
    // A head that is neither out nor dropped does not exist: those that are ready are dropped.
    this.ready = new BoundedQueue<string>(UNBOUNDED);
    return dropped;
  }
}

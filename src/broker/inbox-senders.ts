/**
 * The senders of what a user has not read yet. A log loses its oldest message when it is full, so one sender could push
 * out what others have sent: that sender is refused instead, and told so.
 */
export class InboxSenders {
  /** Of the unread messages: the sequence and sender of each, ascending. */
  private entries: { readonly sequence: number; readonly from: string }[] = [];
  private readonly counts = new Map<string, number>();

  /** The user listens: nothing waits. */
  clear(): void {
    this.entries = [];
    this.counts.clear();
  }

  add(sequence: number, from: string): void {
    this.entries.push({ sequence, from });
    this.counts.set(from, (this.counts.get(from) ?? 0) + 1);
  }

  /**
   * Whether one more message of a sender leaves what others have sent alone.
   * @param first the oldest message that the log holds; @param isFull the next message displaces it
   * @param share messages that one sender may have unread beside those of others
   */
  admits(from: string, first: number, isFull: boolean, share: number): boolean {
    this.dropBefore(first);
    const own = this.counts.get(from) ?? 0;
    if (this.entries.length > own && own >= share) return false;
    const [oldest] = this.entries;
    if (!isFull || oldest === undefined || oldest.sequence > first || oldest.from === from) return true;
    // A sender that has more than a share makes room.
    return (this.counts.get(oldest.from) ?? 0) >= share;
  }

  private dropBefore(first: number): void {
    let gone = 0;
    for (const { sequence, from } of this.entries) {
      if (sequence >= first) break;
      gone += 1;
      const left = (this.counts.get(from) ?? 1) - 1;
      if (left === 0) this.counts.delete(from);
      else this.counts.set(from, left);
    }
    if (gone > 0) this.entries.splice(0, gone);
  }
}

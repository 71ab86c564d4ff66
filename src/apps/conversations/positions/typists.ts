/** The members that type in a conversation, as another one sees them: never the member, and nobody longer than was said. */
import type { LiveEvent } from './live.ts';

export class Typists {
  private readonly self: string;
  private readonly untils = new Map<string, number>();

  constructor(self: string) {
    this.self = self;
  }

  /**
   * @param sentAt when it was published, by the clock that `until` is of
   * @param now by the clock of who asks later: the two need not agree
   * @returns whether somebody is shown, or is no longer, who was not before
   */
  heard(event: LiveEvent, sentAt: number, now: number): boolean {
    if (event.event !== 'typing' || event.user === this.self) return false;
    const was = this.isTyping(event.user, now);
    if (event.isTyping && event.until > sentAt) this.untils.set(event.user, now + event.until - sentAt);
    else this.untils.delete(event.user);
    return this.isTyping(event.user, now) !== was;
  }

  at(now: number): readonly string[] {
    for (const [user, until] of this.untils) if (until <= now) this.untils.delete(user);
    return [...this.untils.keys()];
  }

  /** When the next one is shown no longer; `null` where nobody is. */
  get nextEnd(): number | null {
    return this.untils.size === 0 ? null : Math.min(...this.untils.values());
  }

  private isTyping(user: string, now: number): boolean {
    return (this.untils.get(user) ?? 0) > now;
  }
}

/** Up to where the application has handled each topic. */
import type { Position } from '../protocol/position.ts';

/** The oldest give way. */
const MAX_TOPICS = 10_000;

export class Positions {
  readonly #known = new Map<string, Position>();

  get(topic: string): Position | undefined {
    return this.#known.get(topic);
  }

  set(topic: string, position: Position): void {
    // The one that moved last is the youngest.
    this.#known.delete(topic);
    this.#known.set(topic, position);
    if (this.#known.size <= MAX_TOPICS) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  below(prefix: string): [string, Position][] {
    const found = [...this.#known].filter(([topic]) => topic.startsWith(prefix));
    return found.map(([topic, position]) => [topic.slice(prefix.length), position]);
  }

  clear(): void {
    this.#known.clear();
  }
}

/** What a client may expect of a conflated topic: order, every loss counted, and in the end the newest of each key. */
import { promise } from './violation.ts';

export const CONFLATED = 'cursor.x';
export const CONFLATION_FIELD = 'key';
const KEYS = ['k1', 'k2'];

/** A message of the topic, made of one of another. */
export function conflatedPayload(payload: string): Readonly<Record<string, string>> {
  const number = Number(payload.slice(1));
  // Every fifth has no key: it gives way to nothing.
  return number % 5 === 0 ? { payload } : { [CONFLATION_FIELD]: KEYS[number % KEYS.length] ?? '', payload };
}

export class ConflatedReader {
  /** Place of the first and of the last message received. */
  private first = -1;
  private last = -1;
  /** Losses that were announced and are not found yet. */
  private announced = 0;
  /** Of those so many may have been before the first: where the subscription began, the client does not know. */
  private before = 0;
  private readonly newest = new Map<string, number>();
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  received(index: number, text: string): void {
    promise(index > this.last, 'ephemeral order', () => `${this.name} got number ${index} after ${this.last}`);
    if (this.last === -1) {
      this.first = index;
      this.before = this.announced;
    } else this.announced -= index - this.last - 1;
    promise(
      this.announced >= 0,
      'every hole is announced',
      () => `${this.name} misses ${-this.announced} more than were announced before number ${index}`,
    );
    this.last = index;
    this.newest.set(keyOf(text, index), index);
  }

  gap(count: number): void {
    this.announced += count;
  }

  /** Everything has arrived. @param published in order */
  rests(published: readonly string[]): void {
    if (this.first === -1) return;
    promise(
      this.announced <= this.before,
      'gaps are exact',
      () => `${this.name} was told of ${this.announced - this.before} losses that are none`,
    );
    const newest = new Map(published.map((text, index) => [keyOf(text, index), index]));
    for (const [key, index] of newest) {
      if (index < this.first || !KEYS.includes(key)) continue;
      promise(
        this.newest.get(key) === index,
        'the newest of each key arrives',
        () => `${this.name} got number ${this.newest.get(key)} of ${key}, the newest is ${index}`,
      );
    }
    const last = published.length - 1;
    promise(this.last === last, 'the newest of each key arrives', () => `${this.name} is at ${this.last} of ${last}`);
  }
}

function keyOf(text: string, index: number): string {
  const { [CONFLATION_FIELD]: key = `${index}` } = JSON.parse(text) as Readonly<Record<string, string>>;
  return key;
}

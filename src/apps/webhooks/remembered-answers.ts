/** Answers that the backend lets us give again for some seconds: as many as may be, the oldest give way. */
import type { Clock } from '../../telemetry/clock.ts';

interface Remembered<Answer> {
  readonly answer: Answer;
  readonly until: number;
}

export class RememberedAnswers<Answer> {
  private readonly capacity: number;
  private readonly clock: Clock;
  private readonly answers = new Map<string, Remembered<Answer>>();

  constructor(capacity: number, clock: Clock) {
    this.capacity = capacity;
    this.clock = clock;
  }

  get size(): number {
    return this.answers.size;
  }

  get(question: string): Answer | undefined {
    const found = this.answers.get(question);
    if (found === undefined) return undefined;
    if (found.until > this.clock.elapsed()) return found.answer;
    this.answers.delete(question);
    return undefined;
  }

  put(question: string, answer: Answer, seconds: number): void {
    if (seconds <= 0 || this.capacity === 0) return;
    // Anew at the end: what was answered last goes last.
    this.answers.delete(question);
    const [oldest] = this.answers.keys();
    if (this.answers.size >= this.capacity && oldest !== undefined) this.answers.delete(oldest);
    this.answers.set(question, { answer, until: this.clock.elapsed() + seconds * 1_000 });
  }

  /** Answers hold no longer: rights have changed. */
  forget(): void {
    this.answers.clear();
  }
}

/**
 * What is said of an answer while it grows, on the live topic of its session, which nobody keeps. Each delta says where in the
 * text it begins, so a reader that has missed one knows it, and asks for the text so far. The first delta goes out at once; those
 * that come within the next milliseconds go together.
 */
import type { Scheduler, Timer } from '../../../telemetry/clock.ts';

export interface Delta {
  /** Where it begins: in UTF-16 units of the whole text. */
  readonly from: number;
  readonly text: string;
}

export interface LiveTextOptions {
  readonly mergeMs: number;
  /** UTF-16 units of the whole text. */
  readonly most: number;
}

export class LiveText {
  private readonly options: LiveTextOptions;
  private readonly scheduler: Scheduler;
  private readonly send: (delta: Delta) => void;
  private parts: string[] = [];
  private length = 0;
  /** The first half of a character whose second half has not come. */
  private half = '';
  private said = 0;
  private pending: string[] = [];
  private timer: Timer | null = null;

  constructor(options: LiveTextOptions, scheduler: Scheduler, send: (delta: Delta) => void) {
    this.options = options;
    this.scheduler = scheduler;
    this.send = send;
  }

  /** All of it. */
  get whole(): string {
    const text = this.parts.join('');
    this.parts = [text];
    return text;
  }

  get isEmpty(): boolean {
    return this.length === 0;
  }

  get isFull(): boolean {
    return this.length >= this.options.most;
  }

  add(delta: string): void {
    const text = this.fitting(this.half + delta);
    // Two surrogates are one character, and no reader gets half of it.
    const isTorn = isHighSurrogate(text.charCodeAt(text.length - 1));
    this.half = isTorn ? text.slice(-1) : '';
    const whole = isTorn ? text.slice(0, -1) : text;
    if (whole === '') return;
    this.parts.push(whole);
    this.length += whole.length;
    this.pending.push(whole);
    if (this.timer !== null) return;
    this.flush();
    this.timer = this.scheduler.after(this.options.mergeMs, this.merged);
  }

  /** Says the rest. */
  end(): void {
    this.timer?.cancel();
    this.timer = null;
    this.flush();
  }

  private readonly merged = (): void => {
    this.timer = null;
    if (this.pending.length === 0) return;
    this.flush();
    this.timer = this.scheduler.after(this.options.mergeMs, this.merged);
  };

  private flush(): void {
    if (this.pending.length === 0) return;
    const text = this.pending.join('');
    this.pending = [];
    this.send({ from: this.said, text });
    this.said += text.length;
  }

  private fitting(text: string): string {
    const left = this.options.most - this.length;
    return text.length <= left ? text : text.slice(0, Math.max(0, left));
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd8_00 && unit <= 0xdb_ff;
}

/** The provider that works with nothing installed: the same question always gets the same answer, in the same pieces. */
import { createHash } from 'node:crypto';
import type { Scheduler } from '../../../telemetry/clock.ts';
import { pause } from '../../calling/pause.ts';
import { ProviderError, type End, type Failure, type Hear, type Provider, type Question } from './provider.ts';
import { CHARACTERS_OF_TOKEN, estimatedUsage } from './tokens.ts';

/** How a question is answered, in place of the answer that is made up. */
export interface Script {
  readonly answer?: string | undefined;
  /** Before the first delta. */
  readonly delayMs?: number | undefined;
  /** Between deltas. */
  readonly paceMs?: number | undefined;
  /** Instead of an answer, or after so many deltas of it. */
  readonly failure?: Failure | undefined;
  readonly failsAfter?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** It says nothing more, and does not end. */
  readonly hangs?: boolean | undefined;
}

export interface LocalOptions {
  /** Between deltas; 0: as fast as they are taken. */
  readonly paceMs: number;
  readonly script?: (question: Question) => Script | undefined;
}

const SENTENCES = [
  'Let me think about that.',
  'There are several ways to look at it.',
  'The short answer is that it depends.',
  'Start with what you know, and measure the rest.',
  'Keep what works, and change one thing at a time.',
  'Ask again when you know more.',
];
const MOST_SENTENCES = 4;

export class LocalProvider implements Provider {
  readonly name = 'local';
  private readonly options: LocalOptions;
  private readonly scheduler: Scheduler;

  constructor(options: LocalOptions, scheduler: Scheduler) {
    this.options = options;
    this.scheduler = scheduler;
  }

  async answer(question: Question, hear: Hear, signal: AbortSignal): Promise<End> {
    const script = this.options.script?.(question) ?? {};
    const { failsAfter = 0, failure, retryAfterMs, paceMs = this.options.paceMs } = script;
    await this.pause(script.delayMs ?? 0, signal);
    const most = question.maxTokens * CHARACTERS_OF_TOKEN;
    const whole = script.answer ?? madeUp(question);
    const words = whole.slice(0, most).match(/\S+\s*|\s+/gu) ?? [];
    for (const [at, text] of words.entries()) {
      if (failure !== undefined && at >= failsAfter)
        throw new ProviderError(failure, 'as the script says', retryAfterMs);
      if (at > 0) await this.pause(paceMs, signal);
      hear(text);
    }
    if (failure !== undefined) throw new ProviderError(failure, 'as the script says', retryAfterMs);
    if (script.hangs === true) await this.pause(2 ** 31 - 1, signal);
    return {
      usage: estimatedUsage(question, whole.slice(0, most)),
      ending: whole.length > most ? 'length' : 'done',
    };
  }

  private async pause(ms: number, signal: AbortSignal): Promise<void> {
    if (ms === 0) signal.throwIfAborted();
    else await pause(this.scheduler, ms, signal);
  }
}

/** By a hash of the question, so that tests and demonstrations can be repeated. */
function madeUp({ turns, model, system }: Question): string {
  const asked = turns.at(-1)?.text ?? '';
  const hash = createHash('sha256')
    .update(JSON.stringify([model, system, turns]))
    .digest();
  const sentences = Array.from(
    hash.subarray(1, 2 + ((hash[0] ?? 0) % MOST_SENTENCES)),
    (byte) => SENTENCES[byte % SENTENCES.length],
  );
  const beginning = Array.from(asked).slice(0, 60).join('').trim();
  return [`You asked: "${beginning}".`, ...new Set(sentences)].join(' ');
}

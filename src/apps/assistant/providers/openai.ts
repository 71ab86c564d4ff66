/** Models behind the chat completions API of OpenAI, which many servers speak. Its stream ends with `[DONE]`. */
import { withSlash } from './anthropic.ts';
import { field, jsonOf, numberAt, textAt } from './event-json.ts';
import type { StreamEvent } from './event-stream.ts';
import {
  ProviderError,
  type End,
  type Ending,
  type Hear,
  type Provider,
  type Question,
  type Usage,
} from './provider.ts';
import { callForEvents } from './streamed-call.ts';

export interface OpenAiOptions {
  /** Where `/chat/completions` is: with `/v1` for the service itself. */
  readonly baseUrl: URL;
  /** Servers of one's own may need none. */
  readonly key: string | undefined;
}

const ENDINGS: Readonly<Record<string, Ending>> = { length: 'length', content_filter: 'refused' };

export class OpenAiProvider implements Provider {
  readonly name = 'openai';
  private readonly options: OpenAiOptions;

  constructor(options: OpenAiOptions) {
    this.options = options;
  }

  async answer({ model, system, turns, maxTokens }: Question, hear: Hear, signal: AbortSignal): Promise<End> {
    const { baseUrl, key } = this.options;
    const messages = turns.map(({ by, text }) => ({ role: by, content: text }));
    const call = {
      url: new URL('chat/completions', withSlash(baseUrl)),
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      body: {
        model,
        max_completion_tokens: maxTokens,
        stream: true,
        stream_options: { include_usage: true },
        messages: system === '' ? messages : [{ role: 'system', content: system }, ...messages],
      },
    };
    const tally: Tally = { usage: { inputTokens: 0, outputTokens: 0 }, ending: 'done' };
    let isWhole = false;
    const take = ({ data }: StreamEvent): boolean => {
      if (data === '[DONE]') isWhole = true;
      else {
        const text = deltaOf(jsonOf(data), tally);
        if (text !== '') hear(text);
      }
      return isWhole;
    };
    await callForEvents(call, take, signal);
    if (!isWhole) throw new ProviderError('cut', 'the stream ended before [DONE]');
    return tally;
  }
}

interface Tally {
  usage: Usage;
  ending: Ending;
}

function deltaOf(chunk: unknown, tally: Tally): string {
  if (field(chunk, 'error') !== undefined) throw new ProviderError('unavailable', 'an error in the stream');
  const usage = field(chunk, 'usage');
  if (typeof usage === 'object' && usage !== null)
    tally.usage = { inputTokens: numberAt(usage, 'prompt_tokens'), outputTokens: numberAt(usage, 'completion_tokens') };
  const choices = field(chunk, 'choices');
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const reason = textAt(choice, 'finish_reason');
  if (reason !== '') tally.ending = ENDINGS[reason] ?? 'done';
  return textAt(field(choice, 'delta'), 'content');
}

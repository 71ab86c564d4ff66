/** Models behind the Anthropic Messages API, or a server that speaks it. Its stream: https://docs.anthropic.com/en/api/messages-streaming */
import { field, jsonOf, numberAt, textAt } from './event-json.ts';
import type { StreamEvent } from './event-stream.ts';
import {
  ProviderError,
  type End,
  type Ending,
  type Failure,
  type Hear,
  type Provider,
  type Question,
} from './provider.ts';
import { callForEvents } from './streamed-call.ts';

export interface AnthropicOptions {
  /** Where `/v1/messages` is. */
  readonly baseUrl: URL;
  readonly key: string;
}

const VERSION = '2023-06-01';
const ENDINGS: Readonly<Record<string, Ending>> = { max_tokens: 'length', refusal: 'refused' };
const FAILURES: Readonly<Record<string, Failure>> = {
  overloaded_error: 'busy',
  rate_limit_error: 'busy',
  authentication_error: 'unauthorized',
  permission_error: 'unauthorized',
  invalid_request_error: 'invalid',
  not_found_error: 'invalid',
};

export class AnthropicProvider implements Provider {
  readonly name = 'anthropic';
  private readonly options: AnthropicOptions;

  constructor(options: AnthropicOptions) {
    this.options = options;
  }

  async answer({ model, system, turns, maxTokens }: Question, hear: Hear, signal: AbortSignal): Promise<End> {
    const { baseUrl, key } = this.options;
    const call = {
      url: new URL('v1/messages', withSlash(baseUrl)),
      headers: { 'x-api-key': key, 'anthropic-version': VERSION },
      body: {
        model,
        max_tokens: maxTokens,
        stream: true,
        ...(system !== '' && { system }),
        messages: turns.map(({ by, text }) => ({ role: by, content: text })),
      },
    };
    const tally: Tally = { inputTokens: 0, outputTokens: 0, ending: 'done' };
    let isWhole = false;
    const take = (event: StreamEvent): boolean => {
      const text = deltaOf(event, tally);
      if (text === null) isWhole = true;
      else if (text !== '') hear(text);
      return isWhole;
    };
    await callForEvents(call, take, signal);
    if (!isWhole) throw new ProviderError('cut', 'the stream ended before message_stop');
    const { ending, ...usage } = tally;
    return { usage, ending };
  }
}

interface Tally {
  inputTokens: number;
  outputTokens: number;
  ending: Ending;
}

/** @returns its text, `''` for an event without any, `null` at the end */
function deltaOf({ data }: StreamEvent, tally: Tally): string | null {
  const event = jsonOf(data);
  switch (textAt(event, 'type')) {
    case 'message_start':
      tally.inputTokens = numberAt(field(field(event, 'message'), 'usage'), 'input_tokens');
      return '';
    case 'content_block_delta':
      return textAt(field(event, 'delta'), 'text');
    case 'message_delta':
      tally.outputTokens = numberAt(field(event, 'usage'), 'output_tokens');
      tally.ending = ENDINGS[textAt(field(event, 'delta'), 'stop_reason')] ?? 'done';
      return '';
    case 'message_stop':
      return null;
    case 'error': {
      const kind = textAt(field(event, 'error'), 'type');
      throw new ProviderError(FAILURES[kind] ?? 'unavailable', `in the stream: ${kind.slice(0, 64) || 'an error'}`);
    }
    default:
      // Pings, other blocks, and kinds that come later.
      return '';
  }
}

/** `https://host/base` keeps its path before what is added. */
export function withSlash(url: URL): URL {
  return url.pathname.endsWith('/') ? url : new URL(`${url.href}/`);
}

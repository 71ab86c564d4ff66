/** Models behind Amazon Bedrock, by its Converse API, which is the same for all models. Its SDK signs, and reads the event stream. */
import type {
  BedrockRuntimeClient,
  BedrockRuntimeClientConfig,
  ConverseStreamCommandInput,
  ConverseStreamOutput,
} from '@aws-sdk/client-bedrock-runtime';
import { missingPackage } from '../../../telemetry/optional-package.ts';
import { bedrockFailure } from './bedrock-failure.ts';
import { numberAt } from './event-json.ts';
import {
  ProviderError,
  type End,
  type Ending,
  type Hear,
  type Provider,
  type Question,
  type Usage,
} from './provider.ts';

export interface BedrockOptions {
  readonly region: string;
  /** In place of the region's own. */
  readonly endpoint: URL | undefined;
  /** An API key of Bedrock; without, the SDK looks for credentials as all tools of AWS do: variables, profiles, the role of the machine. */
  readonly key: string | undefined;
}

const PACKAGE = '@aws-sdk/client-bedrock-runtime';
/** Of an answer, in UTF-16 units and with what an event takes beside its text. */
const MOST = 4_194_304;
const OF_EVENT = 100;
const ENDINGS: Readonly<Record<string, Ending>> = {
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  guardrail_intervened: 'refused',
  content_filtered: 'refused',
};

export class BedrockProvider implements Provider {
  readonly name = 'bedrock';
  private readonly options: BedrockOptions;
  private client: BedrockRuntimeClient | null = null;

  /** @throws with what is missing */
  constructor(options: BedrockOptions) {
    const missing = missingPackage(PACKAGE, 'provider = "bedrock" in [apps.assistant]');
    if (missing !== null) throw new Error(missing);
    this.options = options;
  }

  async answer(question: Question, hear: Hear, signal: AbortSignal): Promise<End> {
    // The SDK goes on with a stream that nobody reads any more.
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const tally: Tally = { usage: { inputTokens: 0, outputTokens: 0 }, ending: null, size: 0 };
    let hasBegun = false;
    try {
      const { ConverseStreamCommand } = await import('@aws-sdk/client-bedrock-runtime');
      this.client ??= await open(this.options);
      const { stream } = await this.client.send(new ConverseStreamCommand(inputOf(question)), { abortSignal: either });
      hasBegun = true;
      for await (const event of stream ?? []) {
        const text = deltaOf(event, tally);
        if (text !== '') hear(text);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw bedrockFailure(error, hasBegun);
    } finally {
      over.abort();
    }
    signal.throwIfAborted();
    if (tally.ending === null) throw new ProviderError('cut', 'the stream ended before messageStop');
    return { usage: tally.usage, ending: tally.ending };
  }
}

interface Tally {
  usage: Usage;
  /** `null` before its end was told. */
  ending: Ending | null;
  size: number;
}

async function open({ region, endpoint, key }: BedrockOptions): Promise<BedrockRuntimeClient> {
  const { BedrockRuntimeClient: Client } = await import('@aws-sdk/client-bedrock-runtime');
  const config: BedrockRuntimeClientConfig = {
    region,
    // Repeating is the business of the guards, which know how long an answer may take.
    maxAttempts: 1,
    ...(endpoint !== undefined && { endpoint: endpoint.href }),
    ...(key !== undefined && { token: { token: key }, authSchemePreference: ['httpBearerAuth'] }),
  };
  return new Client(config);
}

function inputOf({ model, system, turns, maxTokens }: Question): ConverseStreamCommandInput {
  return {
    modelId: model,
    messages: turns.map(({ by, text }) => ({ role: by, content: [{ text }] })),
    ...(system !== '' && { system: [{ text: system }] }),
    inferenceConfig: { maxTokens },
  };
}

/** @returns its text, `''` for an event without any */
function deltaOf(event: ConverseStreamOutput, tally: Tally): string {
  const text = event.contentBlockDelta?.delta?.text ?? '';
  tally.size += text.length + OF_EVENT;
  if (tally.size > MOST) throw new ProviderError('too_large', `more than ${MOST} characters of answer`);
  if (event.messageStop !== undefined) tally.ending = ENDINGS[event.messageStop.stopReason ?? ''] ?? 'done';
  // It comes behind the end.
  const usage = event.metadata?.usage;
  if (usage !== undefined)
    tally.usage = { inputTokens: numberAt(usage, 'inputTokens'), outputTokens: numberAt(usage, 'outputTokens') };
  return text;
}

/** The provider that the configuration names, and its guards. */
import type { Scheduler } from '../../../telemetry/clock.ts';
import type { Host } from '../../host-api.ts';
import type { Settings } from '../settings.ts';
import { AnthropicProvider } from './anthropic.ts';
import { BedrockProvider } from './bedrock.ts';
import { GuardedProvider } from './guarded.ts';
import { LocalProvider } from './local.ts';
import { OpenAiProvider } from './openai.ts';
import type { Provider } from './provider.ts';

const ANTHROPIC = 'https://api.anthropic.com';
const OPENAI = 'https://api.openai.com/v1';
/** As a talker types. */
const LOCAL_PACE_MS = 30;
const MAX_RETRY_MS = 30_000;

const PROVIDERS: Readonly<Record<Settings['provider'], (settings: Settings, scheduler: Scheduler) => Provider>> = {
  local: (_, scheduler) => new LocalProvider({ paceMs: LOCAL_PACE_MS }, scheduler),
  anthropic: ({ base_url: baseUrl = ANTHROPIC, key = '' }) => new AnthropicProvider({ baseUrl: new URL(baseUrl), key }),
  bedrock: ({ base_url: baseUrl, key, region = '' }) =>
    new BedrockProvider({ region, key, endpoint: baseUrl === undefined ? undefined : new URL(baseUrl) }),
  openai: ({ base_url: baseUrl = OPENAI, key }) => new OpenAiProvider({ baseUrl: new URL(baseUrl), key }),
};

export function providerOf(settings: Settings, scheduler: Scheduler): Provider {
  return PROVIDERS[settings.provider](settings, scheduler);
}

export function guardedBy(
  provider: Provider,
  settings: Settings,
  { clock, scheduler, random, log }: Pick<Host, 'clock' | 'scheduler' | 'random' | 'log'>,
): GuardedProvider {
  return new GuardedProvider(
    provider,
    {
      limits: {
        atOnce: settings.at_once,
        atOnceOfTenant: settings.at_once_per_tenant ?? settings.at_once,
        waiting: settings.waiting_per_user,
        waitingInAll: settings.waiting,
      },
      patienceMs: settings.first_delta_ms,
      time: { firstDeltaMs: settings.first_delta_ms, silenceMs: settings.silence_ms, wholeMs: settings.answer_ms },
      attempts: settings.attempts,
      retry: { firstMs: settings.retry_ms, maxMs: MAX_RETRY_MS },
      breaker: { failures: settings.breaker_failures, openMs: settings.breaker_open_ms },
    },
    {
      clock,
      scheduler,
      random,
      changed: (state) =>
        log.warn('The circuit breaker of the provider has changed', { provider: provider.name, state }),
    },
  );
}

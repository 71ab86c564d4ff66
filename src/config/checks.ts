/** What must hold between keys: each check names the key to change. */
import { isSupportedPattern, isTopicName } from '../protocol/topic.ts';
import type { Problem } from './load.ts';
import type { Config, TopicRule } from './schema.ts';

const MIN_SECRET_BYTES = 32;

export function checkTogether(config: Config): Problem[] {
  return [
    ...checkTimes(config),
    ...checkSecrets(config),
    ...checkBroker(config),
    ...checkBounds(config),
    ...config.topics.rules.flatMap((rule, at) => checkRule(rule, at, config)),
  ];
}

function checkTimes({ websocket }: Config): Problem[] {
  const { heartbeat_interval_secs: heartbeat, client_timeout_secs: timeout } = websocket;
  if (timeout > heartbeat) return [];
  return [
    {
      key: 'websocket.client_timeout_secs',
      expected: `more than heartbeat_interval_secs (${heartbeat}), or every idle client is cut off`,
      got: String(timeout),
    },
  ];
}

/** Lengths only: the secrets themselves appear nowhere. */
function checkSecrets({ profile, auth }: Config): Problem[] {
  if (profile !== 'production') return [];
  const problems: Problem[] = [];
  if (auth.jwt_secret === undefined) {
    problems.push({
      key: 'auth.jwt_secret',
      expected: `a secret of at least ${MIN_SECRET_BYTES} bytes (JWT_SECRET or JWT_SECRET_FILE)`,
      got: 'nothing',
    });
  }
  for (const [key, value] of [
    ['auth.jwt_secret', auth.jwt_secret],
    ['auth.jwt_previous_secret', auth.jwt_previous_secret],
  ] as const) {
    if (value === undefined) continue;
    const bytes = Buffer.byteLength(value);
    if (bytes < MIN_SECRET_BYTES)
      problems.push({
        key,
        expected: `at least ${MIN_SECRET_BYTES} bytes in production (RFC 7518 section 3.2)`,
        got: `${bytes} bytes`,
      });
  }
  return problems;
}

/** The URL itself is read by the wiring: here only what it must begin with, so that a password is never shown. */
function checkBroker({ redis }: Config): Problem[] {
  if (redis.url === undefined) return [];
  const problems: Problem[] = [];
  if (!/^rediss?(?:\+(?:sentinel|cluster))?:\/\//.test(redis.url))
    problems.push({
      key: 'redis.url',
      expected: 'redis://, rediss://, or with +sentinel or +cluster before the colon',
      got: '(another URL)',
    });
  if (redis.wait_replicas === 0) return problems;
  if (redis.url.includes('+cluster:'))
    problems.push({
      key: 'redis.wait_replicas',
      expected: '0 with a cluster: WAIT counts the replicas of one connection',
      got: String(redis.wait_replicas),
    });
  if (redis.wait_timeout_ms >= redis.command_timeout_ms)
    problems.push({
      key: 'redis.wait_timeout_ms',
      expected: `less than redis.command_timeout_ms (${redis.command_timeout_ms})`,
      got: String(redis.wait_timeout_ms),
    });
  return problems;
}

/** What gives way in a mailbox must still be in the log, or an overflow would lose it although the log was meant to keep it. */
function checkBounds({ topics, actor_system: actors, websocket }: Config): Problem[] {
  const problems = shorterThanMailbox('topics.history', topics.history, actors.mailbox_capacity);
  const largest = websocket.max_message_size * 2;
  if (actors.mailbox_bytes < largest) {
    problems.push({
      key: 'actor_system.mailbox_bytes',
      expected: `at least twice websocket.max_message_size (${largest})`,
      got: String(actors.mailbox_bytes),
    });
  }
  if (topics.max_bytes < actors.mailbox_bytes) {
    problems.push({
      key: 'topics.max_bytes',
      expected: `at least actor_system.mailbox_bytes (${actors.mailbox_bytes})`,
      got: String(topics.max_bytes),
    });
  }
  return problems;
}

function checkRule(rule: TopicRule, at: number, { actor_system: actors }: Config): Problem[] {
  const problems =
    rule.history === undefined
      ? []
      : shorterThanMailbox(`topics.rules.${at}.history`, rule.history, actors.mailbox_capacity);
  if (!isTopicName(rule.pattern) && !isSupportedPattern(rule.pattern)) {
    problems.push({
      key: `topics.rules.${at}.pattern`,
      expected: 'a topic name, or a pattern with a literal first segment',
      got: JSON.stringify(rule.pattern),
    });
  }
  return problems;
}

function shorterThanMailbox(key: string, history: number, capacity: number): Problem[] {
  if (history === 0 || history >= capacity) return [];
  return [
    {
      key,
      expected: `0, or at least actor_system.mailbox_capacity (${capacity}): what gives way in a mailbox must still be in the log`,
      got: String(history),
    },
  ];
}

/** What must hold between keys: each check names the key to change. */
import { createPublicKey } from 'node:crypto';
import { isIP } from 'node:net';
import { isSupportedPattern, isTopicName } from '../protocol/topic.ts';
import { MAX_TRACED, tracePattern } from '../protocol/trace-pattern.ts';
import { parsePostgresqlUrl } from './postgresql-url.ts';
import { parseRedisUrl } from './redis-url.ts';
import { originEntryProblem } from './origin-entries.ts';
import type { Problem } from './problem.ts';
import type { Config, TopicRule } from './schema.ts';
import { secretBytes } from './secrets.ts';

const MIN_SECRET_BYTES = 32;

export function checkTogether(config: Config): Problem[] {
  return [
    ...checkTimes(config),
    ...checkKeys(config),
    ...checkProxies(config),
    ...checkOrigins(config),
    ...checkClaims(config),
    ...checkSecrets(config),
    ...checkBroker(config),
    ...checkDatabase(config),
    ...checkQueue(config),
    ...checkFetched(config),
    ...checkWorkers(config),
    ...checkBounds(config),
    ...config.topics.rules.flatMap((rule, at) => checkRule(rule, at, config)),
    ...checkTrace(config),
  ];
}

function checkTrace({ trace }: Config): Problem[] {
  if (trace.topics.length > MAX_TRACED)
    return [{ key: 'trace.topics', expected: `at most ${MAX_TRACED} patterns`, got: String(trace.topics.length) }];
  return trace.topics
    .filter((text) => typeof tracePattern(text) !== 'string')
    .map((text) => ({
      key: 'trace.topics',
      expected: 'topic names, patterns with a literal first segment, or @user:<user id>, optionally after tenant/',
      got: JSON.stringify(text),
    }));
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

function checkOrigins({ security }: Config): Problem[] {
  return security.allowed_origins.flatMap((entry) => {
    const expected = originEntryProblem(entry);
    return expected === null ? [] : [{ key: 'security.allowed_origins', expected, got: JSON.stringify(entry) }];
  });
}

/** An empty one would ask every token for an empty claim. */
function checkClaims({ auth }: Config): Problem[] {
  return (['issuer', 'audience'] as const)
    .filter((name) => auth[name]?.trim() === '')
    .map((name) => ({
      key: `auth.${name}`,
      expected: 'text, or no such key: then the claim is not asked for',
      got: JSON.stringify(auth[name]),
    }));
}

function checkProxies({ server }: Config): Problem[] {
  return server.trusted_proxies
    .filter((entry) => !isAddressOrNetwork(entry))
    .map((entry) => ({
      key: 'server.trusted_proxies',
      expected: 'addresses or networks, like 10.0.0.1 or 10.0.0.0/8',
      got: JSON.stringify(entry),
    }));
}

function isAddressOrNetwork(entry: string): boolean {
  const [address = '', bits, ...rest] = entry.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32));
}

/** Something must be able to verify tokens, and every algorithm needs its kind of key. */
function checkKeys({ profile, auth }: Config): Problem[] {
  const { jwt_secret: secret, public_key: publicKey, jwks_url: keySet } = auth;
  const problems: Problem[] = [];
  if (secret === undefined && publicKey === undefined && keySet === undefined && profile === 'production') {
    problems.push({
      key: 'auth.jwt_secret',
      expected: `a secret of at least ${MIN_SECRET_BYTES} bytes (JWT_SECRET or JWT_SECRET_FILE), auth.public_key or auth.jwks_url; to try things out: --profile development`,
      got: 'nothing',
    });
  }
  const isShared = (algorithm: string): boolean => algorithm.startsWith('HS');
  if ((publicKey !== undefined || keySet !== undefined) && auth.algorithms.every(isShared)) {
    problems.push({
      key: 'auth.algorithms',
      expected: 'an algorithm of the public key or key set: RS256, ES256, EdDSA …',
      got: JSON.stringify(auth.algorithms),
    });
  }
  if (secret !== undefined && !auth.algorithms.some(isShared)) {
    problems.push({
      key: 'auth.algorithms',
      expected: 'HS256, HS384 or HS512 too, or no auth.jwt_secret',
      got: JSON.stringify(auth.algorithms),
    });
  }
  if (publicKey !== undefined && !isPublicKey(publicKey))
    problems.push({ key: 'auth.public_key', expected: 'a public key in PEM form', got: 'something else' });
  if (profile === 'production' && keySet !== undefined && !isPrivateTransport(keySet)) {
    problems.push({
      key: 'auth.jwks_url',
      expected: 'an https:// URL in production: an attacker who changes the keys on their way signs the tokens',
      got: `${new URL(keySet).protocol}//…`,
    });
  }
  return problems;
}

function isPublicKey(text: string): boolean {
  try {
    // A private key would be accepted by createPublicKey too, but it has no business on a server that only verifies.
    return !text.includes('PRIVATE KEY') && createPublicKey(text).type === 'public';
  } catch {
    return false;
  }
}

function isPrivateTransport(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}

/** Lengths only: the secrets themselves appear nowhere. */
function checkSecrets({ profile, auth, admin }: Config): Problem[] {
  if (profile !== 'production') return [];
  const problems: Problem[] = [];
  for (const [key, value] of [
    ['auth.jwt_secret', auth.jwt_secret],
    ['auth.jwt_previous_secret', auth.jwt_previous_secret],
    ['admin.token', admin.token],
  ] as const) {
    if (value === undefined) continue;
    const bytes = secretBytes(value).byteLength;
    if (bytes < MIN_SECRET_BYTES)
      problems.push({
        key,
        expected: `at least ${MIN_SECRET_BYTES} bytes in production (RFC 7518 section 3.2)`,
        got: `${bytes} bytes`,
      });
  }
  return problems;
}

function checkBroker({ redis }: Config): Problem[] {
  if (redis.url === undefined) return [];
  const problems = checkUrl('redis.url', redis.url, parseRedisUrl);
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

function checkDatabase({ database: { url, folder } }: Config): Problem[] {
  if (url === undefined) return [];
  const problems = checkUrl('database.url', url, parsePostgresqlUrl);
  if (folder !== undefined)
    problems.push({
      key: 'database.folder',
      expected: 'no folder beside database.url: what is in the folder would not be in the server',
      got: JSON.stringify(folder),
    });
  return problems;
}

function checkQueue({ queue: { kind, url }, redis }: Config): Problem[] {
  const problems: Problem[] = [];
  if (kind === 'redis' && redis.url === undefined)
    problems.push({ key: 'redis.url', expected: 'a Redis, in which queues are kept (queue.kind)', got: 'nothing' });
  if (kind === 'rabbitmq' && url === undefined)
    problems.push({ key: 'queue.url', expected: 'a RabbitMQ, at which queues are kept (queue.kind)', got: 'nothing' });
  if (url !== undefined && kind !== 'auto' && kind !== 'rabbitmq')
    problems.push({ key: 'queue.url', expected: `nothing, as queue.kind is ${kind}`, got: '(a URL)' });
  if (url !== undefined && !/^amqps?:\/\/[^/?#\s]+/.test(url))
    problems.push({ key: 'queue.url', expected: 'amqp://user:password@host:5672/vhost', got: '(another URL)' });
  return problems;
}

/** The URL itself is never shown: it may hold a password. */
function checkUrl(key: string, url: string, parse: (url: string) => unknown): Problem[] {
  try {
    parse(url);
    return [];
  } catch (error) {
    const expected = error instanceof Error ? error.message.replace(/^expected /, '') : String(error);
    return [{ key, expected, got: '(another URL)' }];
  }
}

/** Both are fetched, and nothing else is. */
function checkFetched({ auth, admin }: Config): Problem[] {
  const urls = [
    ['auth.jwks_url', auth.jwks_url],
    ['admin.alert_webhook', admin.alert_webhook],
  ] as const;
  return urls.flatMap(([key, url]) =>
    url === undefined || /^https?:\/\/[^/]/i.test(url)
      ? []
      : [{ key, expected: 'a URL that begins with https:// or http://', got: '(another URL)' }],
  );
}

/** What the workers' names may add to the node's: -w64. */
const WORKER_SUFFIX = 4;
const MAX_NAME = 64;

/** Workers are nodes that know nothing of each other: what they share is in Redis, and their parent needs a door of its own. */
function checkWorkers({ server, redis, admin, socketio }: Config): Problem[] {
  if (server.workers === 1) return [];
  const problems: Problem[] = [];
  if (socketio.enabled && socketio.transports.includes('polling'))
    problems.push({
      key: 'socketio.transports',
      expected: `["websocket"] with server.workers: polls are spread over the workers, and a session is known to one`,
      got: JSON.stringify(socketio.transports),
    });
  if (redis.url === undefined)
    problems.push({
      key: 'redis.url',
      expected: `a Redis for the ${server.workers} workers (server.workers): each is a node of its own, and clients of one must hear the others`,
      got: 'nothing',
    });
  if (admin.port === undefined)
    problems.push({
      key: 'admin.port',
      expected:
        'a port beside server.port: the parent of the workers (server.workers) serves /health, /metrics and /admin there',
      got: 'nothing',
    });
  const name = server.node_name ?? '';
  if (name.length > MAX_NAME - WORKER_SUFFIX)
    problems.push({
      key: 'server.node_name',
      expected: `at most ${MAX_NAME - WORKER_SUFFIX} characters with server.workers: the workers are named after it, -w1 and so on`,
      got: JSON.stringify(name),
    });
  return problems;
}

/** Messages that give way in a mailbox must still be in the log, or an overflow would lose messages that the log was meant to keep. */
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

function checkRule(rule: TopicRule, at: number, { actor_system: actors, topics }: Config): Problem[] {
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
  const history = rule.history ?? topics.history;
  if (rule.conflate !== undefined && history > 0) {
    problems.push({
      key: `topics.rules.${at}.conflate`,
      expected: 'history = 0 beside it: of a topic with a log slow readers get every message',
      got: String(history),
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

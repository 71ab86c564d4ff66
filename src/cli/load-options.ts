/** The flags of `signalbox load`, and the plan that they make. */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { MIN_PAYLOAD_BYTES } from '../load/frames.ts';
import type { HttpPlan } from '../load/http-report.ts';
import type { LoadPlan, Pace, SlowReaders, Storms, Target } from '../load/plan.ts';
import { UsageError, type Arguments, type Option } from './command.ts';

export const LOAD_OPTIONS: Readonly<Record<string, Option>> = {
  url: { type: 'string', short: 'u', value: 'URL', help: 'the only target, such as ws://localhost:8081/ws; required' },
  yes: { type: 'boolean', short: 'y', help: 'do not ask before a target that is not this machine' },
  preset: { type: 'string', value: 'NAME', help: 'seed: 5,000 connections, 500 topics, 100 publishes a second, 5 min' },
  connections: { type: 'string', short: 'c', value: 'N', help: 'connections that subscribe (default: 100)' },
  topics: { type: 'string', value: 'N', help: 'topics (default: 10; not more than connections)' },
  subscribers: { type: 'string', value: 'N', help: 'subscribers per topic (default: connections / topics)' },
  publishers: { type: 'string', value: 'N', help: 'connections that publish (default: one per 50 publishes a second)' },
  rate: { type: 'string', short: 'r', value: 'N', help: 'open loop: publishes a second in total (default: 100)' },
  window: { type: 'string', short: 'w', value: 'N', help: 'closed loop: publishes in flight until delivered to all' },
  echo: {
    type: 'boolean',
    help: 'round trips: every connection publishes and waits for the Ack (--window: so many at once)',
  },
  payload: { type: 'string', value: 'BYTES', help: 'size of a payload as JSON text (default: 128)' },
  format: { type: 'string', value: 'NAME', help: 'json (default) or msgpack' },
  batch: { type: 'boolean', help: 'negotiate batches' },
  ramp: { type: 'string', value: 'N/TIME', help: 'open N connections every TIME (default: 10/10ms)' },
  'warm-up': { type: 'string', value: 'TIME', help: 'publishing before the measurement (default: 1s)' },
  duration: { type: 'string', short: 'd', value: 'TIME', help: 'of the measurement: 500ms, 30s, 5m (default: 10s)' },
  settle: { type: 'string', value: 'TIME', help: 'how long to wait for late messages while none come (default: 5s)' },
  threads: {
    type: 'string',
    short: 't',
    value: 'N',
    help: 'threads of the generator (default: processors - 1, at most 4)',
  },
  storm: {
    type: 'string',
    value: 'SHARE',
    help: 'reconnect storm: drop this share of the subscribers at once, as 50%',
  },
  'storm-at': { type: 'string', value: 'TIME', help: 'when (default: after a third of the duration)' },
  'storm-away': { type: 'string', value: 'TIME', help: 'how long they are away (default: 1s)' },
  'storm-every': { type: 'string', value: 'TIME', help: 'again after so long (default: once)' },
  'slow-readers': { type: 'string', value: 'N', help: 'this many subscribers stop reading for a while' },
  'slow-at': { type: 'string', value: 'TIME', help: 'when (default: after a tenth of the duration)' },
  'slow-for': { type: 'string', value: 'TIME', help: 'for how long (default: half of the duration)' },
  'topic-prefix': { type: 'string', value: 'NAME', help: 'topics are NAME.<run>.<number> (default: load)' },
  token: { type: 'string', value: 'JWT', help: 'one token for all connections' },
  secret: {
    type: 'string',
    value: 'SECRET',
    help: 'makes tokens (default: JWT_SECRET, JWT_SECRET_FILE, or on this machine the development secret)',
  },
  users: { type: 'string', value: 'N', help: 'users that the made tokens are for (default: one per connection)' },
  roles: { type: 'string', value: 'A,B', help: 'roles of the made tokens (default: user; with --http service)' },
  http: { type: 'string', value: 'PATH', help: 'load this HTTP endpoint of the target instead, such as /health' },
  'http-method': { type: 'string', value: 'NAME', help: 'method (default: GET, with a body POST)' },
  'http-body': { type: 'string', value: 'JSON', help: 'body of every request' },
  json: { type: 'string', value: 'FILE', help: 'write the report as JSON' },
  html: { type: 'string', value: 'FILE', help: 'write the report as one HTML page with charts' },
  calibrate: {
    type: 'boolean',
    help: 'measure the figures of `signalbox plan` on this machine, with servers of its own; needs no --url',
  },
  quick: { type: 'boolean', help: '--calibrate in half a minute, for a first look' },
  out: { type: 'string', value: 'FILE', help: 'where --calibrate writes its figures (default: profile.json)' },
  redis: { type: 'string', value: 'URL', help: 'the Redis that --calibrate uses (default: a redis-server of its own)' },
};

const PRESETS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  seed: { connections: '5000', topics: '500', rate: '100', ramp: '10/10ms', duration: '5m' },
};
/** Publishes a second of one connection: half of what the default limits allow (rate_limiting.connection_rps). */
const RATE_PER_PUBLISHER = 50;
const MAX_THREADS = 64;
const MOST = 1_000_000;

/** Flags over preset over defaults. */
type Read = (name: string) => string | undefined;

/** @throws UsageError */
export function readPlan(args: Arguments, target: Target): LoadPlan {
  const read = withPreset(args);
  const isEcho = args.flag('echo');
  const connections = whole(read, 'connections', 100, 1);
  const topics = whole(read, 'topics', Math.min(isEcho ? connections : 10, connections), 1, 999_999);
  const subscribing = isEcho && read('subscribers') === undefined ? 0 : connections;
  const subscribers = whole(read, 'subscribers', Math.floor(subscribing / topics), isEcho ? 0 : 1);
  if (subscribing > 0 && topics > subscribing && read('subscribers') === undefined)
    throw new UsageError(`expected --topics of at most ${subscribing} without --subscribers, got ${topics}`);
  if (subscribers > connections)
    throw new UsageError(`expected --subscribers of at most ${connections} (--connections), got ${subscribers}`);
  if (subscribing > topics * subscribers)
    throw new UsageError(
      `expected --topics × --subscribers of at least ${connections}, so that every connection has a topic, got ${topics * subscribers}`,
    );
  const pace = readPace(read, isEcho);
  const durationMs = time(read, 'duration', 10_000);
  const storms = readStorms(read, durationMs);
  const slowReaders = readSlowReaders(read, durationMs, subscribing);
  if (pace.kind === 'window' && (storms !== null || slowReaders !== null))
    throw new UsageError('expected --rate with --storm or --slow-readers: a window would wait for those who are away');
  const runId = randomInt(36 ** 5, 36 ** 6).toString(36);
  return {
    runId,
    target,
    connections: subscribing,
    topics,
    subscribers,
    publishers: whole(read, 'publishers', publishersFor(pace, connections), 1),
    pace,
    topicPrefix: `${read('topic-prefix') ?? 'load'}.${runId}`,
    payloadBytes: whole(read, 'payload', 128, MIN_PAYLOAD_BYTES, 16_000_000),
    format: oneOf(read, 'format', ['json', 'msgpack']),
    batching: args.flag('batch'),
    ramp: readRamp(read('ramp') ?? '10/10ms'),
    warmUpMs: time(read, 'warm-up', 1_000),
    durationMs,
    settleMs: time(read, 'settle', 5_000),
    threads: whole(read, 'threads', defaultThreads(), 1, MAX_THREADS),
    storms,
    slowReaders,
  };
}

/** @throws UsageError */
export function readHttpPlan(args: Arguments, url: URL, token: string | null): HttpPlan {
  const read = withPreset(args);
  const path = args.text('http') ?? '/';
  if (!path.startsWith('/'))
    throw new UsageError(`expected --http with a path like /health, got ${JSON.stringify(path)}`);
  const body = args.text('http-body') ?? null;
  return {
    url: `${url.protocol.replace('ws', 'http')}//${url.host}${path}`,
    method: args.text('http-method') ?? (body === null ? 'GET' : 'POST'),
    body,
    connections: whole(read, 'connections', 10, 1),
    rate: read('rate') === undefined ? null : whole(read, 'rate', 1, 1),
    durationMs: time(read, 'duration', 10_000),
    threads: whole(read, 'threads', 1, 1, MAX_THREADS),
    token,
  };
}

function withPreset(args: Arguments): Read {
  const name = args.text('preset');
  const preset = name === undefined ? {} : PRESETS[name];
  if (preset === undefined)
    throw new UsageError(`expected --preset ${Object.keys(PRESETS).join(' or ')}, got ${JSON.stringify(name)}`);
  return (flag) => args.text(flag) ?? preset[flag];
}

function readPace(read: Read, isEcho: boolean): Pace {
  const window = read('window');
  if (window !== undefined && read('rate') !== undefined)
    throw new UsageError('expected --rate (open loop) or --window (closed loop), got both');
  if (isEcho && read('rate') === undefined) return { kind: 'round-trips', inFlight: whole(read, 'window', 1, 1) };
  if (window !== undefined) return { kind: 'window', inFlight: whole(read, 'window', 1, 1) };
  const text = read('rate') ?? '100';
  const perSecond = Number(text);
  if (!(perSecond >= 0 && perSecond <= 10 * MOST) || text.trim() === '')
    throw new UsageError(`expected --rate as publishes a second, got ${JSON.stringify(text)}`);
  return perSecond === 0 ? { kind: 'none' } : { kind: 'rate', perSecond };
}

function publishersFor(pace: Pace, connections: number): number {
  if (pace.kind === 'round-trips') return connections;
  return pace.kind === 'rate' ? Math.min(1_000, Math.ceil(pace.perSecond / RATE_PER_PUBLISHER)) : 1;
}

function readStorms(read: Read, durationMs: number): Storms | null {
  const text = read('storm');
  if (text === undefined) return null;
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  const share = match === null ? 0 : Number(match[1]) / (match[2] === '%' ? 100 : 1);
  if (!(share > 0 && share <= 1)) throw new UsageError(`expected --storm like 50% or 0.5, got ${JSON.stringify(text)}`);
  const storms = {
    share,
    atMs: time(read, 'storm-at', Math.floor(durationMs / 3)),
    awayMs: time(read, 'storm-away', 1_000),
    everyMs: time(read, 'storm-every', 0),
  };
  within('--storm-at and --storm-away', storms.atMs + storms.awayMs, durationMs);
  if (storms.everyMs > 0 && storms.everyMs <= storms.awayMs)
    throw new UsageError('expected --storm-every longer than --storm-away');
  return storms;
}

function readSlowReaders(read: Read, durationMs: number, connections: number): SlowReaders | null {
  if (read('slow-readers') === undefined) return null;
  const slow = {
    count: whole(read, 'slow-readers', 1, 1, connections),
    atMs: time(read, 'slow-at', Math.floor(durationMs / 10)),
    forMs: time(read, 'slow-for', Math.floor(durationMs / 2)),
  };
  within('--slow-at and --slow-for', slow.atMs + slow.forMs, durationMs);
  return slow;
}

function within(what: string, ms: number, durationMs: number): void {
  if (ms > durationMs)
    throw new UsageError(`expected ${what} together within --duration (${durationMs} ms), got ${ms} ms`);
}

function readRamp(text: string): LoadPlan['ramp'] {
  const match = /^(\d{1,7})\/(.+)$/.exec(text);
  if (match === null || Number(match[1]) < 1)
    throw new UsageError(`expected --ramp like 10/10ms, got ${JSON.stringify(text)}`);
  return { connections: Number(match[1]), everyMs: milliseconds(match[2] ?? '', 'ramp') };
}

function defaultThreads(): number {
  return Math.max(1, Math.min(4, availableParallelism() - 1));
}

function whole(read: Read, name: string, fallback: number, least: number, most = MOST): number {
  const text = read(name);
  const value = text === undefined ? fallback : Number(text);
  if (text !== undefined && (!/^\d+$/.test(text) || value < least || value > most))
    throw new UsageError(`expected --${name} as a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`);
  return value;
}

function time(read: Read, name: string, fallback: number): number {
  const text = read(name);
  return text === undefined ? fallback : milliseconds(text, name);
}

function milliseconds(text: string, name: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (match === null)
    throw new UsageError(`expected a time like 500ms, 30s or 5m in --${name}, got ${JSON.stringify(text)}`);
  const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[match[2] as 'ms' | 's' | 'm' | 'h'];
  return Number(match[1]) * unit;
}

function oneOf<Choice extends string>(read: Read, name: string, choices: readonly Choice[]): Choice {
  const text = read(name) ?? choices[0];
  const choice = choices.find((one) => one === text);
  if (choice === undefined)
    throw new UsageError(`expected --${name} ${choices.join(' or ')}, got ${JSON.stringify(text)}`);
  return choice;
}

/** Options that only --calibrate has. */
export const OF_CALIBRATION: readonly string[] = ['quick', 'out', 'redis'];

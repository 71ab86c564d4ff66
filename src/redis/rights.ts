/**
 * What the user of `redis.url` has to be allowed: every command, the keys and the channels are tried once, so that what
 * is missing is named at connect. A right that is missing later would show as messages that are stored and never told.
 */
import { isFailure, type Command, type CommandClient } from './command-client.ts';
import type { AskAll } from './ask-all.ts';
import { isForbidden, RedisFailure } from './failure.ts';
import type { Keys } from './keys.ts';
import type { Subscriber } from './subscriber.ts';

const KEY_KINDS = [
  'stream',
  'topic',
  'index',
  'once',
  'session',
  'sessions',
  'shares',
  'node',
  'nodes',
  'orders',
  'changes',
  'ends',
  'standing',
  'deployment',
  'members',
  'presence',
  'presences',
];
const CHANNEL_KINDS = ['live', 'control', 'view'];
/** Nothing has this digest: a user who may run scripts is told that there is no such script. */
const NO_SCRIPT = '0'.repeat(40);
const TRIED_KEY_MS = 10_000;

/**
 * Harmless tries. The key holds a text, so that commands for other types change nothing; it is deleted in the end.
 * Redis looks at rights before anything else: before the type, the memory that is left, and in a cluster the slot.
 */
function tries(keys: Keys, name: string): readonly Command[] {
  const key = keys.key('topic', '', name);
  return [
    ['PING'],
    ['INFO', 'server'],
    ['TIME'],
    ['WAIT', 0, 1],
    ['EVALSHA', NO_SCRIPT, 0],
    ['SET', key, '', 'PX', TRIED_KEY_MS],
    ['GET', key],
    ['PTTL', key],
    ['HSET', key, 'f', ''],
    ['HGET', key, 'f'],
    ['HMGET', key, 'f'],
    ['HEXISTS', key, 'f'],
    ['HSCAN', key, 0],
    ['HDEL', key, 'f'],
    ['ZADD', key, 0, 'm'],
    ['ZREM', key, 'm'],
    ['ZRANGE', key, 0, -1],
    ['ZCOUNT', key, 0, 0],
    ['ZSCORE', key, 'm'],
    ['ZREMRANGEBYSCORE', key, 0, 0],
    ['XADD', key, '1-0', 'f', ''],
    ['XRANGE', key, '-', '+', 'COUNT', 1],
    ['XREVRANGE', key, '+', '-', 'COUNT', 1],
    ['XTRIM', key, 'MAXLEN', 1],
    ['PEXPIRE', key, 1],
    ['DEL', key],
    // There are no such keys: their names are tried.
    ...KEY_KINDS.flatMap((kind): Command[] => [
      ['PTTL', keys.key(kind, '', name)],
      ['PEXPIRE', keys.key(kind, '', name), 1],
    ]),
    ...CHANNEL_KINDS.map((kind): Command => ['PUBLISH', keys.channel(kind, '', name), '']),
  ];
}

/**
 * @param name of keys and channels that nobody else uses
 * @returns what is missing, as Redis names it
 */
export async function missingRights(client: CommandClient, keys: Keys, name: string): Promise<ReadonlySet<string>> {
  const commands = tries(keys, name);
  const results = await client.sendAllToAll(commands);
  const missing = new Set<string>();
  for (const [at, [verb, subject]] of commands.entries()) {
    const failure = results[at]?.find((result): result is RedisFailure => isFailure(result) && isForbidden(result));
    if (failure !== undefined) missing.add(nameOf(failure, verb, String(subject)));
  }
  return missing;
}

/**
 * The same for somebody who looks and changes nothing: what would write is tried so that it finds nothing to write to.
 * @param ask all servers
 * @returns what is missing, as far as it can be told so
 */
export async function missingRightsUntouched(ask: AskAll, keys: Keys, name: string): Promise<ReadonlySet<string>> {
  const missing = new Set<string>();
  const look = async (command: Command): Promise<void> => {
    const [verb, subject] = command;
    const answers = await ask(untouched(command));
    const failure = answers.find(
      (answer): answer is RedisFailure => answer instanceof RedisFailure && isForbidden(answer),
    );
    if (failure !== undefined) missing.add(nameOf(failure, verb, String(subject)));
  };
  // Only a hash cannot be written to on condition that it is there.
  await Promise.all(
    tries(keys, name)
      .filter(([verb]) => verb !== 'HSET')
      .map(look),
  );
  return missing;
}

/** The key is not there. */
function untouched([verb, key = '', ...more]: Command): Command {
  if (verb === 'SET') return [verb, key, '', 'XX'];
  if (verb === 'ZADD') return [verb, key, 'XX', ...more];
  return verb === 'XADD' ? [verb, key, 'NOMKSTREAM', ...more] : [verb, ...(key === '' ? [] : [key]), ...more];
}

/** The same for the connection that subscribes. */
export async function missingChannels(subscriber: Subscriber, keys: Keys, name: string): Promise<ReadonlySet<string>> {
  const missing = new Set<string>();
  const attempt = (verb: string, channels: readonly string[], patterns: readonly string[]): Promise<void> =>
    new Promise((resolve) => {
      subscriber.subscribe(channels, patterns, (failure) => {
        if (failure === null) subscriber.unsubscribe(channels, patterns);
        else if (isForbidden(failure))
          missing.add(/channels/.test(failure.message) ? `&* (${verb} ${[...channels, ...patterns][0]})` : plus(verb));
        resolve();
      });
    });
  for (const kind of CHANNEL_KINDS) await attempt('subscribe', [keys.channel(kind, '', name)], []);
  // A pattern is allowed only to users that may use every channel.
  await attempt('psubscribe', [], [`${keys.channelStart('live')}${name}.*`]);
  return missing;
}

function nameOf({ message }: RedisFailure, verb: string, subject: string): string {
  if (/ keys /.test(message)) return `~${subject.slice(0, subject.indexOf('{'))}*`;
  if (/ channels /.test(message)) return `&* (publish ${subject.slice(0, subject.indexOf('{'))}*)`;
  return plus(verb);
}

function plus(verb: string): string {
  return `+${verb.toLowerCase()}`;
}

export function rightsProblem(missing: ReadonlySet<string>): string {
  return `expected the user of redis.url to have more rights, missing are ${[...missing].join(' ')} (docs/redis.md has the ACL SETUSER line)`;
}

/** The scripts of queues in Redis, and the keys that each of them is given. */
import { createHash } from 'node:crypto';
import type { Command } from '../redis/command-client.ts';
import type { RedisLink } from '../redis/link.ts';
import { readScript, Script } from '../redis/script.ts';

export interface QueueKeys {
  readonly dead: string;
  /** In the order of lua/queue.lua. */
  readonly all: readonly string[];
}

const KINDS = [
  'queue',
  'queuelanes',
  'queueheld',
  'queuedue',
  'queueout',
  'queueattempts',
  'queuedead',
  'queueconsumers',
  'queuehungry',
];
const DEAD = KINDS.indexOf('queuedead');

export class QueueScript extends Script {
  call(keys: QueueKeys, ...args: readonly (string | number)[]): Command {
    return ['EVALSHA', this.digest, keys.all.length, ...keys.all, ...args];
  }
}

export type QueueScripts = Readonly<Record<'put' | 'step' | 'depth' | 'dead' | 'purge', QueueScript>>;

export function queueScripts(): QueueScripts {
  const filesOf = (name: string): URL[] => ['queue', name].map((file) => new URL(`./lua/${file}.lua`, import.meta.url));
  const filling = (name: string): QueueScript => new QueueScript(readScript(true, ...filesOf(name)).source);
  // A queue that has filled Redis can be emptied: else it would stay full.
  const emptying = (name: string): QueueScript =>
    new QueueScript(`#!lua flags=allow-oom\n${readScript(false, ...filesOf(name)).source}`);
  return {
    put: filling('put'),
    step: emptying('step'),
    depth: emptying('depth'),
    dead: filling('dead'),
    purge: emptying('purge'),
  };
}

export function keysOf({ keys }: RedisLink, queue: string): QueueKeys {
  const all = KINDS.map((kind) => keys.key(kind, '', queue));
  return { all, dead: all[DEAD] as string };
}

/** Keys hold every character, also those that mean something here, and perhaps the number of a customer. */
export function laneOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 22);
}

/** Puts messages into queues in Redis: those of one turn of the event loop in one call a queue. */
import { isFailure, type Command } from '../redis/command-client.ts';
import { isForbidden, type RedisFailure } from '../redis/failure.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Scheduler } from '../telemetry/clock.ts';
import { QueueError } from './queue-error.ts';
import type { Envelope } from './queue-store.ts';
import { keysOf, laneOf, type QueueScript } from './redis-queue-scripts.ts';

interface Putting {
  readonly envelope: Envelope;
  readonly resolve: () => void;
  readonly reject: (error: QueueError) => void;
}

export interface PutOptions {
  readonly maxMessages: number;
  readonly wait: { readonly replicas: number; readonly timeoutMs: number } | null;
}

const [MESSAGES_AT_ONCE, CHARACTERS_AT_ONCE] = [100, 1_048_576];
/** Messages without an answer, of all queues; more are refused. */
const MAX_UNDER_WAY = 10_000;

export class RedisPuts {
  private readonly options: PutOptions;
  private readonly link: RedisLink;
  private readonly scheduler: Scheduler;
  private readonly script: QueueScript;
  private waiting = new Map<string, Putting[]>();
  /** What Redis says to a user who may not do what queues do; `null` when it let the last call pass. */
  forbidden: string | null = null;
  private underWay = 0;

  constructor(options: PutOptions, link: RedisLink, scheduler: Scheduler, script: QueueScript) {
    this.options = options;
    this.link = link;
    this.scheduler = scheduler;
    this.script = script;
  }

  /** @throws QueueError */
  put(queue: string, envelope: Envelope): Promise<void> {
    if (this.underWay >= MAX_UNDER_WAY)
      return Promise.reject(new QueueError('unavailable', `${MAX_UNDER_WAY} messages wait for Redis to take them`));
    this.underWay += 1;
    if (this.waiting.size === 0) this.scheduler.endOfTurn(() => this.flush());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const list = this.waiting.get(queue) ?? [];
    list.push({ envelope, resolve, reject });
    this.waiting.set(queue, list);
    return promise;
  }

  private flush(): void {
    const { waiting } = this;
    this.waiting = new Map();
    for (const [queue, list] of waiting) for (const part of parts(list)) this.send(queue, part);
  }

  private send(queue: string, part: readonly Putting[]): void {
    const channel = this.link.keys.channel('queue', '', queue);
    const messages = part.flatMap(({ envelope: { id, key, text } }) => [id, laneOf(key), text]);
    const commands: Command[] = [
      this.script.call(keysOf(this.link, queue), channel, this.options.maxMessages, ...messages),
    ];
    const { wait } = this.options;
    if (wait !== null) commands.push(['WAIT', wait.replicas, wait.timeoutMs]);
    this.link.write(commands, ([taken, replicas]) => {
      this.underWay -= part.length;
      this.forbidden = isFailure(taken) && isForbidden(taken) ? taken.message : null;
      const failure = isFailure(taken) ? taken : isFailure(replicas) ? replicas : null;
      const isKept = wait === null || Number(replicas) >= wait.replicas;
      for (const [at, { resolve, reject }] of part.entries()) {
        if (failure !== null) reject(queueError(queue, failure));
        else if (at >= Number(taken)) reject(full(queue, this.options.maxMessages));
        else if (isKept) resolve();
        else
          reject(
            new QueueError('unavailable', `expected ${wait.replicas} replicas to have it, got ${String(replicas)}`),
          );
      }
    });
  }
}

function parts(list: readonly Putting[]): Putting[][] {
  const all: Putting[][] = [];
  let characters = 0;
  for (const one of list) {
    const last = all.at(-1);
    characters += one.envelope.text.length;
    if (last === undefined || last.length >= MESSAGES_AT_ONCE || characters > CHARACTERS_AT_ONCE) {
      all.push([one]);
      characters = one.envelope.text.length;
    } else last.push(one);
  }
  return all;
}

function full(queue: string, maxMessages: number): QueueError {
  return new QueueError(
    'full',
    `expected room in the queue ${queue}, which has ${maxMessages} messages (queue.max_messages)`,
  );
}

/** @param failure of a command on this queue */
export function queueError(queue: string, { code, message }: RedisFailure): QueueError {
  const problem = code === 'OOM' ? 'full' : 'unavailable';
  return new QueueError(problem, `the queue ${queue} in Redis could not do it: ${message}`);
}

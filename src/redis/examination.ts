/** Looks whether this Redis can carry the service: login and database, version and policy, scripts, rights. */
import type { CommandClient, Command, Results } from './command-client.ts';
import { isFailure } from './command-client.ts';
import { markDeployment, type Deployment } from './deployment.ts';
import { isForbidden, type RedisFailure } from './failure.ts';
import { fitnessOf, type Fitness } from './fitness.ts';
import type { Keys } from './keys.ts';
import type { UnfitCause } from './problem.ts';
import { missingChannels, missingRights, rightsProblem } from './rights.ts';
import type { Script } from './script.ts';
import type { Subscriber } from './subscriber.ts';
import type { Vitals } from './vitals.ts';
import type { RedisAddress } from '../config/redis-url.ts';

/** What a look at Redis found. */
export type Verdict =
  | {
      readonly kind: 'fit' | 'unfit' | 'bearable';
      readonly problem: string;
      readonly cause: UnfitCause | null;
      readonly isFull: boolean;
    }
  /** It did not answer, loads its data, or is a replica: it is looked at again soon. */
  | { readonly kind: 'unknown'; readonly why: string };

export interface Examined {
  readonly address: RedisAddress;
  readonly deployment: Deployment;
  readonly keys: Keys;
  readonly writer: CommandClient;
  readonly reader: CommandClient;
  readonly subscriber: Subscriber;
  readonly scripts: readonly Script[];
  readonly vitals: Vitals;
  /** How long the subscribing connection is waited for. */
  readonly patienceMs: number;
  /** A name that nobody else uses. */
  name(): string;
}

const FIT: Fitness = { problem: null, cause: null, isBearable: true, isReplica: false, isFull: false, version: '' };

/** Everything, on connections that are new or in doubt. */
export async function examine(subject: Examined): Promise<Verdict> {
  const { writer, reader } = subject;
  const refusal = await refusedLogin(subject);
  if (refusal !== null) return refusal;
  const fitness = await fitnessNow(subject);
  if (fitness instanceof Error) return { kind: 'unknown', why: fitness.message };
  if (fitness.problem !== null && !fitness.isBearable) return unfit('version', fitness.problem);
  if (fitness.isReplica) return { kind: 'unknown', why: 'a replica takes no writes' };
  try {
    await Promise.all([writer.connectAll(), reader.connectAll()]);
  } catch (error) {
    return { kind: 'unknown', why: String(error) };
  }
  const missing = new Set<string>();
  const notLoaded = await loadScripts(writer, subject.scripts);
  if (notLoaded !== null && !isForbidden(notLoaded)) return { kind: 'unknown', why: notLoaded.message };
  if (notLoaded !== null) missing.add('+script|load');
  for (const right of await missingRights(writer, subject.keys, subject.name())) missing.add(right);
  // Without it nothing comes, which readiness says by itself; with it is known what it may hear.
  if (await subject.subscriber.whenReady(subject.patienceMs))
    for (const right of await missingChannels(subject.subscriber, subject.keys, subject.name())) missing.add(right);
  if (missing.size > 0) return unfit('rights', rightsProblem(missing));
  return belonging(subject, fitness);
}

/** What can change under a service that runs, by few calls. Data that was deleted is marked again. */
export async function lookAgain(subject: Examined): Promise<Verdict> {
  const fitness = await fitnessNow(subject);
  return fitness instanceof Error ? { kind: 'unknown', why: fitness.message } : belonging(subject, fitness);
}

async function belonging(subject: Examined, fitness: Fitness): Promise<Verdict> {
  const { writer, keys, deployment, vitals } = subject;
  const { problem, born } = await markDeployment(writer, keys, deployment, subject.name());
  vitals.marked(born);
  return problem === null ? verdictOf(fitness) : unfit('foreign', problem);
}

/** @returns what an attempt to load them ended with, or `null` */
export async function loadScripts(writer: CommandClient, scripts: readonly Script[]): Promise<RedisFailure | null> {
  const results = await writer.sendAllToAll(scripts.map(({ source }): Command => ['SCRIPT', 'LOAD', source]));
  return results.flat().find(isFailure) ?? null;
}

/** Whether an error of the client library says that the login is refused; every attempt would be. */
export function isRefusedLogin(text: string): boolean {
  return /\b(?:WRONGPASS|NOAUTH)\b|invalid (?:username-)?password/i.test(text);
}

function verdictOf({ problem, cause, isBearable, isFull }: Fitness): Verdict {
  if (problem === null) return { kind: 'fit', problem: '', cause: null, isFull };
  return { kind: isBearable ? 'bearable' : 'unfit', problem, cause, isFull };
}

function unfit(cause: UnfitCause, problem: string): Verdict {
  return { kind: 'unfit', problem, cause, isFull: false };
}

/** The worst of all servers. */
async function fitnessNow({ writer, vitals }: Examined): Promise<Fitness | Error> {
  const infos = await writer.sendToAll(['INFO', 'all']);
  const failure = infos.find((info): info is RedisFailure => isFailure(info) && !isForbidden(info));
  if (failure !== undefined || infos.length === 0) return new Error(failure?.message ?? 'no server is known');
  vitals.said(infos.flatMap((info) => (isFailure(info) ? [] : [String(info)])));
  // A user that may not ask hears of it with the other rights that are missing.
  const all = infos.map((info) => (isFailure(info) ? FIT : fitnessOf(String(info))));
  const worst = all.find(({ problem, isBearable }) => problem !== null && !isBearable);
  return {
    ...(worst ?? all.find(({ problem }) => problem !== null) ?? FIT),
    isReplica: all.some(({ isReplica }) => isReplica),
    isFull: all.some(({ isFull }) => isFull),
  };
}

/**
 * The library goes on when a server that has no password is given one, and when the database is refused: in database 0,
 * where others may live. So both are asked for once more, and the answers read.
 */
async function refusedLogin({ address, writer, reader }: Examined): Promise<Verdict | null> {
  const { username, password } = address;
  const commands: Command[] = [];
  if (password !== undefined) commands.push(['AUTH', ...(username === undefined ? [] : [username]), password]);
  const db = 'db' in address ? address.db : 0;
  if (db > 0) commands.push(['SELECT', db]);
  for (const client of [writer, reader]) {
    const results: readonly Results[] = await client.sendAllToAll(commands);
    for (const [at, [verb]] of commands.entries()) {
      const failure = results[at]?.find(isFailure);
      if (failure === undefined) continue;
      if (failure.isOutage || failure.code === 'not_connected') return { kind: 'unknown', why: failure.message };
      const said = password === undefined ? failure.message : failure.message.replaceAll(password, '***');
      return unfit(
        'password',
        verb === 'AUTH'
          ? `expected Redis to take user and password of redis.url, it says: ${said}`
          : `expected Redis to take database ${db} of redis.url, it says: ${said}`,
      );
    }
  }
  return null;
}

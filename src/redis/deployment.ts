/**
 * Which service the data belongs to. Two services with the same prefix in the same database would get each other's
 * messages, sessions and operators' commands: so the first one leaves a mark, and another is refused.
 */
import { createHash } from 'node:crypto';
import type { CommandClient, Command, Results } from './command-client.ts';
import type { Keys } from './keys.ts';

export interface Deployment {
  /** As configured; the empty text when it is not: then only the keys tell services apart. */
  readonly name: string;
  /** Fingerprints of what verifies tokens. While keys are rotated, two nodes of a service have one of them in common. */
  readonly fingerprints: readonly string[];
}

/** Enough for many rotations; the oldest are forgotten. */
const MAX_FINGERPRINTS = 16;
/** So short that nobody can tell from it whether a guess at a secret is right. */
const FINGERPRINT_LENGTH = 8;

export function fingerprint(...parts: readonly string[]): string {
  // Every part is written with its length, as JSON does.
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, FINGERPRINT_LENGTH);
}

/** What a look at the mark found. */
export interface Marked {
  /** What is wrong, or `null`. */
  readonly problem: string | null;
  /** Of the mark: another one was made since when it differs. The empty text when nothing is known of it. */
  readonly born: string;
}

interface Mark extends Deployment {
  readonly born: string;
}

/**
 * Leaves the mark, or compares with the one that is there.
 * @param born for a new mark: a text that no other has
 */
export async function markDeployment(
  writer: CommandClient,
  keys: Keys,
  own: Deployment,
  born: string,
): Promise<Marked> {
  if (own.name === '' && own.fingerprints.length === 0) return { problem: null, born: '' };
  const key = keys.key('deployment', '', 'all');
  const send = (command: Command): Promise<unknown> =>
    new Promise<Results>((resolve) => writer.send([command], resolve)).then(([result]) => result);
  let found = await send(['GET', key]);
  // The first one wins, also when two start at the same time.
  const wasMissing = found === null;
  if (wasMissing) found = await send(['SET', key, textOf({ ...own, born }), 'NX', 'GET']);
  // Left, or Redis is full or has gone: the next connection looks again.
  if (typeof found !== 'string') return { problem: null, born: wasMissing && found === null ? born : '' };
  const mark = readMark(found);
  if (!isSame(mark, own)) return { problem: problem(key, mark, own), born: mark.born };
  const text = textOf({
    name: own.name === '' ? mark.name : own.name,
    fingerprints: [...new Set([...own.fingerprints, ...mark.fingerprints])].slice(0, MAX_FINGERPRINTS),
    born: mark.born,
  });
  if (text !== found) await send(['SET', key, text]);
  return { problem: null, born: mark.born };
}

/** A name decides where both have one; else one key in common does. */
export function isSame(mark: Deployment, own: Deployment): boolean {
  if (mark.name !== '' && own.name !== '') return mark.name === own.name;
  // A service that cannot be told from others by its keys.
  if (mark.fingerprints.length === 0 || own.fingerprints.length === 0) return mark.name === own.name;
  return own.fingerprints.some((it) => mark.fingerprints.includes(it));
}

/** Versions before have marks that do not say when they were made. */
function textOf({ name, fingerprints, born }: Mark): string {
  return JSON.stringify({ name, fingerprints, ...(born !== '' && { born }) });
}

/** A mark that is not readable comes from a later version: that version has to refuse. */
function readMark(text: string): Mark {
  try {
    const { name, fingerprints, born } = JSON.parse(text) as Partial<Mark>;
    return {
      name: typeof name === 'string' ? name : '',
      fingerprints: Array.isArray(fingerprints) ? fingerprints.filter((it) => typeof it === 'string') : [],
      born: typeof born === 'string' ? born : '',
    };
  } catch {
    return { name: '', fingerprints: [], born: '' };
  }
}

function problem(key: string, mark: Deployment, own: Deployment): string {
  const theirs =
    mark.name === ''
      ? 'another service, whose tokens are signed with other keys'
      : `service ${JSON.stringify(mark.name)}`;
  const ours = own.name === '' ? '' : `, this is ${JSON.stringify(own.name)} (redis.deployment)`;
  return `expected data of this service under redis.prefix, got that of ${theirs}${ours}: give each service its own redis.prefix or database; if it is the same and all its keys were changed at once, set redis.deployment on every node and delete ${key}`;
}

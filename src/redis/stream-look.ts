/** How long the logs of some topics are: to be held against what retention allows. */
import type { AskAll } from './ask-all.ts';

interface StreamSize {
  readonly topic: string;
  readonly messages: number;
  readonly bytes: number;
}

export interface StreamsLook {
  /** How many logs were looked at; a service may have many more. */
  readonly looked: number;
  /** The longest of them first. */
  readonly longest: readonly StreamSize[];
}

/** Keys that one step of a walk goes over, and logs that are looked at. */
const KEYS = 1_000;
const LOGS = 20;
const SHOWN = 5;

/** Reads no message. @param start what keys of logs begin with, up to the brace @returns `null` when it may not be asked */
export async function lookAtStreams(ask: AskAll, start: string): Promise<StreamsLook | null> {
  const steps = await ask(['SCAN', '0', 'MATCH', `${start}*`, 'COUNT', KEYS]);
  const lists = steps.flatMap((step) => (Array.isArray(step) && Array.isArray(step[1]) ? [step[1] as unknown[]] : []));
  if (lists.length === 0) return null;
  const keys = lists.flat().map(String).slice(0, LOGS);
  const sizes = await Promise.all(
    keys.map(async (key) => sizeOf(key.slice(start.length, -1), ...(await twoOf(ask, key)))),
  );
  return { looked: keys.length, longest: sizes.toSorted((a, b) => b.messages - a.messages).slice(0, SHOWN) };
}

function twoOf(ask: AskAll, key: string): Promise<[readonly unknown[], readonly unknown[]]> {
  return Promise.all([ask(['XLEN', key]), ask(['MEMORY', 'USAGE', key])]);
}

/** Of a cluster one server has it, and the others say that they do not. */
function sizeOf(topic: string, lengths: readonly unknown[], bytes: readonly unknown[]): StreamSize {
  const largest = (answers: readonly unknown[]): number =>
    Math.max(0, ...answers.map((answer) => (typeof answer === 'number' ? answer : 0)));
  return { topic, messages: largest(lengths), bytes: largest(bytes) };
}

/** Asks every node what it knows of messages in queues. Nodes that do not answer in time are left out: the trace is what is known. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Host } from '../../host-api.ts';
import { fieldsOf, isFields, listOf, numberOf, textOf } from '../transforms/fields.ts';
import type { StageMark } from '../tables.ts';
import type { Sought, Underway, UnderwayMessages } from './underway.ts';

/** For other nodes to answer. */
const WAIT_MS = 300;
/** Of one node. */
const MAX_FOUND = 50;
const MAX_QUESTIONS = 100;
const ASKED = 'trace_asked';
const TOLD = 'trace_told';

export type AllNodes = (sought: Sought) => Promise<readonly Underway[]>;

/** A node alone has itself for an answer, and does not wait. */
export function allNodes(
  host: Pick<Host, 'emit' | 'on' | 'node' | 'random' | 'scheduler' | 'shared'>,
  own: UnderwayMessages,
): AllNodes {
  const questions = new Map<string, Underway[]>();
  host.on(ASKED, (data, { node }) => {
    const { question, sought } = readQuestion(data);
    if (sought === null || node === host.node) return;
    const found = own.find(sought, MAX_FOUND);
    // Plain data all through.
    if (found.length > 0) host.emit(TOLD, { question, found } as unknown as JsonValue);
  });
  host.on(TOLD, (data) => {
    const { question, found } = fieldsOf(data);
    questions.get(textOf(question) ?? '')?.push(...listOf(found).flatMap(readFound).slice(0, MAX_FOUND));
  });
  return async (sought) => {
    const here = own.find(sought, MAX_FOUND);
    if (host.shared === null || questions.size >= MAX_QUESTIONS) return here;
    const question = host.random.id();
    const told: Underway[] = [];
    questions.set(question, told);
    host.emit(ASKED, { question, sought: { ...sought } });
    await new Promise<void>((resolve) => {
      host.scheduler.after(WAIT_MS, resolve);
    });
    questions.delete(question);
    return merged([...here, ...told]);
  };
}

/** One node has put it into the queue, another one has tried it. */
function merged(found: readonly Underway[]): readonly Underway[] {
  const byId = new Map<string, Underway>();
  for (const one of found) {
    const steps = [...(byId.get(one.id)?.steps ?? []), ...one.steps];
    byId.set(one.id, { ...one, steps: steps.toSorted(([, a], [, b]) => a - b) });
  }
  return [...byId.values()];
}

function readQuestion(data: JsonValue): { readonly question: string; readonly sought: Sought | null } {
  const { question, sought } = fieldsOf(data);
  const { tenant, digest = null, key = null } = fieldsOf(sought);
  const [of, by] = [textOf(digest) ?? null, textOf(key) ?? null];
  const isWhole = typeof tenant === 'string' && (of !== null || by !== null);
  return { question: textOf(question) ?? '', sought: isWhole ? { tenant, digest: of, key: by } : null };
}

function readFound(one: JsonValue): readonly Underway[] {
  if (!isFields(one)) return [];
  const [id, queue] = [textOf(one['id']), textOf(one['queue'])];
  if (id === undefined || queue === undefined) return [];
  return [{ id, queue, steps: listOf(one['steps']).flatMap(readStep) }];
}

function readStep(step: JsonValue): readonly StageMark[] {
  const [stage, at, node, reason] = listOf(step);
  const [name, ms] = [textOf(stage), numberOf(at)];
  if (name === undefined || ms === undefined) return [];
  const why = textOf(reason);
  return [why === undefined ? [name, ms, textOf(node) ?? ''] : [name, ms, textOf(node) ?? '', why]];
}

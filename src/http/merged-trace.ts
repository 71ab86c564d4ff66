/** The fate of a message, from the answers of all nodes: each knows its own connections and nothing of the others'. */
import type { Verdict } from '../node/fate.ts';
import type { NodeAnswer } from './all-nodes.ts';
import type { TraceAnswer } from './trace.ts';

type Message = NonNullable<TraceAnswer['message']>;
type Why = NonNullable<TraceAnswer['why']>;

interface Heard {
  readonly node: string;
  readonly answer: TraceAnswer;
}

/** Recipients that are listed; further ones are counted. */
const MAX_RECIPIENTS = 1_000;
const MAX_STANDING = 100;
/** The best end counts: a user got it who got it on one device, whichever node that was on. */
const RANK: readonly Verdict[] = ['delivered', 'pending', 'unknown', 'not_delivered'];

export function mergedTrace(answers: readonly NodeAnswer[], user: string | null): TraceAnswer {
  const heard = answers.flatMap(({ node, body }): Heard[] =>
    body === null ? [] : [{ node, answer: body as unknown as TraceAnswer }],
  );
  const silent = answers.flatMap(({ node, problem }) => (problem === null ? [] : [`${node} ${problem}`]));
  const messages = heard.flatMap(({ node, answer: { message } }) => (message === null ? [] : [{ node, message }]));
  return {
    message: messages.length === 0 ? null : mergedMessage(messages),
    note: messages.length > 0 ? null : noteOf(heard),
    // A node of an older version says nothing of both.
    app_stages: earliestOf(heard.map(({ answer }) => answer.app_stages ?? {})),
    standing:
      messages.length > 0
        ? []
        : heard
            .flatMap(({ node, answer }) => (answer.standing ?? []).map((row) => ({ node, ...row })))
            .slice(0, MAX_STANDING),
    why: user === null ? null : mergedWhy(heard, silent, user),
  };
}

/** Of the nodes that do not have the message, the one that serves its topic knows most. */
function noteOf(heard: readonly Heard[]): string | null {
  const best = heard.find(({ answer: { why } }) => why !== null && why.absent !== null) ?? heard[0];
  return best?.answer.note ?? null;
}

function mergedMessage(messages: readonly { readonly node: string; readonly message: Message }[]): Message {
  const [first] = messages.toSorted((a, b) => stagesOf(b.message) - stagesOf(a.message));
  const { message } = first ?? messages[0] ?? raise();
  const recipients = messages.flatMap((of) => of.message.recipients.map((row) => ({ ...row, node: of.node })));
  const routed = messages.flatMap((of) => (of.message.subscriptions === null ? [] : [of.message.subscriptions]));
  const ended = messages.flatMap((of) => (of.message.traced_until === null ? [] : [of.message.traced_until]));
  return {
    ...message,
    stages: earliest(messages.map((of) => of.message.stages)),
    subscriptions: routed.length === 0 ? null : routed.reduce((sum, count) => sum + count, 0),
    recipients: recipients.slice(0, MAX_RECIPIENTS),
    others: counted([
      ...messages.map((of) => of.message.others),
      ...recipients.slice(MAX_RECIPIENTS).map(({ end }) => ({ [end]: 1 })),
    ]),
    traced_until: ended.length === 0 ? null : Math.max(...ended),
  };
}

function stagesOf({ stages }: Message): number {
  return Object.keys(stages).length;
}

function earliest(all: readonly Message['stages'][]): Message['stages'] {
  const merged = earliestOf(all.map((stages) => ({ ...stages })));
  return { stored: merged['stored'] ?? 0, ...merged };
}

function earliestOf(all: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const merged: Record<string, number> = {};
  for (const [name, at] of all.flatMap((stages) => Object.entries(stages)))
    merged[name] = Math.min(merged[name] ?? Infinity, at);
  return merged;
}

function counted(all: readonly Message['others'][]): Message['others'] {
  const sums: Record<string, number> = {};
  for (const [end, count] of all.flatMap((others) => Object.entries(others))) sums[end] = (sums[end] ?? 0) + count;
  return sums;
}

function mergedWhy(heard: readonly Heard[], silent: readonly string[], user: string): Why {
  const answers = heard.flatMap(({ node, answer: { why } }) => (why === null ? [] : [{ node, why }]));
  const connections = answers.flatMap(({ node, why }) => why.connections.map((row) => ({ node, ...row })));
  const best = bestOf(answers, silent);
  if (silent.length === 0 || best.verdict === 'delivered') return { user, ...best, connections };
  // A node that was not heard may know better.
  const sentence = `${best.sentence.replace(/\.$/, '')}. This is not the whole answer: ${silent.join('; ')}.`;
  return { user, ...best, verdict: 'unknown', sentence, connections };
}

function bestOf(
  answers: readonly { readonly node: string; readonly why: Why }[],
  silent: readonly string[],
): Omit<Why, 'user' | 'connections'> {
  const [known] = answers
    .filter(({ why }) => why.connections.length > 0)
    .toSorted((a, b) => RANK.indexOf(a.why.verdict) - RANK.indexOf(b.why.verdict));
  if (known !== undefined) {
    const { node, why } = known;
    const sentence = answers.length === 1 ? why.sentence : `${why.sentence.replace(/\.$/, '')} (node ${node}).`;
    return { node, verdict: why.verdict, sentence, absent: null };
  }
  const absent = answers.find(({ why }) => why.absent !== null);
  if (absent === undefined) {
    const [first] = answers;
    return { node: null, verdict: 'unknown', sentence: first?.why.sentence ?? 'no node answered.', absent: null };
  }
  const { why } = absent;
  const names = answers.map(({ node }) => node).join(', ');
  const where = silent.length === 0 ? `any node (${names})` : `a node that answered (${names})`;
  const sentence = `${why.user} is not connected to ${where}; ${why.absent ?? ''}.`;
  return { node: null, verdict: why.verdict, sentence, absent: why.absent };
}

function raise(): never {
  throw new Error('expected at least one message to merge');
}

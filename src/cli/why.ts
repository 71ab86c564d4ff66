/** What `signalbox trace` and `signalbox why` print. */
import type { TraceAnswer } from '../http/trace.ts';
import { printable } from './printable.ts';

const STAGES = ['received', 'validated', 'stored', 'routed', 'queued', 'delivered', 'failed'] as const;

/** The one sentence, for the user that was asked about. */
export function whyText({ why, note }: TraceAnswer): string {
  return printable(why?.sentence ?? note ?? 'expected a user to explain it for (--user U)');
}

/** The stages of a message and its end per recipient. */
export function traceText({ message, note, why, nodes = [], app_stages: ofApps, standing }: TraceAnswer): string {
  const last = why === null ? [] : [printable(why.sentence)];
  if (message === null)
    return [
      printable(note ?? ''),
      ...stageRows(ofApps),
      ...standing.map(({ user, text }) => `  ${printable(user)} ${printable(text)}`),
      ...last,
    ]
      .filter((line) => line !== '')
      .join('\n');
  const { id, topic, epoch, sequence, from, subscriptions, recipients, others, traced_until: until } = message;
  const count =
    subscriptions === null
      ? `not routed on ${nodes.length > 1 ? 'any node that answered' : 'this node'}`
      : `${subscriptions} subscriptions when it was routed`;
  const rest = Object.entries(others).map(([end, number]) => `${number} ${end}`);
  return [
    row('message', id),
    row('topic', `${topic}, position ${sequence} of epoch ${epoch}`),
    row('from', from),
    ...stageRows({ ...message.stages }),
    row('recipients', count),
    ...recipients.map(recipientRow),
    ...(rest.length === 0 ? [] : [row('others', rest.join(', '))]),
    ...(until === null ? [] : [row('until', `${clock(until)}: tracing was switched off`)]),
    ...last,
  ].join('\n');
}

type Message = NonNullable<TraceAnswer['message']>;

/** Times of the stages, each with what has passed since the first. */
function stageRows(stages: Readonly<Record<string, number>>): string[] {
  const known = STAGES.flatMap((name: string) => {
    const at = stages[name];
    return at === undefined ? [] : [{ name, at }];
  });
  const ofApps = Object.entries(stages)
    .filter(([name]) => name.includes('.'))
    .map(([name, at]) => ({ name, at }));
  const reached = [...known, ...ofApps.toSorted((a, b) => a.at - b.at)];
  const first = Math.min(...reached.map(({ at }) => at));
  return reached.map(({ name, at }) => row(name, `${clock(at)}${at === first ? '' : `  +${at - first} ms`}`));
}

function recipientRow({
  connection_id: connection,
  user,
  end,
  at,
  cause,
  gap,
  displaced_at: displaced,
}: Message['recipients'][number]): string {
  const details = [
    ...(cause === null ? [] : [cause]),
    ...(gap === null ? [] : [`${gap[0]}..${gap[1]}`]),
    ...(displaced === null || end === 'displaced' ? [] : [`displaced ${clock(displaced)}`]),
  ];
  const more = details.length === 0 ? '' : ` (${details.join(', ')})`;
  return `  ${printable(user)} on ${connection}: ${end} ${clock(at)}${more}`;
}

function row(name: string, text: string): string {
  return `${printable(name).padEnd(11)} ${printable(text)}`;
}

function clock(ms: number): string {
  return new Date(ms).toISOString();
}

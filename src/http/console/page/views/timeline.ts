/** The answer of the message trace: stages and recipients on one line of time. */
import type { Column } from '../columns.ts';
import { h } from '../dom.ts';
import { Facts } from '../facts.ts';
import { Table } from '../table.ts';
import { clockTime, count, dateTime, millis } from '../text.ts';

interface Recipient {
  readonly node?: string;
  readonly connection_id: string;
  readonly user: string;
  readonly end: string;
  readonly at: number;
  readonly cause: string | null;
  readonly displaced_at: number | null;
  readonly gap: readonly [number, number] | null;
  readonly deliveries: number;
}

interface Message {
  readonly id: string;
  readonly topic: string;
  readonly epoch: string;
  readonly sequence: number;
  readonly from: string;
  readonly stages: Readonly<Record<string, number>>;
  readonly subscriptions: number | null;
  readonly recipients: readonly Recipient[];
  readonly others: Readonly<Record<string, number>>;
  readonly traced_until: number | null;
}

export interface TraceAnswer {
  readonly message: Message | null;
  readonly note: string | null;
  readonly app_stages?: Readonly<Record<string, number>>;
  readonly standing?: readonly (Fate & { readonly user: string })[];
  readonly why: {
    readonly user: string;
    readonly verdict: string;
    readonly sentence: string;
    readonly connections: readonly Fate[];
  } | null;
  readonly nodes?: readonly { readonly node: string; readonly problem: string | null }[];
}

interface Fate {
  readonly node?: string;
  readonly connection_id: string;
  readonly verdict: string;
  readonly text: string;
}

interface Stage {
  readonly name: string;
  readonly at: number;
}

/** Of stages within one millisecond. */
const ORDER = ['received', 'validated', 'stored', 'routed', 'queued', 'delivered', 'failed'];

/** As colours say it; the words say it too. */
const MARKS: Readonly<Record<string, string>> = {
  written: 'ok',
  replayed: 'ok',
  delivered: 'ok',
  displaced: 'warn',
  pending: 'warn',
  purged: 'warn',
  gap: 'bad',
  lost: 'bad',
  not_delivered: 'bad',
  failed: 'bad',
};

export class Timeline {
  readonly element: HTMLElement;

  /** @param ask asks why a user did or did not get it */
  constructor(answer: TraceAnswer, ask: (user: string) => void) {
    const { message, note, why, nodes = [] } = answer;
    const silent = nodes.flatMap(({ node, problem }) => (problem === null ? [] : [`${node} ${problem}`]));
    this.element = h(
      'div',
      {},
      silent.length === 0 ? null : h('p', { class: 'problem' }, `This is not the whole answer: ${silent.join('; ')}`),
      ...whySection(why),
      note === null ? null : h('p', {}, note),
      ...(message === null ? keptSections(answer, ask) : messageSections(message, ask)),
    );
  }
}

function whySection(why: TraceAnswer['why']): readonly HTMLElement[] {
  if (why === null) return [];
  const table = new Table<Fate>({
    caption: `Connections of ${why.user}`,
    keyOf: ({ connection_id: id }) => id,
    none: 'There is none.',
    columns: [
      { title: 'Connection', text: ({ connection_id: id }) => id },
      {
        title: 'Verdict',
        text: ({ verdict }) => verdict.replaceAll('_', ' '),
        mark: ({ verdict }) => MARKS[verdict] ?? '',
      },
      { title: 'What happened', text: ({ text }) => text },
    ],
  });
  table.show(why.connections);
  const sentence = h('p', { class: `why ${MARKS[why.verdict] ?? ''}` }, why.sentence);
  return [h('h2', {}, `Why, for ${why.user}`), sentence, table.element];
}

/** Of a message that is not in the trace: what applications have kept, and who follows its topic. */
function keptSections(
  { app_stages: ofApps = {}, standing = [] }: TraceAnswer,
  ask: (user: string) => void,
): readonly HTMLElement[] {
  const stages = stagesInOrder(ofApps);
  const begin = stages[0]?.at ?? 0;
  const end = Math.max(begin + 1, ...stages.map(({ at }) => at));
  const first = stageTable(begin, (at) => (at - begin) / (end - begin));
  first.show(stages);
  const second = new Table<Fate & { readonly user: string }>({
    caption: 'Followers of its topic now',
    keyOf: ({ connection_id: id }) => id,
    none: 'There is none.',
    columns: [
      { title: 'User', text: ({ user }) => user },
      {
        title: 'Verdict',
        text: ({ verdict }) => verdict.replaceAll('_', ' '),
        mark: ({ verdict }) => MARKS[verdict] ?? '',
      },
      { title: 'What happened', text: ({ text }) => text },
      { title: 'Action', text: ({ user }) => `Why, ${user}?`, press: ({ user }) => ask(user) },
    ],
  });
  second.show(standing);
  return [...(stages.length === 0 ? [] : [first.element]), ...(standing.length === 0 ? [] : [second.element])];
}

function stagesInOrder(stages: Readonly<Record<string, number>>): readonly Stage[] {
  return Object.entries(stages)
    .map(([name, at]) => ({ name, at }))
    .toSorted((a, b) => a.at - b.at || ORDER.indexOf(a.name) - ORDER.indexOf(b.name));
}

function messageSections(message: Message, ask: (user: string) => void): readonly HTMLElement[] {
  const stages = stagesInOrder(message.stages);
  const begin = stages[0]?.at ?? 0;
  const end = Math.max(begin + 1, ...stages.map(({ at }) => at), ...message.recipients.map(({ at }) => at));
  const scale = (at: number): number => (at - begin) / (end - begin);
  const facts = new Facts();
  const others = Object.entries(message.others).map(([name, number]) => `${count(number)} ${name}`);
  facts.show([
    ['Message', message.id],
    ['Topic', `${message.topic}, position ${message.sequence} of epoch ${message.epoch}`],
    ['From', message.from],
    ['Published', dateTime(begin)],
    [
      'Subscriptions when it was routed',
      message.subscriptions === null ? 'it was not routed' : count(message.subscriptions),
    ],
    ['Recipients beyond the list', others.join(', ') || 'none'],
    ...(message.traced_until === null ? [] : [['True until', dateTime(message.traced_until)] as const]),
  ]);
  const [first, second] = [stageTable(begin, scale), recipientTable(begin, scale, ask)];
  first.show(stages);
  second.show(message.recipients);
  return [h('h2', {}, 'Timeline'), facts.element, first.element, second.element];
}

function stageTable(begin: number, scale: (at: number) => number): Table<Stage> {
  return new Table<Stage>({
    caption: 'Stages',
    keyOf: ({ name }) => name,
    none: 'There is none.',
    columns: [
      { title: 'Stage', text: ({ name }) => name, mark: ({ name }) => MARKS[name] ?? '' },
      { title: 'At', text: ({ at }) => clockTime(at) },
      later<Stage>(begin, scale, ({ at }) => [begin, at]),
    ],
  });
}

function recipientTable(begin: number, scale: (at: number) => number, ask: (user: string) => void): Table<Recipient> {
  return new Table<Recipient>({
    caption: 'Recipients',
    keyOf: ({ connection_id: id }) => id,
    none: 'Nobody was to get it.',
    columns: [
      { title: 'User', text: ({ user }) => user },
      {
        title: 'End',
        text: ({ end, cause }) => (cause === null ? end : `${end} (${cause.replaceAll('_', ' ')})`),
        mark: ({ end }) => MARKS[end] ?? '',
      },
      { title: 'At', text: ({ at }) => clockTime(at) },
      later<Recipient>(begin, scale, ({ displaced_at: displaced, at }) => [displaced ?? begin, at]),
      { title: 'Displaced at', text: ({ displaced_at: at }) => (at === null ? '' : clockTime(at)) },
      { title: 'Gap told', text: ({ gap }) => (gap === null ? '' : `${gap[0]}..${gap[1]}`) },
      { title: 'Handed over', text: ({ deliveries }) => `${deliveries}×`, isNumber: true },
      { title: 'Connection', text: ({ connection_id: id }) => id },
      { title: 'Node', text: ({ node = '' }) => node },
      { title: 'Action', text: ({ user }) => `Why, ${user}?`, press: ({ user }) => ask(user) },
    ],
  });
}

/** Where it stands on the line of time, and how long that is after the message came. */
function later<R extends { readonly at: number }>(
  begin: number,
  scale: (at: number) => number,
  range: (row: R) => readonly [from: number, to: number],
): Column<R> {
  return {
    title: 'After it came',
    text: ({ at }) => `+${millis(at - begin)}`,
    bar: (row) => {
      const [from, to] = range(row);
      return [scale(from), scale(to)];
    },
  };
}

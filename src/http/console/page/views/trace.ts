/** What became of a message, as a line of time with each recipient's end; why a user did or did not get it; what is traced. */
import { changeForm } from '../change-form.ts';
import type { Desk, View } from '../desk.ts';
import { fill, h, setText } from '../dom.ts';
import { TTL } from '../fields.ts';
import { Table } from '../table.ts';
import { duration } from '../text.ts';
import { Timeline, type TraceAnswer } from './timeline.ts';

export function traceView(desk: Desk): View {
  const message = h('input', {
    value: desk.place.about,
    required: true,
    size: 34,
    spellcheck: 'false',
    autocomplete: 'off',
  });
  const user = h('input', { value: desk.filter('user'), spellcheck: 'false', autocomplete: 'off' });
  const shown = h('div');
  const look = async (): Promise<void> => {
    const id = message.value.trim();
    if (id === '') return;
    history.replaceState(null, '', desk.href('trace', id, { user: user.value.trim() }));
    const query = {
      ...(user.value.trim() !== '' && { user: user.value.trim() }),
      ...(desk.node !== '*' && { node: desk.node }),
    };
    const answer = await desk.api.get<TraceAnswer>(`/admin/trace/${encodeURIComponent(id)}`, query, desk.closed);
    const timeline = new Timeline(answer, (whose) => {
      user.value = whose;
      void desk.attempt(look);
    });
    fill(shown, timeline.element);
    desk.say(answer.why?.sentence ?? answer.note ?? `${answer.message?.recipients.length ?? 0} recipients are listed.`);
  };
  const form = h(
    'form',
    {
      class: 'row',
      submit: (event) => {
        event.preventDefault();
        void desk.attempt(look);
      },
    },
    h('label', {}, 'Message id', message),
    h('label', {}, 'Why did this user (not) get it?', user),
    h('button', { type: 'submit', class: 'main' }, 'Look'),
  );
  if (desk.place.about !== '') void desk.attempt(look);
  return { title: 'Message trace', element: h('div', {}, form, shown, ...tracedTopics(desk)) };
}

interface Traced {
  readonly node: string;
  readonly problem?: string | null;
  readonly patterns?: readonly { readonly pattern: string; readonly until: string | null }[];
}

interface TracedRow {
  readonly node: string;
  readonly pattern: string;
  readonly until: string | null;
}

function tracedTopics(desk: Desk): readonly HTMLElement[] {
  const nodes = h('p', { class: 'problem' });
  const table = new Table<TracedRow>({
    caption: 'Traced topics',
    keyOf: ({ node, pattern }) => `${node} ${pattern}`,
    none: 'No topic is traced: only messages that are published while it is on are.',
    columns: [
      { title: 'Topic or pattern', text: ({ pattern }) => pattern },
      { title: 'Node', text: ({ node }) => node },
      {
        title: 'Ends in',
        text: ({ until }) => (until === null ? 'stays' : duration((Date.parse(until) - Date.now()) / 1_000)),
        isNumber: true,
      },
      { title: 'Action', text: () => 'Switch off', press: ({ pattern }) => off.tryWith({ topics: pattern }) },
    ],
  });
  const poll = desk.poll(3_000, async (signal) => {
    const answer = await desk.api.get<Traced & { nodes?: readonly Traced[] }>(
      '/admin/trace',
      { node: desk.node },
      signal,
    );
    const answers = answer.nodes ?? [answer];
    table.show(answers.flatMap(({ node, patterns = [] }) => patterns.map((row) => ({ node, ...row }))));
    setText(
      nodes,
      answers.flatMap(({ node, problem }) => (typeof problem === 'string' ? [`${node} ${problem}`] : [])).join('; '),
    );
  });
  const change = (title: string, enabled: boolean): ReturnType<typeof changeForm> =>
    changeForm(desk, {
      title,
      about: enabled ? 'A name, a pattern, or @user:<user id>.' : 'Messages that were traced can still be looked at.',
      method: 'POST',
      path: () => '/admin/trace',
      fields: [
        { name: 'topics', label: 'Topic or pattern', type: 'text', isRequired: true },
        ...(enabled ? [TTL] : []),
      ],
      fixed: { enabled },
      done: poll,
    });
  const [on, off] = [change('Trace a topic', true), change('Trace a topic no longer', false)];
  return [table.element, nodes, on.element, off.element];
}

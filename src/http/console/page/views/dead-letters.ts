/** Messages that no handler could take, and what applications have given up, which can be tried again. */
import { changeForm } from '../change-form.ts';
import type { Desk, View } from '../desk.ts';
import { fill, h } from '../dom.ts';
import { Table } from '../table.ts';
import { count, dateTime } from '../text.ts';

interface Letter {
  readonly node?: string;
  readonly at: number;
  readonly actor: string;
  readonly error: string;
  readonly message: string | null;
}

interface AppLetters {
  readonly app: string;
  readonly total: number | null;
  readonly problem: string | null;
}

type Given = Readonly<Record<string, unknown>> & { readonly id: string };

export function deadLettersView(desk: Desk): View {
  const letters = letterTable();
  desk.poll(5_000, async (signal) => {
    type Answer = { readonly node: string; readonly dead_letters?: readonly Letter[] };
    const answer = await desk.api.get<Answer & { nodes?: readonly Answer[] }>(
      '/admin/dead-letters',
      { node: desk.node },
      signal,
    );
    const rows = (answer.nodes ?? [answer]).flatMap(({ node, dead_letters: list = [] }) =>
      list.map((row) => ({ ...row, node })),
    );
    letters.show(rows.toSorted((a, b) => b.at - a.at).slice(0, 200));
  });
  return { title: 'Dead letters', element: h('div', {}, letters.element, appSection(desk)) };
}

function letterTable(): Table<Letter> {
  return new Table<Letter>({
    caption: 'Messages that no handler could take, the newest 200',
    keyOf: ({ node = '', at, actor, error }) => `${node} ${at} ${actor} ${error.length}`,
    none: 'There is none.',
    columns: [
      { title: 'At', text: ({ at }) => dateTime(at) },
      { title: 'Node', text: ({ node = '' }) => node },
      { title: 'Actor', text: ({ actor }) => actor },
      { title: 'Message', text: ({ message }) => message ?? '' },
      { title: 'Error', text: ({ error }) => error.split('\n').slice(0, 3).join('\n'), mark: () => 'error' },
    ],
  });
}

function appSection(desk: Desk): HTMLElement {
  const shown = h('div');
  let app = desk.filter('app');
  const given = givenTable((id) => replay.tryWith({ ids: id }));
  const replay = changeForm(desk, {
    title: 'Try again',
    about: 'Without ids the application tries all of it.',
    method: 'POST',
    path: () => '/admin/apps/dead-letters/replay',
    fields: [{ name: 'ids', label: 'Ids', type: 'list' }],
    // Read when it is sent: the application is chosen above.
    get fixed() {
      return { app };
    },
    done: () => poll(),
  });
  const apps = appTable((name) => {
    app = name;
    desk.keep('app', name);
    poll();
  });
  const node = desk.node === '*' ? {} : { node: desk.node };
  const poll = desk.poll(5_000, async (signal) => {
    const { apps: known } = await desk.api.get<{ apps: readonly AppLetters[] }>(
      '/admin/apps/dead-letters',
      node,
      signal,
    );
    apps.show(known);
    if (!known.some((row) => row.app === app)) app = known.length === 1 ? (known[0]?.app ?? '') : '';
    if (app === '') return fill(shown);
    const query = { app, limit: 100, ...node };
    given.show(
      (await desk.api.get<{ dead_letters: readonly Given[] }>('/admin/apps/dead-letters', query, signal)).dead_letters,
    );
    if (shown.childElementCount === 0) fill(shown, given.element, replay.element);
  });
  return h('div', {}, apps.element, shown);
}

function appTable(choose: (app: string) => void): Table<AppLetters> {
  return new Table<AppLetters>({
    caption: 'Applications that keep what they have given up',
    keyOf: ({ app }) => app,
    none: 'No application keeps any.',
    columns: [
      { title: 'Application', text: ({ app }) => app },
      { title: 'Given up', text: ({ total }) => (total === null ? '' : count(total)), isNumber: true },
      { title: 'Problem', text: ({ problem }) => problem ?? '' },
      { title: 'Action', text: ({ app }) => `Show ${app}`, press: ({ app }) => choose(app) },
    ],
  });
}

function givenTable(tryAgain: (id: string) => void): Table<Given> {
  return new Table<Given>({
    caption: 'Given up, the newest 100',
    keyOf: ({ id }) => id,
    none: 'There is none.',
    columns: [
      { title: 'Id', text: ({ id }) => id },
      {
        title: 'What',
        text: (letter) => JSON.stringify(letter, null, 1).slice(0, 2_000),
        mark: () => 'error',
      },
      { title: 'Action', text: ({ id }) => `Try ${id} again`, press: ({ id }) => tryAgain(id) },
    ],
  });
}

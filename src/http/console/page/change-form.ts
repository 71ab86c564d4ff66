/**
 * A change of the service: first it is tried, which changes nothing and says what it would touch; then it can be carried out,
 * exactly as it was tried. Every node acknowledges for itself.
 */
import { controlOf, valuesOf, type Field } from './fields.ts';
import { messageOf, type Desk } from './desk.ts';
import { fill, h, newId, setText } from './dom.ts';
import { Table } from './table.ts';
import { count, dateTime } from './text.ts';

export interface Change {
  readonly title: string;
  /** What it does, in a sentence. */
  readonly about: string;
  readonly method: string;
  readonly path: (values: Values) => string;
  readonly fields: readonly Field[];
  /** Names of fields that stand in the path and not in the body. */
  readonly inPath?: readonly string[];
  readonly fixed?: Values;
  /** Named also where all nodes are meant. */
  readonly namesAll?: boolean;
  readonly done?: () => void;
}

export type Values = Readonly<Record<string, unknown>>;

interface Outcome {
  readonly node: string;
  readonly applied: boolean;
  readonly connections: number;
  readonly messages_per_second: number;
  readonly until: number | null;
  readonly problem?: string;
}

interface Answer {
  readonly applied: boolean;
  readonly until: string | null;
  readonly connections: number;
  readonly messages_per_second: number;
  readonly nodes: readonly Outcome[];
}

export interface ChangeForm {
  readonly element: HTMLElement;
  /** Fills fields in and tries it. */
  tryWith(values: Readonly<Record<string, string>>): void;
}

export function changeForm(desk: Desk, change: Change): ChangeForm {
  const id = newId();
  const controls = change.fields.map(controlOf);
  const said = h('p', { role: 'status' });
  const problem = h('p', { role: 'alert', class: 'problem' });
  const table = outcomes();
  table.element.hidden = true;
  const tried = h('button', { type: 'submit' }, 'Try');
  const carried = h('button', { type: 'button', class: 'main', disabled: true }, 'Carry it out');
  let planned: Values | null = null;

  const forget = (): void => {
    if (planned !== null) setText(said, 'Changed since it was tried: try it again.');
    planned = null;
    carried.disabled = true;
    table.element.hidden = true;
  };
  const send = async (values: Values, dryRun: boolean): Promise<void> => {
    setText(problem, '');
    tried.disabled = carried.disabled = true;
    try {
      const answer = await desk.api.send<Answer>(
        change.method,
        change.path(values),
        bodyOf(desk, change, values, dryRun),
      );
      setText(said, sentence(answer, dryRun));
      table.show(answer.nodes);
      table.element.hidden = false;
      planned = dryRun ? values : null;
      if (!dryRun) change.done?.();
    } catch (error) {
      forget();
      setText(said, '');
      setText(problem, messageOf(error));
    }
    tried.disabled = false;
    carried.disabled = planned === null;
    if (planned !== null) carried.focus();
    else tried.focus();
  };
  carried.addEventListener('click', () => planned !== null && void send(planned, false));
  const form = h(
    'form',
    {
      class: 'row',
      'aria-labelledby': id,
      input: forget,
      submit: (event) => {
        event.preventDefault();
        void send(valuesOf(change.fields, controls), true);
      },
    },
    ...controls.map(({ label }) => label),
    tried,
    carried,
  );
  const tryWith = (values: Readonly<Record<string, string>>): void => {
    for (const [at, { name }] of change.fields.entries()) {
      const input = controls[at]?.input;
      if (input !== undefined && values[name] !== undefined) input.value = values[name];
    }
    form.requestSubmit();
  };
  const element = h('section', { class: 'change', 'aria-labelledby': id });
  fill(
    element,
    h('h2', { id }, change.title),
    h('p', { class: 'hint' }, change.about),
    form,
    problem,
    said,
    table.element,
  );
  return { element, tryWith };
}

function bodyOf(
  desk: Desk,
  { fixed = {}, inPath = [], namesAll = false }: Change,
  values: Values,
  dryRun: boolean,
): object {
  const own = nested(Object.entries(values).filter(([name]) => !inPath.includes(name)));
  const node = desk.node === '*' && !namesAll ? {} : { node: desk.node };
  return { ...fixed, ...own, ...node, dry_run: dryRun };
}

function sentence({ applied, connections, messages_per_second: rate, nodes, until }: Answer, dryRun: boolean): string {
  const touched = `${count(connections)} connections and ${count(rate)} messages per second on ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}`;
  if (dryRun) return `Nothing was changed. It would touch ${touched}.`;
  const done = nodes.filter((node) => node.applied).length;
  const end = until === null ? '' : `, until ${until.slice(0, 19).replace('T', ' ')}`;
  return applied
    ? `Carried out by ${done} of ${nodes.length} nodes, with ${count(connections)} connections${end}.`
    : 'No node carried it out.';
}

function outcomes(): Table<Outcome> {
  return new Table<Outcome>({
    caption: 'Answers of the nodes',
    keyOf: ({ node }) => node,
    none: 'No node answered.',
    columns: [
      { title: 'Node', text: ({ node }) => node },
      {
        title: 'Carried out',
        text: ({ applied, problem }) => (applied ? 'yes' : problem === undefined ? 'tried' : 'no'),
        mark: ({ applied, problem }) => (problem !== undefined ? 'bad' : applied ? 'ok' : ''),
      },
      { title: 'Connections', text: ({ connections }) => count(connections), isNumber: true },
      { title: 'Messages per second', text: ({ messages_per_second: rate }) => count(rate), isNumber: true },
      { title: 'Until', text: ({ until }) => (until === null ? '' : dateTime(until)) },
      { title: 'Problem', text: ({ problem = '' }) => problem },
    ],
  });
}

/** `data.message` is the field `message` of `data`. */
function nested(pairs: readonly (readonly [string, unknown])[]): Values {
  const made: Record<string, unknown> = {};
  for (const [name, value] of pairs) {
    const [outer = '', inner] = name.split('.');
    made[outer] = inner === undefined ? value : { ...(made[outer] as object | undefined), [inner]: value };
  }
  return made;
}

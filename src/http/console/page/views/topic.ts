/** One topic: publish to it, watch it, read its history, see its members. All of it by the client library. */
import type { Desk, View } from '../desk.ts';
import { messageOf } from '../desk.ts';
import { h, newId, setText } from '../dom.ts';
import { historySection } from './topic-history.ts';
import { membersSection } from './topic-members.ts';
import { watchSection } from './topic-watch.ts';

export function topicView(desk: Desk): View {
  const name = desk.place.about;
  const back = h('p', {}, h('a', { href: desk.href('topics') }, 'All topics'));
  const state = connectionState(desk);
  const sections = [publishSection, watchSection, historySection, membersSection].map((section) => section(desk, name));
  return { title: `Topic ${name}`, element: h('div', {}, back, state, ...sections) };
}

/** Said only once the client of the console has something to do. */
function connectionState(desk: Desk): HTMLElement {
  const line = h('p', { class: 'hint', role: 'status' });
  const { client } = desk.clients;
  const show = (): void => {
    const { state } = client;
    const why = state.status === 'closed' && state.error !== undefined ? `: ${state.error.message}` : '';
    setText(line, state.status === 'idle' ? '' : `WebSocket ${state.status}${why}`);
  };
  desk.closed.addEventListener('abort', client.on('state', show));
  show();
  return line;
}

function publishSection(desk: Desk, topic: string): HTMLElement {
  const id = newId();
  const payload = h('textarea', { rows: 3, cols: 60, spellcheck: 'false', required: true });
  payload.value = '{"text": "hello"}';
  const said = h('p', { role: 'status' });
  const problem = h('p', { role: 'alert', class: 'problem' });
  const publish = async (): Promise<void> => {
    setText(said, '');
    setText(problem, '');
    try {
      const value: unknown = JSON.parse(payload.value);
      const receipt = await desk.clients.client.topic(topic).publish(value, { deadlineMs: 15_000 });
      const { epoch = '', sequence = 0, recipients } = receipt;
      said.replaceChildren(
        `Stored at ${epoch}:${sequence}, for ${recipients} subscribed connections of the node. `,
        ...(receipt.id === '' ? [] : [h('a', { href: desk.href('trace', receipt.id) }, `Trace ${receipt.id}`)]),
      );
    } catch (error) {
      setText(problem, error instanceof SyntaxError ? `Expected JSON: ${error.message}` : messageOf(error));
    }
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    void publish();
  };
  return h(
    'section',
    { 'aria-labelledby': id },
    h('h2', { id }, 'Publish'),
    h(
      'form',
      { class: 'row', submit },
      h('label', {}, 'Payload, as JSON', payload),
      h('button', { type: 'submit', class: 'main' }, 'Publish'),
    ),
    problem,
    said,
  );
}

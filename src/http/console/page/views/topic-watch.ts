/** The messages of a topic while they come, the newest first. A topic may be faster than anybody reads: the newest hundred stay. */
import type { Gap, Message } from '../../../../client/index.ts';
import type { Desk } from '../desk.ts';
import { h, newId, setText } from '../dom.ts';
import { messageEntry } from './message-entry.ts';

const SHOWN = 100;

export function watchSection(desk: Desk, topic: string): HTMLElement {
  const id = newId();
  const list = h('ol', { class: 'messages', 'aria-labelledby': id });
  const state = h('p', { class: 'hint', role: 'status' });
  const problem = h('p', { role: 'alert', class: 'problem' });
  let fresh: (Message | Gap)[] = [];
  let count = 0;
  let stop: (() => void) | null = null;

  const draw = (): void => {
    const entries = fresh.splice(0).slice(-SHOWN).toReversed();
    list.prepend(...entries.map((item) => (item.kind === 'message' ? messageEntry(desk, item) : gapEntry(item))));
    while (list.childElementCount > SHOWN) list.lastElementChild?.remove();
    setText(state, `Watching: ${count.toLocaleString('en')} messages so far`);
  };
  const taken = (item: Message | Gap): void => {
    if (item.kind === 'message') count += 1;
    // Drawn once a frame, however many come.
    if (fresh.push(item) === 1) requestAnimationFrame(draw);
    if (fresh.length > 2 * SHOWN) fresh = fresh.slice(-SHOWN);
  };
  const end = (): void => {
    stop?.();
    stop = null;
    setText(button, 'Watch');
  };
  const begin = (): void => {
    setText(problem, '');
    setText(state, 'Watching: nothing came yet');
    setText(button, 'Stop watching');
    stop = desk.clients.client.topic(topic).on(
      {
        message: taken,
        gap: taken,
        error: (error) => {
          end();
          setText(state, '');
          setText(problem, error.message);
        },
      },
      { since: 'live' },
    );
  };
  const button = h('button', { type: 'button', click: () => (stop === null ? begin() : end()) }, 'Watch');
  desk.closed.addEventListener('abort', end);
  return h('section', { 'aria-labelledby': id }, h('h2', { id }, 'Watch'), button, problem, state, list);
}

function gapEntry({ cause, from, to, count }: Gap): HTMLElement {
  const range = from === undefined || to === undefined ? '' : ` ${from}..${to}`;
  return h(
    'li',
    { class: 'bad' },
    `Gap${range}${count === undefined ? '' : `, ${count} messages`} (${cause.replaceAll('_', ' ')})`,
  );
}

/** The members of a topic, as the library keeps them. */
import { presenceOf } from '../../../../client/presence/index.ts';
import type { Desk } from '../desk.ts';
import { h, newId, setText } from '../dom.ts';
import { Table } from '../table.ts';

type Member = ReturnType<ReturnType<typeof presenceOf>['getSnapshot']>['members'][number];

export function membersSection(desk: Desk, topic: string): HTMLElement {
  const id = newId();
  const state = h('p', { class: 'hint', role: 'status' });
  const table = new Table<Member>({
    caption: 'Present now',
    keyOf: ({ user, connection = '' }) => `${user} ${connection}`,
    none: 'Nobody is present.',
    columns: [
      { title: 'User', text: ({ user }) => user },
      { title: 'Connection', text: ({ connection = '' }) => connection },
      { title: 'Says', text: ({ data }) => JSON.stringify(data) },
    ],
  });
  table.element.hidden = true;
  const begin = (): void => {
    button.hidden = true;
    const presence = presenceOf(desk.clients.client, topic);
    const show = (): void => {
      const { members, count, status, error } = presence.getSnapshot();
      setText(
        state,
        error === undefined ? `${count.toLocaleString('en')} members, ${status}` : `Refused: ${error.message}`,
      );
      table.element.hidden = error !== undefined;
      table.show(members.slice(0, 500));
    };
    desk.closed.addEventListener('abort', presence.subscribe(show));
    show();
  };
  const button = h('button', { type: 'button', click: begin }, 'Show the members');
  return h('section', { 'aria-labelledby': id }, h('h2', { id }, 'Members'), button, state, table.element);
}

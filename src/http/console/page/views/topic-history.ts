/** The log of a topic, newest first, page by page. */
import type { Position } from '../../../../client/index.ts';
import { historyOf } from '../../../../client/history/index.ts';
import type { Desk } from '../desk.ts';
import { messageOf } from '../desk.ts';
import { h, newId, setText } from '../dom.ts';
import { messageEntry } from './message-entry.ts';

const PAGE = 20;

export function historySection(desk: Desk, topic: string): HTMLElement {
  const id = newId();
  const list = h('ol', { class: 'messages', 'aria-labelledby': id });
  const state = h('p', { class: 'hint', role: 'status' });
  const problem = h('p', { role: 'alert', class: 'problem' });
  let before: Position | undefined;
  const read = async (): Promise<void> => {
    setText(problem, '');
    button.disabled = true;
    try {
      let count = 0;
      const handle = desk.clients.client.topic(topic);
      const options = { reverse: true, limit: PAGE, signal: desk.closed, ...(before !== undefined && { before }) };
      for await (const message of historyOf<unknown>(handle, options)) {
        list.append(messageEntry(desk, message));
        before = { epoch: message.epoch, sequence: message.sequence };
        count += 1;
      }
      setText(
        state,
        count < PAGE ? `${list.childElementCount} messages: the log begins here` : `${list.childElementCount} messages`,
      );
      setText(button, 'Read older ones');
    } catch (error) {
      if (!desk.closed.aborted) setText(problem, messageOf(error));
    }
    button.disabled = false;
  };
  const button = h('button', { type: 'button', click: () => void read() }, 'Read the history');
  return h('section', { 'aria-labelledby': id }, h('h2', { id }, 'History'), button, problem, state, list);
}

/** One message of a topic, with its position and its payload as people read JSON. */
import type { Message } from '../../../../client/index.ts';
import type { Desk } from '../desk.ts';
import { h } from '../dom.ts';
import { dateTime } from '../text.ts';

/** Characters of a payload that are shown. */
const LONGEST = 20_000;

export function messageEntry(desk: Desk, message: Message): HTMLElement {
  const { id, from, time, epoch, sequence, replayed } = message;
  const where = id === '' ? 'no position: the topic keeps nothing' : `${epoch}:${sequence}`;
  const text = JSON.stringify(message.payload, null, 2) ?? '';
  return h(
    'li',
    {},
    h(
      'p',
      {},
      h('b', {}, from),
      ` ${dateTime(time)} ${where}${replayed ? ', replayed' : ''} `,
      id === '' ? null : h('a', { href: desk.href('trace', id) }, `Trace ${id}`),
    ),
    h('pre', {}, text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text),
  );
}

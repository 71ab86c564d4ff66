/** The cells of a table. An element is made once for each cell and changed in place, so that focus and selection stay. */
import { h, setText } from './dom.ts';

export interface Column<R> {
  readonly title: string;
  readonly text: (row: R) => string;
  /** In rem, where the width is fixed. */
  readonly width?: number;
  readonly isNumber?: boolean;
  /** Makes a link of the text. */
  readonly href?: (row: R) => string;
  /** Makes a button of the text; one without a text is not there. */
  readonly press?: (row: R) => void;
  /** From where to where a bar reaches, as shares of the width; the text stands beside it for everybody. */
  readonly bar?: (row: R) => readonly [from: number, to: number];
  /** Class of the cell, for a colour beside the word. */
  readonly mark?: (row: R) => string;
}

/** One row in the page. */
export class RowElement<R> {
  readonly element: HTMLTableRowElement;
  /** `undefined` until something was shown. */
  #row: R | null | undefined;
  readonly #cells: readonly ((row: R | null) => void)[];

  constructor(columns: readonly Column<R>[]) {
    const made = columns.map((column, at) => this.#cell(column, at));
    this.#cells = made.map(({ show }) => show);
    this.element = h('tr', {}, ...made.map(({ cell }) => cell));
  }

  /** @param row `null` where it is not known yet */
  show(row: R | null): void {
    // While somebody scrolls, most rows stay what they are.
    if (row === this.#row) return;
    this.#row = row;
    for (const cell of this.#cells) cell(row);
  }

  #cell(column: Column<R>, at: number): { readonly cell: HTMLElement; readonly show: (row: R | null) => void } {
    const { text, href, mark, bar, isNumber = false } = column;
    const inner = this.#inner(column);
    const drawn = bar === undefined ? null : h('i');
    const track = drawn === null ? null : h('span', { class: 'bar', 'aria-hidden': 'true' }, drawn);
    const cell = h(at === 0 ? 'th' : 'td', { scope: at === 0 ? 'row' : null }, track, inner);
    const target = inner ?? cell;
    const show = (row: R | null): void => {
      setText(target, row === null ? '…' : text(row));
      if (inner instanceof HTMLAnchorElement) showHref(inner, row === null ? '' : (href?.(row) ?? ''));
      if (inner instanceof HTMLButtonElement) inner.hidden = row === null || inner.textContent === '';
      if (drawn !== null && row !== null) showBar(drawn, bar?.(row) ?? [0, 0]);
      const name = `${isNumber ? 'number ' : ''}${row === null ? '' : (mark?.(row) ?? '')}`;
      if (cell.className !== name) cell.className = name;
    };
    return { cell, show };
  }

  #inner({ href, press, bar }: Column<R>): HTMLElement | null {
    if (href !== undefined) return h('a');
    if (press !== undefined) return this.#button(press);
    return bar === undefined ? null : h('span');
  }

  #button(press: (row: R) => void): HTMLButtonElement {
    const click = (): void => {
      const row = this.#row;
      if (row !== null && row !== undefined) press(row);
    };
    return h('button', { type: 'button', click });
  }
}

function showBar({ style }: HTMLElement, [from, to]: readonly [number, number]): void {
  style.left = `${from * 100}%`;
  style.width = `${Math.max(0.5, (to - from) * 100)}%`;
}

function showHref(link: HTMLAnchorElement, href: string): void {
  if (href === '') link.removeAttribute('href');
  else if (link.getAttribute('href') !== href) link.setAttribute('href', href);
}

export function headOf<R>(columns: readonly Column<R>[]): HTMLTableSectionElement {
  const cells = columns.map(({ title, isNumber = false }) =>
    h('th', { scope: 'col', class: isNumber ? 'number' : null }, title),
  );
  return h('thead', {}, h('tr', {}, ...cells));
}

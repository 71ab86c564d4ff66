/** A table of as many rows as there are: for lists that are short by their nature. */
import { headOf, RowElement, type Column } from './columns.ts';
import { h, newId } from './dom.ts';

export interface TableOptions<R> {
  readonly caption: string;
  readonly columns: readonly Column<R>[];
  readonly keyOf: (row: R) => string;
  /** Said where there are no rows. */
  readonly none: string;
}

export class Table<R> {
  readonly element: HTMLElement;
  readonly #options: TableOptions<R>;
  readonly #body = h('tbody');
  readonly #none: HTMLElement;
  #rows = new Map<string, RowElement<R>>();

  constructor(options: TableOptions<R>) {
    this.#options = options;
    this.#none = h('p', { class: 'hint', hidden: true }, options.none);
    const id = newId();
    const table = h('table', {}, h('caption', { id }, options.caption), headOf(options.columns), this.#body);
    const scrolled = h('div', { class: 'scrolled', tabindex: 0, role: 'region', 'aria-labelledby': id }, table);
    this.element = h('div', { class: 'listed' }, scrolled, this.#none);
  }

  show(rows: readonly R[]): void {
    const { columns, keyOf } = this.#options;
    const before = this.#rows;
    this.#rows = new Map();
    for (const [at, row] of rows.entries()) {
      // Two rows of one key would be one element.
      const key = this.#rows.has(keyOf(row)) ? `${keyOf(row)} ${at}` : keyOf(row);
      const element = before.get(key) ?? new RowElement(columns);
      element.show(row);
      this.#rows.set(key, element);
      // An element that stands where it belongs is not moved: that would take its focus.
      if (this.#body.children[at] !== element.element)
        this.#body.insertBefore(element.element, this.#body.children[at] ?? null);
    }
    while (this.#body.children.length > rows.length) this.#body.lastElementChild?.remove();
    this.#none.hidden = rows.length > 0;
  }
}

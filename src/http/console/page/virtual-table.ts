/**
 * A table of any length: in the page are the rows that can be seen and a few around them, and from the server come the pages
 * that hold those. Empty rows above and below keep the scroll bar true.
 */
import { headOf, RowElement, type Column } from './columns.ts';
import { h, newId, setText } from './dom.ts';

/** In pixels, as the style sheet has it. */
const ROW = 32;
/** Rows beyond the edges, so that scrolling does not show the ground. */
const AROUND = 10;
const PAGE = 200;
/** Rows beyond the edges whose pages are asked for before anybody scrolls there. */
const AHEAD = 100;
/** Pages that are kept; those that were looked at last stay. */
const KEPT = 6;

interface Rows<R> {
  readonly total: number;
  readonly rows: readonly R[];
}

export interface VirtualTableOptions<R> {
  readonly caption: string;
  readonly columns: readonly Column<R>[];
  readonly load: (offset: number, limit: number) => Promise<Rows<R>>;
  /** Told what could not be loaded. */
  readonly failed: (error: unknown) => void;
}

export class VirtualTable<R> {
  readonly element: HTMLElement;
  readonly #options: VirtualTableOptions<R>;
  readonly #scrolled: HTMLElement;
  readonly #table: HTMLTableElement;
  readonly #body = h('tbody');
  readonly #above: HTMLTableCellElement;
  readonly #below: HTMLTableCellElement;
  readonly #shown = new Map<number, RowElement<R>>();
  readonly #spare: RowElement<R>[] = [];
  readonly #pages = new Map<number, readonly R[]>();
  readonly #loading = new Set<number>();
  #total = 0;
  #generation = 0;
  #isDrawing = false;

  constructor(options: VirtualTableOptions<R>) {
    this.#options = options;
    const { caption, columns } = options;
    const id = newId();
    [this.#above, this.#below] = [spacer(columns.length), spacer(columns.length)];
    const widths = columns.map(({ width = 8 }) => width);
    const cols = widths.map((width) => {
      const col = h('col');
      col.style.width = `${width}rem`;
      return col;
    });
    const group = h('colgroup', {}, ...cols);
    this.#table = h('table', {}, h('caption', { id, class: 'heard' }, caption), group, headOf(columns), this.#body);
    this.#table.style.minWidth = `${widths.reduce((sum, width) => sum + width, 0)}rem`;
    this.#body.append(this.#above.parentElement ?? this.#above, this.#below.parentElement ?? this.#below);
    this.#scrolled = h(
      'div',
      { class: 'virtual', tabindex: 0, role: 'region', 'aria-labelledby': id, keydown: (event) => this.#key(event) },
      this.#table,
    );
    this.#scrolled.addEventListener('scroll', () => this.#drawSoon(), { passive: true });
    this.element = this.#scrolled;
    new ResizeObserver(() => this.#drawSoon()).observe(this.#scrolled);
  }

  /** Loads what can be seen anew. */
  async refresh(): Promise<void> {
    const pages = this.#pagesInSight();
    await Promise.all((pages.length === 0 ? [0] : pages).map((page) => this.#load(page)));
  }

  /** Other rows from now on, from the first. */
  async restart(): Promise<void> {
    this.#generation += 1;
    this.#pages.clear();
    this.#loading.clear();
    this.#scrolled.scrollTop = 0;
    this.#drawSoon();
    await this.#load(0);
  }

  async #load(page: number): Promise<void> {
    const generation = this.#generation;
    this.#loading.add(page);
    try {
      const { total, rows } = await this.#options.load(page * PAGE, PAGE);
      if (generation !== this.#generation) return;
      this.#total = total;
      this.#pages.delete(page);
      this.#pages.set(page, rows);
      for (const oldest of this.#pages.keys()) {
        if (this.#pages.size <= KEPT) break;
        this.#pages.delete(oldest);
      }
      this.#drawSoon();
    } finally {
      if (generation === this.#generation) this.#loading.delete(page);
    }
  }

  #window(): { readonly first: number; readonly end: number } {
    const { scrollTop, clientHeight } = this.#scrolled;
    const first = Math.max(0, Math.floor(scrollTop / ROW) - AROUND);
    return { first, end: Math.min(this.#total, Math.ceil((scrollTop + clientHeight) / ROW) + AROUND) };
  }

  /** @param ahead rows beyond the window */
  #pagesInSight(ahead = 0): number[] {
    const { first, end } = this.#window();
    const from = Math.floor(Math.max(0, first - ahead) / PAGE);
    const to = Math.ceil(Math.min(this.#total, end + ahead) / PAGE);
    return Array.from({ length: Math.max(0, to - from) }, (_, at) => from + at);
  }

  /** Once a frame, however many events there are. */
  #drawSoon(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#draw();
    });
  }

  #draw(): void {
    const { first, end } = this.#window();
    for (const page of this.#pagesInSight(AHEAD))
      if (!this.#pages.has(page) && !this.#loading.has(page)) void this.#load(page).catch(this.#options.failed);
    for (const [index, row] of this.#shown) if (index < first || index >= end) this.#put(index, row);
    for (let index = first; index < end; index += 1)
      this.#rowAt(index).show(this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE] ?? null);
    this.#above.style.height = `${first * ROW}px`;
    this.#below.style.height = `${Math.max(0, this.#total - end) * ROW}px`;
    // The row of names counts.
    setAttribute(this.#table, 'aria-rowcount', this.#total + 1);
  }

  /** Takes a row away that cannot be seen any more; its element is used again. */
  #put(index: number, row: RowElement<R>): void {
    if (row.element.contains(document.activeElement)) this.#scrolled.focus({ preventScroll: true });
    row.element.remove();
    this.#shown.delete(index);
    this.#spare.push(row);
  }

  #rowAt(index: number): RowElement<R> {
    const known = this.#shown.get(index);
    if (known !== undefined) return known;
    const row = this.#spare.pop() ?? new RowElement(this.#options.columns);
    setAttribute(row.element, 'aria-rowindex', index + 2);
    const next = this.#shown.get(index + 1)?.element;
    const before = this.#shown.get(index - 1)?.element;
    if (next !== undefined) next.before(row.element);
    else if (before !== undefined) before.after(row.element);
    else this.#below.parentElement?.before(row.element);
    this.#shown.set(index, row);
    return row;
  }

  /** From link to link; the browser itself scrolls with the other keys. */
  #key(event: Event): void {
    const { key } = event as KeyboardEvent;
    const target = document.activeElement?.closest('tr')?.getAttribute('aria-rowindex') ?? null;
    if (target === null || (key !== 'ArrowDown' && key !== 'ArrowUp')) return;
    const index = Number(target) - 2 + (key === 'ArrowDown' ? 1 : -1);
    if (index < 0 || index >= this.#total) return;
    event.preventDefault();
    const { clientHeight } = this.#scrolled;
    const top = Math.min(index * ROW, this.#scrolled.scrollTop);
    this.#scrolled.scrollTop = Math.max(top, (index + 3) * ROW - clientHeight);
    this.#draw();
    this.#shown.get(index)?.element.querySelector<HTMLElement>('a, button')?.focus({ preventScroll: true });
  }
}

function spacer(columns: number): HTMLTableCellElement {
  const cell = h('td', { colspan: columns });
  h('tr', { class: 'space', 'aria-hidden': 'true' }, cell);
  return cell;
}

function setAttribute(element: Element, name: string, value: number): void {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/** How many there are, above a table. */
export function showTotal(element: Element, total: number, what: string, more = ''): void {
  setText(element, `${total.toLocaleString('en')} ${what}${more}`);
}

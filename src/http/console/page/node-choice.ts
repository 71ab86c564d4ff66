/** The choice of the node whose views are looked at. */
import type { AdminApi } from './api.ts';
import { fill, h } from './dom.ts';

/** Nodes come and go seldom. */
const EVERY_MS = 10_000;

export class NodeChoice {
  readonly #select: HTMLSelectElement;
  readonly #api: AdminApi;
  #names: readonly string[] = [];
  #chosen = '*';

  constructor(select: HTMLSelectElement, api: AdminApi) {
    this.#select = select;
    this.#api = api;
    void this.#learn();
  }

  show(node: string): void {
    this.#chosen = node;
    this.#draw();
  }

  onChange(listener: (node: string) => void): void {
    this.#select.addEventListener('change', () => listener(this.#select.value));
  }

  async #learn(): Promise<void> {
    try {
      if (!document.hidden) {
        const { nodes } = await this.#api.get<{ nodes: readonly { node: string }[] }>('/admin/nodes');
        this.#names = [...new Set(nodes.map(({ node }) => node))].toSorted();
        this.#draw();
      }
    } catch {
      // The view says what is wrong.
    }
    setTimeout(() => void this.#learn(), EVERY_MS);
  }

  #draw(): void {
    const names = ['*', ...new Set([...this.#names, ...(this.#chosen === '*' ? [] : [this.#chosen])])];
    const before = [...this.#select.options].map(({ value }) => value);
    // A list that is open is not taken away.
    if (names.join('\n') !== before.join('\n'))
      fill(this.#select, ...names.map((name) => h('option', { value: name }, name === '*' ? 'all' : name)));
    this.#select.value = this.#chosen;
  }
}

/** Names with what is known of each, changed in place. */
import { h, setText } from './dom.ts';

export class Facts {
  readonly element = h('dl', { class: 'facts' });
  readonly #values = new Map<string, HTMLElement>();

  show(facts: readonly (readonly [name: string, text: string])[]): void {
    for (const [name, text] of facts) {
      const known = this.#values.get(name) ?? h('dd');
      setText(known, text);
      if (this.#values.has(name)) continue;
      this.#values.set(name, known);
      this.element.append(h('div', {}, h('dt', {}, name), known));
    }
  }
}

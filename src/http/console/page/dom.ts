/** Elements, made by hand: nothing that the server says is ever read as HTML. */

type Child = Node | string | number | null | undefined | readonly Child[];
type Handler = (event: Event) => void;
type Attributes = Readonly<Record<string, string | number | boolean | null | undefined | Handler>>;

/** @param attributes functions are listeners, by the name of their event; `true` is an attribute without a value */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  append(element, children);
  return element;
}

export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren();
  append(element, children);
}

/** Touches the page only where something else stands there: screen readers hear of changes alone. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function append(element: Element, children: readonly Child[]): void {
  for (const child of children.flat(9) as readonly (Node | string | number | null | undefined)[])
    if (child !== null && child !== undefined) element.append(child instanceof Node ? child : String(child));
}

let lastId = 0;

/** For the `id` of an element that another one names. */
export function newId(): string {
  lastId += 1;
  return `e${lastId}`;
}

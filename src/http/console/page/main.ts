/** The console: the frame around the views, and the way from one to another. */
import { AdminApi } from './api.ts';
import { Clients } from './clients.ts';
import { Desk } from './desk.ts';
import { fill, h } from './dom.ts';
import { NodeChoice } from './node-choice.ts';
import { hrefOf, placeOf } from './place.ts';
import { VIEWS } from './views/index.ts';

const FIRST = 'nodes';

const api = new AdminApi();
const clients = new Clients(api);
const main = element('main');
const choice = new NodeChoice(element('node') as HTMLSelectElement, api);
let open: Desk | null = null;

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`expected an element ${id} in the page`);
  return found;
}

/** @param isFirst the page has just been loaded: its beginning has the focus */
function show(isFirst: boolean): void {
  const place = placeOf(location.hash);
  const name = place.view in VIEWS ? place.view : FIRST;
  const entry = VIEWS[name];
  if (entry === undefined) return;
  open?.close();
  const desk = new Desk(api, clients, { ...place, view: name });
  open = desk;
  const { title, element: shown } = entry.open(desk);
  const heading = h('h1', { tabindex: -1 }, title);
  fill(main, heading, desk.problem, shown);
  document.title = `${title} · Signalbox`;
  choice.show(desk.node);
  showLinks(name, desk);
  if (!isFirst) {
    heading.focus();
    desk.say(title);
  }
}

function showLinks(current: string, desk: Desk): void {
  const links = Object.entries(VIEWS).map(([name, { title }]) =>
    h('li', {}, h('a', { href: desk.href(name), 'aria-current': name === current ? 'page' : null }, title)),
  );
  fill(element('views'), ...links);
}

choice.onChange((node) => {
  const { view, about, query } = placeOf(location.hash);
  const rest = Object.fromEntries([...query].filter(([name]) => name !== 'node'));
  location.hash = hrefOf(view || FIRST, about, { ...rest, node: node === '*' ? '' : node });
});
element('leave').addEventListener('click', () => api.session.signOut());
document.querySelector('.skip')?.addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener('hashchange', () => show(false));
show(true);

/** Where the operator is: the view, what it shows and its filters stand behind `#`, and no token ever does. */

export interface Place {
  readonly view: string;
  /** What the view is about, as the id of a connection; `''` when it is a list. */
  readonly about: string;
  readonly query: URLSearchParams;
}

export function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [view = '', about = ''] = path.split('/').map(decodeURIComponent);
  return { view, about, query: new URLSearchParams(query) };
}

export function hrefOf(view: string, about = '', query: Readonly<Record<string, string>> = {}): string {
  const kept = Object.entries(query).filter(([, value]) => value !== '');
  const search = new URLSearchParams(kept).toString();
  const path = about === '' ? view : `${view}/${encodeURIComponent(about)}`;
  return `#/${path}${search === '' ? '' : `?${search}`}`;
}

/** Takes what may be secret out of URLs in text: names and passwords, queries, and where it is asked for the paths. */

/** A URL in any text, up to what cannot be part of one. The scheme is short, so that the search stays linear. */
const URLS = /\b([a-z][a-z0-9+.-]{0,30}):\/\/([^\s"'<>\\]+)/gi;

/**
 * @param paths what paths hold: an address of an endpoint, or a secret as in the URLs of webhooks
 */
export function redactUrls(text: string, paths: 'address' | 'secret' = 'address'): string {
  if (!text.includes('://')) return text;
  return text.replaceAll(URLS, (_, scheme: string, rest: string) => `${scheme}://${redactRest(rest, paths)}`);
}

function redactRest(rest: string, paths: 'address' | 'secret'): string {
  const end = rest.search(/[/?#]/);
  const authority = end === -1 ? rest : rest.slice(0, end);
  const tail = end === -1 ? '' : rest.slice(end);
  const at = authority.lastIndexOf('@');
  // A password may hold what ends an authority, written by somebody who did not encode it: then nothing is certain.
  if (tail.includes('@')) return '[redacted]';
  const host = at === -1 ? authority : `[redacted]@${authority.slice(at + 1)}`;
  if (paths === 'secret') return tail === '' || tail === '/' ? `${host}${tail}` : `${host}/[redacted]`;
  const query = tail.search(/[?#]/);
  return query === -1 ? `${host}${tail}` : `${host}${tail.slice(0, query)}?[redacted]`;
}

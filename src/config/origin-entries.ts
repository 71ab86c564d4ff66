/**
 * Entries of `security.allowed_origins`. A browser sends scheme, host and port in lower case, and no default port
 * (RFC 6454 section 6.2): an entry in any other form would allow nobody, silently.
 */

/** What pages without an origin of their own send, and the word for every port of this machine. */
const WORDS: ReadonlySet<string> = new Set(['loopback', 'null', 'file://']);
const ENTRY = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\*\.)?([a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };
/** A page is loaded by http or https, whatever the sockets that it opens. */
const PAGE_SCHEMES: Readonly<Record<string, string>> = { ws: 'http', wss: 'https' };
const MAX_ENTRY = 300;

/** What was expected instead of an entry that can never match; `null` when it can. */
export function originEntryProblem(entry: string): string | null {
  if (WORDS.has(entry)) return null;
  if (entry === '*')
    return 'no "*", which would let every page in: name the pages, or whole domains as "*.example.com"';
  const parts = entry.length > MAX_ENTRY ? null : ENTRY.exec(entry);
  if (parts === null) return `what browsers send, such as ${suggestion(entry)}: scheme, host and port, in lower case`;
  const [, scheme, star, host = '', port] = parts;
  if (scheme === undefined && star === undefined) return `a scheme, such as "https://${entry}"`;
  const ofPage = PAGE_SCHEMES[scheme ?? ''];
  if (ofPage !== undefined) return `the origin of the page, not of the socket: ${ofPage}:// instead of ${scheme}://`;
  if (port !== undefined && (String(Number(port)) !== port || Number(port) > 65_535))
    return 'a port from 0 to 65535 without zeros in front, as browsers send it';
  if (port !== undefined && DEFAULT_PORTS[scheme ?? ''] === port)
    return `no default port, which browsers leave out: "${scheme}://${star ?? ''}${host}"`;
  return hostProblem(entry, scheme, star !== undefined, host);
}

/** Numbers have many spellings, of which a browser sends one (https://url.spec.whatwg.org/#host-serializing). */
function hostProblem(entry: string, scheme: string | undefined, isBelow: boolean, host: string): string | null {
  // Other schemes have no addresses but those in brackets, and no rules for names.
  if (scheme !== undefined && DEFAULT_PORTS[scheme] === undefined && !host.startsWith('[')) return null;
  const label = isBelow ? 'a.' : '';
  const url = `http://${label}${host}`;
  if (!URL.canParse(url)) return isBelow ? 'a domain after "*.", not an address' : 'a host that a URL can have';
  const sent = new URL(url).hostname.slice(label.length);
  return sent === host ? null : `the host as browsers send it: ${JSON.stringify(entry.replace(host, sent))}`;
}

/** The entry as it was probably meant. */
function suggestion(entry: string): string {
  const origin = /^["']?([a-z][a-z0-9+.-]*:\/\/[^/\s"'?#]{1,100})/i.exec(entry.slice(0, MAX_ENTRY))?.[1]?.toLowerCase();
  return JSON.stringify(origin !== undefined && ENTRY.test(origin) ? origin : 'https://app.example.com');
}

/** Entries of security.allowed_origins that are nearly the origin of a page: what the difference is. */
import { isOriginAllowed } from '../node/origins.ts';

/** What a browser sends for a page: scheme, host, and no default port; `null` for what is no address of one. */
export function originOf(page: string): string | null {
  if (page === 'null' || page === 'file://') return page;
  if (!URL.canParse(page)) return null;
  const { origin, protocol, host } = new URL(page);
  // Pages of apps have schemes of their own, whose origin the URL standard does not know.
  return origin === 'null' ? `${protocol}//${host}` : origin;
}

type Change = readonly [changed: (origin: string) => string, says: string];

const CHANGES: readonly Change[] = [
  [(origin) => origin.replace(/^https:/, 'http:'), 'its scheme is http'],
  [(origin) => origin.replace(/^http:/, 'https:'), 'its scheme is https'],
  [(origin) => origin.replace('://www.', '://'), 'it has no www'],
  [(origin) => origin.replace('://', '://www.'), 'it has www'],
  [(origin) => origin.replace(/:\d+$/, ''), 'it has no port'],
];

/** @returns what is nearly right, in words, or `null` */
export function nearMiss(origin: string, allowed: readonly string[]): string | null {
  const host = hostOf(origin);
  const star = allowed.find((entry) => entry.replace(/^(?:https?:\/\/)?\*\./, '') === host && entry.includes('*'));
  if (star !== undefined) return `${star} is allowed, which is every name in front of ${host} and not ${host} itself`;
  for (const [changed, says] of CHANGES) {
    const near = changed(origin);
    if (near !== origin && isOriginAllowed(near, allowed)) return `${entryFor(near, allowed)} is allowed, and ${says}`;
  }
  const otherPort = allowed.find((entry) => hostOf(entry) === host && entry.split(':')[0] === origin.split(':')[0]);
  if (otherPort !== undefined) return `${otherPort} is allowed, and its port is another`;
  const above = allowed.find((entry) => host.endsWith(`.${hostOf(entry)}`));
  if (above !== undefined)
    return `${above} is allowed, and that is not what stands in front of it: *.${hostOf(above)} would be`;
  return null;
}

function entryFor(origin: string, allowed: readonly string[]): string {
  return allowed.find((entry) => isOriginAllowed(origin, [entry])) ?? origin;
}

function hostOf(origin: string): string {
  return origin.replace(/^[a-z][a-z0-9+.-]*:\/\//, '').replace(/:\d+$/, '');
}

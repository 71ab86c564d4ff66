/** Giving uploads to those who may see them. What is given never runs: its type is fixed, and pages may only show it. */
import type { Principal } from '../../auth/principal.ts';
import type { Refusal } from '../../protocol/errors.ts';
import type { RouteResponse } from '../app-route.ts';
import { disposition } from './file-name.ts';
import { isShown } from './file-types.ts';
import { badLink, objectOf, readProblem, unknownUpload, type MediaPorts } from './ports.ts';
import type { SignedRequest } from './receiving.ts';
import type { ByteRange } from './storage.ts';
import { findByUrls, findUpload } from './store.ts';
import type { UploadRow } from './tables.ts';

/** What is there never changes. */
const FOREVER = 'private, max-age=31536000, immutable';

export interface Wanted {
  readonly range: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

export async function readUpload(
  ports: MediaPorts,
  principal: Principal,
  id: string,
  wanted: Wanted,
): Promise<RouteResponse | Refusal> {
  const row = await findUpload(ports.database, id);
  const problem = row === null ? unknownUpload(ports) : await readProblem(ports, principal, row);
  return row === null || problem !== null ? (problem ?? unknownUpload(ports)) : give(ports, row, wanted);
}

export async function readSigned(
  ports: MediaPorts,
  { id, expires, signature }: SignedRequest,
  wanted: Wanted,
): Promise<RouteResponse | Refusal> {
  if (!(await ports.links.isGood('GET', id, expires, signature))) return badLink(ports);
  const row = await findUpload(ports.database, id);
  return row === null || row.bytes === null ? unknownUpload(ports) : give(ports, row, wanted);
}

export interface NamedLink {
  readonly url: string;
  /** For pages, which send no token with an image; `null` where there is nothing that the user may see. */
  readonly link: string | null;
  /** In RFC 3339. */
  readonly expiresAt: string | null;
}

/** Links for uploads that messages name, in the order in which they are named. */
export async function linksFor(
  ports: MediaPorts,
  principal: Principal,
  named: readonly string[],
): Promise<readonly NamedLink[]> {
  const rows = await findByUrls(ports.database, principal.tenant, named);
  const secs = ports.settings.link_secs;
  return Promise.all(
    named.map(async (name) => {
      const row = rows.find(({ id, url }) => id === name || url === name);
      if (row === undefined || (await readProblem(ports, principal, row)) !== null)
        return { url: name, link: null, expiresAt: null };
      const { url, expires } = await ports.links.sign('GET', row.id, secs, secs);
      return { url: name, link: url, expiresAt: new Date(expires).toISOString() };
    }),
  );
}

async function give(
  ports: MediaPorts,
  row: UploadRow,
  { range, ifNoneMatch }: Wanted,
): Promise<RouteResponse | Refusal> {
  const { storage, settings } = ports;
  const { id, type, name, bytes } = row;
  const size = bytes ?? 0;
  const etag = `"${id}"`;
  const headers = {
    'content-type': type,
    'content-disposition': disposition(name, isShown(type)),
    'cache-control': FOREVER,
    etag,
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  };
  if (ifNoneMatch?.split(',').some((one) => one.trim() === etag)) return { status: 304, headers };
  const direct = await storage.getLink(objectOf(row), headers, settings.link_secs);
  if (direct !== null) return { status: 302, headers: { location: direct, 'cache-control': 'no-store' } };
  const part = rangeOf(range, size);
  if (part === 'none') return { status: 416, headers: { 'content-range': `bytes */${size}` } };
  const body = await storage.open(objectOf(row), part);
  if (body === null) return unknownUpload(ports);
  if (part === null) return { headers: { ...headers, 'content-length': String(size) }, body };
  const { first, last } = part;
  const length = String(last - first + 1);
  return {
    status: 206,
    headers: { ...headers, 'content-length': length, 'content-range': `bytes ${first}-${last}/${size}` },
    body,
  };
}

/** One range of bytes; several, and what is none, are answered with the whole (RFC 9110 section 14.2). */
function rangeOf(header: string | undefined, size: number): ByteRange | 'none' | null {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return null;
  if (from === '')
    return Number(to) === 0 || size === 0 ? 'none' : { first: Math.max(0, size - Number(to)), last: size - 1 };
  const first = Number(from);
  if (to !== '' && Number(to) < first) return null;
  return first >= size ? 'none' : { first, last: Math.min(size - 1, to === '' ? size - 1 : Number(to)) };
}

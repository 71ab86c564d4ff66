/** Files of customers: from Meta into the storage of this server, piece by piece. Whatever happens to a file, its text goes on. */
import type { KeptFile } from '../../media/public.ts';
import { graphUrl } from '../egress/graph.ts';
import type { Ports } from '../ports.ts';
import type { Call } from '../tokens/call.ts';
import { fieldsOf, numberOf, textOf } from '../transforms/fields.ts';
import type { MediaContent } from '../transforms/message.ts';

export interface FilePlace {
  readonly tenant: string;
  readonly owner: string;
  readonly conversation: string;
}

export type FetchedFile =
  | { readonly state: 'stored'; readonly file: KeptFile }
  /** Never. */
  | { readonly state: 'failed' | 'too_large' | 'wrong_type'; readonly reason: string }
  /** Perhaps later. */
  | { readonly state: 'pending'; readonly reason: string };

export interface FilePorts extends Pick<Ports, 'credentials' | 'settings' | 'media' | 'host'> {
  readonly call: Call;
}

/** Asked too early, too often or by a token that was replaced: all others mean never. */
const AGAIN: ReadonlySet<number> = new Set([401, 408, 425, 429]);

export async function fetchFile(
  ports: FilePorts,
  place: FilePlace,
  { id = '', media, name }: MediaContent,
  signal: AbortSignal,
): Promise<FetchedFile> {
  const { settings, credentials, call } = ports;
  const known = await credentials.of('whatsapp', place.tenant);
  if (known === null) return { state: 'failed', reason: 'the tenant has no credentials of WhatsApp that are whole' };
  const authorization = `Bearer ${known.accessToken}`;
  const told = await call({
    url: graphUrl(ports, encodeURIComponent(id)),
    method: 'GET',
    headers: { authorization },
    timeoutMs: settings.call_ms,
    signal,
  });
  if (told.kind !== 'answer') return { state: 'pending', reason: `WhatsApp does not answer: ${told.detail}` };
  if (told.status !== 200) return refusedBy(ports, place.tenant, told.status);
  const facts = fieldsOf(told.json ?? {});
  const url = textOf(facts['url']);
  if (url === undefined || !/^https?:\/\//.test(url)) return { state: 'failed', reason: 'WhatsApp says no place' };
  const size = numberOf(facts['file_size']) ?? 0;
  if (size > settings.media_bytes) return tooLarge(settings.media_bytes);
  try {
    return await take(ports, place, { url, authorization, name: name ?? media }, signal);
  } catch (error) {
    return { state: 'pending', reason: error instanceof Error ? error.name : 'the file broke off' };
  }
}

async function take(
  { settings, media, host, credentials }: FilePorts,
  place: FilePlace,
  { url, authorization, name }: { readonly url: string; readonly authorization: string; readonly name: string },
  signal: AbortSignal,
): Promise<FetchedFile> {
  const response = await fetch(url, { headers: { authorization }, signal });
  const { status, body } = response;
  if (status !== 200 || body === null) {
    await body?.cancel();
    return refusedBy({ credentials }, place.tenant, status);
  }
  if (Number(response.headers.get('content-length') ?? 0) > settings.media_bytes) {
    await body.cancel();
    return tooLarge(settings.media_bytes);
  }
  const file = await media.keep({ ...place, name, maxBytes: settings.media_bytes }, body as AsyncIterable<Uint8Array>);
  if (!host.isRefusal(file)) return { state: 'stored', file };
  return file.reason === 'payload_too_large'
    ? tooLarge(settings.media_bytes)
    : { state: 'wrong_type', reason: 'the file is of a type that is not kept' };
}

function refusedBy({ credentials }: Pick<FilePorts, 'credentials'>, tenant: string, status: number): FetchedFile {
  if (status === 401) credentials.renew('whatsapp', tenant);
  const isLater = status >= 500 || AGAIN.has(status);
  return { state: isLater ? 'pending' : 'failed', reason: `WhatsApp answered ${status} for the file` };
}

function tooLarge(most: number): FetchedFile {
  return { state: 'too_large', reason: `the file is larger than ${most} bytes` };
}

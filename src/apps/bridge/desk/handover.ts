/** A message as Genesys can read it: a file of a customer by a link of this server. */
import type { Ports } from '../ports.ts';
import { optional } from '../transforms/fields.ts';
import type { Content } from '../transforms/message.ts';

/** @param file where it is stored here; without, Genesys is told that there was one */
export async function handoverOf(
  { media, settings }: Pick<Ports, 'media' | 'settings'>,
  content: Content,
  file: { readonly id: string; readonly type: string; readonly name: string } | null,
): Promise<Content> {
  if (content.kind !== 'media') return content;
  const { id: _atMeta, ...said } = content;
  if (file === null) return said;
  const url = await media.link(file.id, settings.link_secs);
  return { ...said, id: file.id, mime: file.type, name: file.name, ...optional('url', url ?? undefined) };
}

/** In which topics connections of this node are present, for operators. */
import { wireName } from '../protocol/topic.ts';
import type { Node } from './node.ts';

export function listPresence(node: Node, offset: number, limit: number, prefix: string): Record<string, unknown> {
  const { context, mode } = node.parts;
  const all = [...(context.presence?.presence.overview() ?? [])].filter(([topic]) =>
    wireName(topic).startsWith(prefix),
  );
  const ranked = all.sort(([, one], [, other]) => other - one);
  return {
    node: mode.name,
    total: all.length,
    offset,
    next_offset: offset + limit < all.length ? offset + limit : null,
    topics: ranked.slice(offset, offset + limit).map(([topic, present]) => ({ topic: wireName(topic), present })),
  };
}

/** The handlers of frames of a type: an application that has taken the type, or all types that begin alike (`X-Shop-*`). */
import type { FrameHandler } from './context.ts';

/** Only types that nobody has taken cost more than one look. The longest beginning counts, up to a `-`. */
export function frameHandlerOf(handlers: ReadonlyMap<string, FrameHandler>, type: string): FrameHandler | undefined {
  const exact = handlers.get(type);
  if (exact !== undefined || handlers.size === 0) return exact;
  for (let end = type.lastIndexOf('-'); end > 0; end = type.lastIndexOf('-', end - 1)) {
    const family = handlers.get(`${type.slice(0, end + 1)}*`);
    if (family !== undefined) return family;
  }
  return undefined;
}

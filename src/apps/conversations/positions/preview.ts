/** What a list shows of a message. */
interface Shown {
  readonly type: string;
  readonly text: string | null;
}

/** @param payload JSON text, as it is stored */
export function previewOf(payload: string, characters: number): Shown {
  const read: unknown = JSON.parse(payload);
  if (typeof read !== 'object' || read === null) return { type: 'text', text: null };
  const { type, content } = read as { readonly type?: unknown; readonly content?: unknown };
  const kind = typeof type === 'string' ? type : 'text';
  return { type: kind, text: typeof content === 'string' ? shortened(content, characters) : null };
}

export function isDeletedText(payload: string): boolean {
  const read: unknown = JSON.parse(payload);
  return typeof read === 'object' && read !== null && (read as { readonly deleted?: unknown }).deleted === true;
}

/** By characters, not by halves of them. */
function shortened(text: string, characters: number): string {
  if (text.length <= characters) return text;
  return `${Array.from(text.slice(0, characters * 2))
    .slice(0, characters)
    .join('')}…`;
}

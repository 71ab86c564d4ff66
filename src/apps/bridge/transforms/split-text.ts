/** Long texts are sent in parts: cut at the end of a line, of a word, or where it has to be, never within a character. */

/** @param most UTF-16 units of a part, more than 1 */
export function splitText(text: string, most: number): readonly string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > most) {
    const at = cutIn(rest, most);
    parts.push(rest.slice(0, at).trimEnd());
    rest = rest.slice(at).trimStart();
  }
  if (rest !== '' || parts.length === 0) parts.push(rest);
  return parts.filter((part, index) => part !== '' || (index === 0 && parts.length === 1));
}

/** Cut off with a mark that something is missing. */
export function cutText(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, wholeAt(text, most - 1))}…`;
}

function cutIn(text: string, most: number): number {
  // A part of less than half would be a needless message.
  for (const mark of ['\n', ' ']) {
    const at = text.lastIndexOf(mark, most);
    if (at > most / 2) return at;
  }
  return wholeAt(text, most);
}

function wholeAt(text: string, at: number): number {
  const unit = text.charCodeAt(at - 1);
  return unit >= 0xd8_00 && unit <= 0xdb_ff ? at - 1 : at;
}

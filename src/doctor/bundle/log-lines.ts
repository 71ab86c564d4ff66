/** The last lines of a log, with what is known to hold nothing of anybody: other texts are told by their length. */

const LINES = 2_000;
/** Fields with words of our own. */
const OURS = new Set([
  'level',
  'timestamp',
  'node',
  'target',
  'message',
  'reason',
  'state',
  'before',
  'why',
  'mode',
  'method',
  'command',
  'route',
  'part',
  'format',
  'transport',
]);

/** @param text of a log in JSON, a line an entry; lines of other forms are counted */
export function lastLines(text: string): string {
  const lines = text.trimEnd().split('\n').slice(-LINES);
  const shown = lines.flatMap((line) => {
    const entry = parsed(line);
    return entry === null ? [] : [JSON.stringify(Object.fromEntries(Object.entries(entry).map(shownField)))];
  });
  const left = lines.length - shown.length;
  return [...shown, ...(left === 0 ? [] : [`${left} lines are no JSON and were left out`])].join('\n');
}

function shownField([name, value]: [string, unknown]): [string, unknown] {
  if (OURS.has(name) || typeof value === 'number' || typeof value === 'boolean' || value === null) return [name, value];
  return [name, `[${(typeof value === 'string' ? value : JSON.stringify(value)).length} characters]`];
}

function parsed(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

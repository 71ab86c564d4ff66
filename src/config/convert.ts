/** Text of a variable or a flag as what its key takes. */
import type { Key } from './keys.ts';

/** `undefined` when the text is nothing of that kind. Lists are comma-separated or JSON. */
export function convert(key: Key, text: string): unknown {
  switch (key.kind) {
    case 'true or false':
      return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : undefined;
    case 'whole number':
    case 'number':
      return /^-?\d[\d_]*(\.\d+)?(e\d+)?$/i.test(text) ? Number(text.replaceAll('_', '')) : undefined;
    case 'list':
      if (!text.startsWith('[')) return text === '' ? [] : text.split(',').map((item) => item.trim());
      return parseJson(text);
    case 'list of tables':
      return parseJson(text);
    default:
      return text;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
